// SPDX-License-Identifier: MIT
//
// JoinBuffer: makes one piece of bytes that run over the end of the ring, so that a small run is one write.
// Used by the write lock's holder. What is too large for it stays in two pieces.

#ifndef REWAL_COMMIT_JOIN_BUFFER_HPP
#define REWAL_COMMIT_JOIN_BUFFER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <rewal/queue/ring_span.hpp>

namespace rewal::detail {

class JoinBuffer {
 public:
  explicit JoinBuffer(std::uint64_t most_write_bytes)
      : bytes_(static_cast<std::size_t>((std::min)(most_write_bytes, most_bytes))), memory_(new std::byte[bytes_]) {}

  /// `bytes` in one piece, where it can be; valid until the next call.
  [[nodiscard]] RingSpan<std::byte> joined(const RingSpan<std::byte>& bytes) noexcept {
    if (bytes.second.empty() || bytes.size() > bytes_) return bytes;
    std::memcpy(memory_.get(), bytes.first.data(), bytes.first.size());
    std::memcpy(memory_.get() + bytes.first.size(), bytes.second.data(), bytes.second.size());
    return {{memory_.get(), bytes.size()}, {}};
  }

 private:
  static constexpr std::uint64_t most_bytes = 256 * 1024;

  const std::size_t bytes_;
  const std::unique_ptr<std::byte[]> memory_;
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_JOIN_BUFFER_HPP
