// SPDX-License-Identifier: MIT
//
// A line of progress on standard error, at most once a second, for work that takes longer than that.

#ifndef REWAL_EXAMPLES_QUICKSTART_PROGRESS_HPP
#define REWAL_EXAMPLES_QUICKSTART_PROGRESS_HPP

#include <chrono>
#include <cstddef>
#include <cstdio>

namespace quickstart {

class Progress {
 public:
  Progress(const char* what, std::size_t total) : what_(what), total_(total) {}

  void reached(std::size_t count) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds{1}) return;
    last_ = now;
    std::fprintf(stderr, "%s %zu of %zu lines (%zu %%)\n", what_, count, total_, count * 100 / total_);
  }

 private:
  const char* what_;
  std::size_t total_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace quickstart

#endif  // REWAL_EXAMPLES_QUICKSTART_PROGRESS_HPP
