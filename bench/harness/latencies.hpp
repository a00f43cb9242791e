// SPDX-License-Identifier: MIT
//
// Latencies: one entry for each call, and their percentiles. One thread; join those of several afterwards.

#ifndef REWAL_BENCH_LATENCIES_HPP
#define REWAL_BENCH_LATENCIES_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bench {

class Latencies {
 public:
  static constexpr std::array<std::pair<const char*, double>, 5> percentiles{
      {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}}};

  void reserve(std::size_t calls) { nanoseconds_.reserve(calls); }
  void add(double nanoseconds) { nanoseconds_.push_back(static_cast<float>(nanoseconds)); }
  void add(const Latencies& other) {
    nanoseconds_.insert(nanoseconds_.end(), other.nanoseconds_.begin(), other.nanoseconds_.end());
  }
  [[nodiscard]] std::size_t size() const { return nanoseconds_.size(); }

  /// That many of the calls took at most so long.
  [[nodiscard]] double percentile(double share) {
    if (nanoseconds_.empty()) return 0;
    const double last = static_cast<double>(nanoseconds_.size() - 1);
    const auto nth = nanoseconds_.begin() + static_cast<std::ptrdiff_t>(share * last);
    std::nth_element(nanoseconds_.begin(), nth, nanoseconds_.end());
    return *nth;
  }

 private:
  std::vector<float> nanoseconds_;
};

}  // namespace bench

#endif  // REWAL_BENCH_LATENCIES_HPP
