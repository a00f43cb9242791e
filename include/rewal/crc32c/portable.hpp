// SPDX-License-Identifier: MIT
//
// CRC-32C in plain C++: the tables, and the kernel for processors without a CRC instruction.
// Pure functions of their arguments over constant tables, so any thread may call them at any time.
// Which kernel runs is decided in crc32c.hpp; joining checksums is left to crc32c_math.hpp.
//
// The polynomial is Castagnoli's, bit-reflected: bit 31 of a state is the coefficient of x^0. A "state" is
// the register between bytes; the checksum that users see is the complement of a state, before and after.

#ifndef REWAL_CRC32C_PORTABLE_HPP
#define REWAL_CRC32C_PORTABLE_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/little_endian.hpp>

namespace rewal::detail {

inline constexpr std::uint32_t crc32c_polynomial = 0x82f63b78;

/// `state` times x.
constexpr std::uint32_t crc32c_times_x(std::uint32_t state) noexcept {
  return (state >> 1) ^ ((state & 1) != 0 ? crc32c_polynomial : 0);
}

/// Slicing by 8: `slice[k][b]` is the state that byte `b`, followed by `k` zero bytes, leaves behind.
struct Crc32cTables {
  std::uint32_t slice[8][256];
};

template <class = void>
constexpr Crc32cTables make_crc32c_tables() noexcept {
  Crc32cTables tables{};
  for (std::uint32_t bit = 0x80, state = 1; bit != 0; bit >>= 1) {
    state = crc32c_times_x(state);
    tables.slice[0][bit] = state;
  }
  for (std::uint32_t byte = 1; byte < 256; ++byte) {
    const std::uint32_t lowest = byte & (0 - byte);
    tables.slice[0][byte] = tables.slice[0][byte ^ lowest] ^ tables.slice[0][lowest];
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t shorter = tables.slice[k - 1][byte];
      tables.slice[k][byte] = (shorter >> 8) ^ tables.slice[0][shorter & 0xff];
    }
  }
  return tables;
}

template <class T = void>
inline constexpr Crc32cTables crc32c_tables = make_crc32c_tables<T>();

/// The state after one more byte.
template <class T = void>
constexpr std::uint32_t crc32c_step_byte(std::uint32_t state, std::uint8_t byte) noexcept {
  return (state >> 8) ^ crc32c_tables<T>.slice[0][(state ^ byte) & 0xff];
}

/// The state after eight more bytes, read as one little-endian word.
template <class T = void>
constexpr std::uint32_t crc32c_step_word(std::uint32_t state, std::uint64_t word) noexcept {
  const auto& slice = crc32c_tables<T>.slice;
  const std::uint32_t low = static_cast<std::uint32_t>(word) ^ state;
  const std::uint32_t high = static_cast<std::uint32_t>(word >> 32);
  return slice[7][low & 0xff] ^ slice[6][(low >> 8) & 0xff] ^ slice[5][(low >> 16) & 0xff] ^ slice[4][low >> 24] ^
         slice[3][high & 0xff] ^ slice[2][(high >> 8) & 0xff] ^ slice[1][(high >> 16) & 0xff] ^ slice[0][high >> 24];
}

template <bool Copy, class T = void>
std::uint32_t crc32c_portable(std::uint32_t crc, std::byte* to, const std::byte* from, std::size_t size) noexcept {
  std::uint32_t state = ~crc;
  for (; size >= 8; size -= 8, from += 8) {
    const std::uint64_t word = load_le<std::uint64_t>(from);
    if constexpr (Copy) {
      store_le(to, word);
      to += 8;
    }
    state = crc32c_step_word<T>(state, word);
  }
  for (; size > 0; --size, ++from) {
    if constexpr (Copy) *to++ = *from;
    state = crc32c_step_byte<T>(state, std::to_integer<std::uint8_t>(*from));
  }
  return ~state;
}

/// The 30 bytes that a frame of one record has before its content: three words, and six bytes of a fourth. A kernel
/// that gets them in registers need not read back what has just been stored.
struct Crc32cPrefix {
  static constexpr std::size_t bytes = 30;
  std::uint64_t first, second, third, six;

  void store(std::byte* to) const noexcept {
    store_le(to, first);
    store_le(to + 8, second);
    store_le(to + 16, third);
    store_le(to + 24, static_cast<std::uint32_t>(six));
    store_le(to + 28, static_cast<std::uint16_t>(six >> 32));
  }
};

/// `prefix`, then [from, from + size), copied to `to`, with a kernel's `copy` pass.
template <std::uint32_t (*copy)(std::uint32_t, std::byte*, const std::byte*, std::size_t) noexcept>
std::uint32_t crc32c_prefixed_copy_in_memory(const Crc32cPrefix& prefix, std::byte* to, const std::byte* from,
                                             std::size_t size) noexcept {
  std::byte stored[Crc32cPrefix::bytes];
  prefix.store(stored);
  return copy(copy(0, to, stored, sizeof stored), to + sizeof stored, from, size);
}

}  // namespace rewal::detail

#endif  // REWAL_CRC32C_PORTABLE_HPP
