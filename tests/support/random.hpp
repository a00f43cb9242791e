// SPDX-License-Identifier: MIT
//
// Random: the same numbers everywhere, from any seed. Used by one thread at a time.

#ifndef REWAL_TESTS_SUPPORT_RANDOM_HPP
#define REWAL_TESTS_SUPPORT_RANDOM_HPP

#include <cstdint>
#include <initializer_list>

namespace rewal_test {

/// splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t from) noexcept : state_(from) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  /// Below `n`, which is not 0.
  std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }
  /// Once in `n` times.
  bool once_in(std::uint64_t n) noexcept { return below(n) == 0; }
  /// One of some values.
  template <class T>
  T among(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_RANDOM_HPP
