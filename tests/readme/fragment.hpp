// SPDX-License-Identifier: MIT
//
// What surrounds the blocks of a page that are no whole programs: each gets a fresh log, and main() calls them in turn.

#ifndef REWAL_TESTS_README_FRAGMENT_HPP
#define REWAL_TESTS_README_FRAGMENT_HPP

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <vector>

#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

using namespace std::chrono_literals;

struct Fragment {
  const char* name;
  int (*run)(rewal::Wal<>& wal);
};

extern const std::vector<Fragment> fragments;

int main() {
  for (const auto& fragment : fragments) {
    std::filesystem::remove("fragment.wal");
    auto wal = rewal::Wal<>::open("fragment.wal").build();
    if (!wal) {
      std::cerr << wal.error() << '\n';
      return 1;
    }
    if (fragment.run(*wal) != 0) {
      std::cerr << fragment.name << " failed\n";
      return 1;
    }
  }
  return 0;
}

#endif  // REWAL_TESTS_README_FRAGMENT_HPP
