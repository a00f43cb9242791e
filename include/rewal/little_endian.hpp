// SPDX-License-Identifier: MIT
//
// Little-endian integers in memory of any alignment, the same on every processor.
// Compilers turn each of these into one load or store where the processor allows it.

#ifndef REWAL_LITTLE_ENDIAN_HPP
#define REWAL_LITTLE_ENDIAN_HPP

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rewal::detail {

template <std::unsigned_integral T>
[[nodiscard]] inline T load_le(const std::byte* from) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  } else {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(std::to_integer<std::uint8_t>(from[i])) << (8 * i)));
    }
    return value;
  }
}

template <std::unsigned_integral T>
inline void store_le(std::byte* to, T value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &value, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
  }
}

}  // namespace rewal::detail

#endif  // REWAL_LITTLE_ENDIAN_HPP
