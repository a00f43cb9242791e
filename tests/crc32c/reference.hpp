// SPDX-License-Identifier: MIT
//
// CRC-32C bit by bit, which every kernel must agree with.

#ifndef REWAL_TESTS_CRC32C_REFERENCE_HPP
#define REWAL_TESTS_CRC32C_REFERENCE_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rewal_test {

inline std::uint32_t crc_bit_by_bit(const std::byte* data, std::size_t size) {
  std::uint32_t state = 0xffffffff;
  for (std::size_t i = 0; i < size; ++i) {
    state ^= std::to_integer<std::uint32_t>(data[i]);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~state;
}

inline std::uint32_t crc_bit_by_bit(std::string_view text) {
  return crc_bit_by_bit(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

inline std::vector<std::byte> noise(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint64_t seed = 0x9e3779b97f4a7c15;
  for (std::byte& byte : bytes) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<std::byte>(seed >> 56);
  }
  return bytes;
}

/// The checksum of every prefix of `bytes`, so that one bit-by-bit pass answers for all lengths.
inline std::vector<std::uint32_t> crc_of_prefixes(const std::byte* bytes, std::size_t size) {
  std::vector<std::uint32_t> prefixes{0};
  std::uint32_t state = 0xffffffff;
  for (std::size_t i = 0; i < size; ++i) {
    state ^= std::to_integer<std::uint32_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78u : 0u);
    prefixes.push_back(~state);
  }
  return prefixes;
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_CRC32C_REFERENCE_HPP
