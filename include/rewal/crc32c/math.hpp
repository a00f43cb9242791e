// SPDX-License-Identifier: MIT
//
// Arithmetic on CRC-32C states as polynomials modulo P: products with powers of x, for joining and moving checksums.
// Pure functions of their arguments over constant tables, so any thread may call them at any time.
// Reading bytes is left to the kernels, and the choice among them to crc32c.hpp.
//
// One convention serves the tables here and every kernel. The carry-less product of two states, taken as a
// 64-bit message word, and that word put through the CRC from state 0, gives a * b * x^33 mod P: one x because the
// 63-bit product sits one bit low in a reflected word, x^32 because a CRC multiplies by it. So all constants hold
// x^(n - 33) where x^n is meant, and "multiply, then one CRC step" is the whole of a move by n bits.

#ifndef REWAL_CRC32C_MATH_HPP
#define REWAL_CRC32C_MATH_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/crc32c/portable.hpp>
#include <rewal/platform.hpp>

namespace rewal::detail {

/// x^-33 mod P. P has the term x^0, so x can be divided out: undo `crc32c_times_x` 33 times.
constexpr std::uint32_t crc32c_power_minus_33() noexcept {
  std::uint32_t power = 0x80000000;
  for (int i = 0; i < 33; ++i) {
    power = (power & 0x80000000) != 0 ? ((power ^ crc32c_polynomial) << 1) | 1 : power << 1;
  }
  return power;
}

/// Factors that move a state past `words` 8-byte words: `at[words]` is x^(64 * words - 33).
/// For streams that are read side by side in one loop and folded into one state after it.
struct Crc32cFolds {
  static constexpr std::size_t max_words = 512;
  std::uint32_t at[max_words + 1];
};

template <class T = void>
constexpr Crc32cFolds make_crc32c_folds() noexcept {
  Crc32cFolds folds{};
  folds.at[0] = crc32c_power_minus_33();
  for (std::size_t words = 1; words <= Crc32cFolds::max_words; ++words) {
    folds.at[words] = crc32c_step_word<T>(folds.at[words - 1], 0);
  }
  return folds;
}

template <class T = void>
inline constexpr Crc32cFolds crc32c_folds = make_crc32c_folds<T>();

template <class T = void>
REWAL_INLINE std::uint32_t crc32c_fold(std::size_t words) noexcept {
  return crc32c_folds<T>.at[words];
}

/// The carry-less product of two 32-bit polynomials from ordinary multiplications: each operand is spread over four
/// words with three zero bits after every bit, so that at most eight ones add up in a place and none carries out.
constexpr std::uint64_t crc32c_carryless_product(std::uint32_t a, std::uint32_t b) noexcept {
  constexpr std::uint64_t lane = 0x1111111111111111;
  const std::uint64_t a0 = a & lane, a1 = a & (lane << 1), a2 = a & (lane << 2), a3 = a & (lane << 3);
  const std::uint64_t b0 = b & lane, b1 = b & (lane << 1), b2 = b & (lane << 2), b3 = b & (lane << 3);
  const std::uint64_t p0 = (a0 * b0) ^ (a1 * b3) ^ (a2 * b2) ^ (a3 * b1);
  const std::uint64_t p1 = (a0 * b1) ^ (a1 * b0) ^ (a2 * b3) ^ (a3 * b2);
  const std::uint64_t p2 = (a0 * b2) ^ (a1 * b1) ^ (a2 * b0) ^ (a3 * b3);
  const std::uint64_t p3 = (a0 * b3) ^ (a1 * b2) ^ (a2 * b1) ^ (a3 * b0);
  return (p0 & lane) | (p1 & (lane << 1)) | (p2 & (lane << 2)) | (p3 & (lane << 3));
}

/// `state` times x^n, `factor` being x^(n - 33).
template <class T = void>
constexpr std::uint32_t crc32c_moved_portable(std::uint32_t state, std::uint32_t factor) noexcept {
  return crc32c_step_word<T>(0, crc32c_carryless_product(state, factor));
}

/// Factors that move a state past any number of bytes, one for each non-zero hexadecimal digit of the number:
/// `at[place][digit]` is x^(8 * digit * 16^place - 33).
struct Crc32cShifts {
  std::uint32_t at[16][16];
};

template <class T = void>
constexpr Crc32cShifts make_crc32c_shifts() noexcept {
  Crc32cShifts shifts{};
  std::uint32_t unit = crc32c_step_byte<T>(crc32c_power_minus_33(), 0);
  for (auto& place : shifts.at) {
    place[0] = crc32c_power_minus_33();
    for (std::size_t digit = 1; digit < 16; ++digit) place[digit] = crc32c_moved_portable<T>(place[digit - 1], unit);
    unit = crc32c_moved_portable<T>(place[15], unit);
  }
  return shifts;
}

template <class T = void>
inline constexpr Crc32cShifts crc32c_shifts = make_crc32c_shifts<T>();

/// `state` after `bytes` zero bytes, without reading any: O(log bytes).
template <class T = void>
std::uint32_t crc32c_shift_portable(std::uint32_t state, std::uint64_t bytes) noexcept {
  for (std::size_t place = 0; bytes != 0; ++place, bytes >>= 4) {
    const std::size_t digit = bytes & 15;
    if (digit != 0) state = crc32c_moved_portable<T>(state, crc32c_shifts<T>.at[place][digit]);
  }
  return state;
}

}  // namespace rewal::detail

#endif  // REWAL_CRC32C_MATH_HPP
