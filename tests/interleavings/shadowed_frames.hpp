// SPDX-License-Identifier: MIT
//
// ShadowedFrames: what stands in the frames of a queue, and whether each access to its bytes is ordered with the others.
// The bytes beyond the beginning of the queue's memory are not watched.

#ifndef REWAL_TESTS_INTERLEAVINGS_SHADOWED_FRAMES_HPP
#define REWAL_TESTS_INTERLEAVINGS_SHADOWED_FRAMES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <rewal/lsn.hpp>
#include <rewal/queue/ring_span.hpp>

#include "scheduler.hpp"

namespace rewal_model {

class ShadowedFrames {
 public:
  using Lsn = rewal::Lsn;
  using Span = rewal::detail::RingSpan<std::byte>;

  /// `base` is where the queue's memory of so many bytes begins.
  ShadowedFrames(std::uint64_t bytes, const std::byte* base)
      : shadowed_bytes_(static_cast<std::size_t>((std::min)(bytes + 63, most_shadowed_bytes) / 64 * 64)),
        memory_(shadowed_bytes_ / 2),
        base_(base) {}

  /// Writes the first part of a frame; its content is in it.
  void fill(Lsn lsn, std::uint32_t size, std::uint32_t records, const Span& bytes, std::size_t first_part) {
    access(bytes.part(0, first_part), true);
    const Content content{lsn, size, records};
    std::byte raw[sizeof(Content)];
    std::memcpy(raw, &content, sizeof raw);
    for (std::size_t i = 0; i < sizeof raw; ++i) bytes[i] = raw[i];
  }

  /// Of a run of frames that is about to be consumed, whose first LSN is `next`; the LSN after its last.
  Lsn take(const Span& bytes, std::uint64_t frames, std::size_t last_at, Lsn next) {
    access(bytes, true);  // the writer patches flags
    std::size_t at = 0;
    std::size_t last = 0;
    for (std::uint64_t i = 0; i < frames; ++i) {
      Content content{};
      std::byte raw[sizeof(Content)];
      if (at + sizeof raw > bytes.size()) complain("a run is too short");
      bytes.copy_to(at, raw);
      std::memcpy(&content, raw, sizeof raw);
      check(content.first_lsn == next, "frames lie out of LSN order");
      next += content.records;
      last = at;
      at += content.size;
    }
    check(at == bytes.size() && last == last_at, "a run does not end with its last frame");
    return next;
  }

  /// In cells of two bytes.
  void access(const Span& bytes, bool writes) {
    for (const auto& part : {bytes.first, bytes.second}) {
      if (part.empty()) continue;
      const std::ptrdiff_t at = part.data() - base_;
      if (at < 0 || at >= static_cast<std::ptrdiff_t>(shadowed_bytes_)) continue;  // the rest of a large frame
      const std::size_t cell = static_cast<std::size_t>(at) / 2;
      const std::size_t cells = (part.size() + 1) / 2;
      if (writes)
        memory_.write(cell, cells);
      else
        memory_.read(cell, cells);
    }
  }

 private:
  static constexpr std::uint64_t most_shadowed_bytes = 1024;

  struct Content {
    Lsn first_lsn;
    std::uint32_t size;
    std::uint32_t records;
  };

  const std::size_t shadowed_bytes_;
  Shadow memory_;
  const std::byte* base_;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_SHADOWED_FRAMES_HPP
