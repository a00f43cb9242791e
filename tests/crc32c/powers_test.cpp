// SPDX-License-Identifier: MIT
//
// The arithmetic of polynomials that the tables of CRC-32C are made by.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/crc32c/crc32c.hpp>

namespace {

using namespace rewal::detail;

/// a * b mod P, by the definition.
std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t sum = 0;
  for (; a != 0; a <<= 1) {
    if ((a & 0x80000000) != 0) sum ^= b;
    b = crc32c_times_x(b);
  }
  return sum;
}

/// x^exponent mod P.
std::uint32_t power(std::uint64_t exponent) {
  std::uint32_t result = 0x80000000;
  for (std::uint32_t square = 0x40000000; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = product(result, square);
    square = product(square, square);
  }
  return result;
}

TEST_CASE("powers of x keep the laws of arithmetic", "[crc32c]") {
  REQUIRE(power(32) == crc32c_polynomial);
  REQUIRE(product(crc32c_power_minus_33(), power(33)) == power(0));
  REQUIRE(crc32c_moved_portable(power(1000), power(234)) == power(1000 + 234 + 33));
  REQUIRE(crc32c_shift_portable(power(7), 1000) == power(8007));
}

TEST_CASE("every factor of the tables is the power of x that it stands for", "[crc32c]") {
  std::size_t wrong = 0;
  for (std::size_t words = 0; words <= Crc32cFolds::max_words; ++words) {
    if (product(crc32c_fold(words), power(33)) != power(64 * words)) ++wrong;
  }
  std::uint32_t unit = power(8);  // x^(8 * 16^place)
  for (const auto& place : crc32c_shifts<>.at) {
    std::uint32_t wanted = power(0);
    for (const std::uint32_t factor : place) {
      if (product(factor, power(33)) != wanted) ++wrong;
      wanted = product(wanted, unit);
    }
    unit = wanted;
  }
  REQUIRE(wrong == 0);
}

}  // namespace
