// SPDX-License-Identifier: MIT
//
// AddressSanitizer's allocator has locks that fork() does not know of: a child that is born while another thread of its
// parent allocates, as one that is just starting does, hangs at its own next allocation. So a test waits until the other
// threads sleep, for a while, before it forks; without a sanitizer there is nothing to wait for.

#ifndef REWAL_TESTS_FORK_QUIESCENCE_HPP
#define REWAL_TESTS_FORK_QUIESCENCE_HPP

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include <support/sanitized.hpp>

namespace rewal_test {

#if defined(__linux__)

/// Whether all threads but this one sleep, as far as the system says.
inline bool other_threads_sleep() {
  std::error_code none;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none)) {
    if (task.path().filename() == std::to_string(::gettid())) continue;
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      if (word != "State:") continue;
      status >> word;
      if (word != "S") return false;
      break;
    }
  }
  return true;
}

inline void wait_for_other_threads() {
  if constexpr (sanitized) {
    int asleep = 0;
    for (int tries = 0; tries < 100 && asleep < 3; ++tries) {
      asleep = other_threads_sleep() ? asleep + 1 : 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

#else

inline void wait_for_other_threads() {}

#endif

}  // namespace rewal_test

#endif  // REWAL_TESTS_FORK_QUIESCENCE_HPP
