// SPDX-License-Identifier: MIT
//
// Recipe: a fuzzer's bytes read as choices, so that structure comes out of any bytes. Past its end all choices are 0.

#ifndef REWAL_TESTS_FUZZ_RECIPE_HPP
#define REWAL_TESTS_FUZZ_RECIPE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "second_checksum.hpp"

namespace rewal_fuzz {

class Recipe {
 public:
  Recipe(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const std::byte*>(data), size) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto value = std::to_integer<std::uint8_t>(left_[0]);
    left_ = left_.subspan(1);
    return value;
  }
  /// Below `n`, which is not 0; of as many bytes as that takes.
  std::size_t below(std::size_t n) {
    std::size_t value = 0;
    for (std::size_t rest = n - 1; rest != 0; rest >>= 8) value = value << 8 | byte();
    return value % n;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | byte();
    return value;
  }
  /// One time in `n`.
  bool once_in(std::size_t n) { return below(n) == 1; }
  /// Up to `size` of the bytes as they are.
  View bytes(std::size_t size) {
    const View taken = left_.first((std::min)(size, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  View left_;
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_RECIPE_HPP
