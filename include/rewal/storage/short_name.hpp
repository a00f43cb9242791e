// SPDX-License-Identifier: MIT
//
// A path whose last part leaves room for what a name beside it has behind it, where file systems end names.
// Pure; any thread. What stands behind is left to the caller.

#ifndef REWAL_STORAGE_SHORT_NAME_HPP
#define REWAL_STORAGE_SHORT_NAME_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/crc32c/crc32c.hpp>
#include <rewal/platform.hpp>
#include <rewal/storage/path.hpp>

namespace rewal::detail {

/// `path`, its last part no longer than leaves room for `most_behind` more. What was left out of it stands there as a
/// checksum, so that different files have different names.
[[nodiscard]] inline NativePath shortened(const NativePath& path, std::size_t most_behind) {
  constexpr std::size_t longest_name = 255;
  constexpr std::size_t checksum_digits = 9;
  constexpr NativePath::value_type separators[] = {'/', REWAL_WINDOWS ? '\\' : '/', 0};
  const auto slash = path.find_last_of(separators);
  const std::size_t begin = slash == NativePath::npos ? 0 : slash + 1;
  if (path.size() - begin + most_behind <= longest_name) return path;
  const std::uint32_t checksum = crc32c(0, reinterpret_cast<const std::byte*>(path.data() + begin),
                                        (path.size() - begin) * sizeof(NativePath::value_type));
  std::size_t end = begin + longest_name - most_behind - checksum_digits;
  while (end > begin && (static_cast<unsigned>(path[end]) & 0xC0u) == 0x80u) --end;  // no half character of UTF-8
  NativePath name = path.substr(0, end);
  name += '~';
  for (int shift = 28; shift >= 0; shift -= 4) {
    name += static_cast<NativePath::value_type>("0123456789abcdef"[(checksum >> shift) & 15u]);
  }
  return name;
}

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_SHORT_NAME_HPP
