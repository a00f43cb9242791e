// SPDX-License-Identifier: MIT
//
// Where a frame may begin: the search for the letters EWAL. A pure function over bytes.
// Whether a frame does begin there is left to the format's rules.

#ifndef REWAL_FORMAT_MAGIC_HPP
#define REWAL_FORMAT_MAGIC_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <rewal/bytes.hpp>
#include <rewal/format/format.hpp>
#include <rewal/little_endian.hpp>

namespace rewal::detail {

/// Where the letters EWAL begin first in `bytes`, or bytes.size().
[[nodiscard]] inline std::size_t find_magic(Bytes bytes) noexcept {
  constexpr std::size_t magic_bytes = sizeof format::magic;
  std::size_t at = 0;
  while (bytes.size() - at >= magic_bytes) {
    const void* const hit = std::memchr(bytes.data() + at, 'E', bytes.size() - at - (magic_bytes - 1));
    if (hit == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - bytes.data());
    if (load_le<std::uint32_t>(bytes.data() + at) == format::magic) return at;
    ++at;
  }
  return bytes.size();
}

}  // namespace rewal::detail

#endif  // REWAL_FORMAT_MAGIC_HPP
