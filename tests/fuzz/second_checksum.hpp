// SPDX-License-Identifier: MIT
//
// A second CRC-32C, which shares no code with the library: one table, and the checksums of all prefixes, from which
// that of any range follows in a few steps. Used by one thread. What the ranges mean is left to the judge.

#ifndef REWAL_TESTS_FUZZ_SECOND_CHECKSUM_HPP
#define REWAL_TESTS_FUZZ_SECOND_CHECKSUM_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rewal_fuzz {

using Image = std::vector<std::byte>;
using View = std::span<const std::byte>;

/// The register of a CRC-32C, before the last complement, after `byte` went in.
inline std::uint32_t crc_step(std::uint32_t state, std::byte byte) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
      made[i] = value;
    }
    return made;
  }();
  return (state >> 8) ^ table[(state ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
}

inline std::uint32_t crc_register(std::uint32_t state, View bytes) {
  for (const std::byte byte : bytes) state = crc_step(state, byte);
  return state;
}

inline constexpr std::uint32_t crc_start = 0xFFFFFFFF;

inline std::uint32_t crc_of(View bytes) { return ~crc_register(crc_start, bytes); }

/// The register after `zeros` zero bytes: a linear map, so powers of two of them are kept as matrices.
inline std::uint32_t crc_after_zeros(std::uint32_t state, std::uint64_t zeros) {
  using Matrix = std::array<std::uint32_t, 32>;
  constexpr auto apply = [](const Matrix& matrix, std::uint32_t vector) {
    std::uint32_t result = 0;
    for (std::size_t bit = 0; vector != 0; ++bit, vector >>= 1) {
      if ((vector & 1) != 0) result ^= matrix[bit];
    }
    return result;
  };
  static const auto powers = [apply] {
    std::array<Matrix, 33> made{};
    for (std::size_t bit = 0; bit < 32; ++bit) made[0][bit] = crc_step(1u << bit, std::byte{0});
    for (std::size_t power = 1; power < made.size(); ++power) {
      for (std::size_t bit = 0; bit < 32; ++bit) made[power][bit] = apply(made[power - 1], made[power - 1][bit]);
    }
    return made;
  }();
  for (std::size_t power = 0; zeros != 0; ++power, zeros >>= 1) {
    if ((zeros & 1) != 0) state = apply(powers[power], state);
  }
  return state;
}

class SecondChecksums {
 public:
  explicit SecondChecksums(View file) : prefixes_(file.size() + 1) {
    for (std::size_t i = 0; i < file.size(); ++i) prefixes_[i + 1] = crc_step(prefixes_[i], file[i]);
  }

  /// The CRC of what brought the register to `state`, followed by [from, to).
  [[nodiscard]] std::uint32_t after(std::uint32_t state, std::size_t from, std::size_t to) const {
    return ~(crc_after_zeros(state ^ prefixes_[from], to - from) ^ prefixes_[to]);
  }
  [[nodiscard]] std::uint32_t of(std::size_t from, std::size_t to) const { return after(crc_start, from, to); }

 private:
  std::vector<std::uint32_t> prefixes_;  // the register after that many bytes, begun at 0
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_SECOND_CHECKSUM_HPP
