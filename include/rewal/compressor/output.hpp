// SPDX-License-Identifier: MIT
//
// What the adapters of compression libraries do alike with the bytes that they append.
// Any thread; a target belongs to its caller. Formats, limits and what the libraries say are left to the adapters.

#ifndef REWAL_COMPRESSOR_OUTPUT_HPP
#define REWAL_COMPRESSOR_OUTPUT_HPP

#include <cstddef>
#include <vector>

#include <rewal/error.hpp>
#include <rewal/platform.hpp>

namespace rewal::detail {

/// Makes `target` `size` bytes long; false where memory is short. What lay behind the end of an empty one is not worth
/// a copy, nor two buffers at once.
[[nodiscard]] inline bool grow(std::vector<std::byte>& target, std::size_t size) noexcept {
  REWAL_TRY {
    if (target.empty() && size > target.capacity()) target = std::vector<std::byte>();
    target.reserve(size);
    target.resize(size);
    return true;
  }
  REWAL_CATCH_ALL { return false; }
}

[[nodiscard]] inline Error over_frame_limit() noexcept {
  return {Errc::corrupted, "a compressed frame holds more than max_frame_bytes: raise that limit to read it"};
}

}  // namespace rewal::detail

#endif  // REWAL_COMPRESSOR_OUTPUT_HPP
