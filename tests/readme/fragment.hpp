// SPDX-License-Identifier: MIT
//
// What surrounds a README block that is no whole program: a fresh log, and main().

#ifndef REWAL_TESTS_README_FRAGMENT_HPP
#define REWAL_TESTS_README_FRAGMENT_HPP

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include <rewal/wal.hpp>

using namespace std::chrono_literals;

int fragment(rewal::Wal<>& wal);

int main() {
  std::filesystem::remove("fragment.wal");
  auto wal = rewal::Wal<>::open("fragment.wal").build();
  if (!wal) {
    std::cerr << wal.error() << '\n';
    return 1;
  }
  return fragment(*wal);
}

#endif  // REWAL_TESTS_README_FRAGMENT_HPP
