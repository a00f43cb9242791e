// SPDX-License-Identifier: MIT
//
// Frames where they lie in the ring, perhaps over its end: their headers, and the mark of an fsync in one of them.
// Pure functions over bytes, used by the write lock's holder. When a frame is marked is left to the writer.

#ifndef REWAL_COMMIT_RING_FRAMES_HPP
#define REWAL_COMMIT_RING_FRAMES_HPP

#include <cstddef>

#include <rewal/format/format.hpp>
#include <rewal/format/frame_sink.hpp>
#include <rewal/queue/ring_span.hpp>

namespace rewal::detail {

/// Of the frame that begins at `at`.
[[nodiscard]] inline format::Header header_at(const RingSpan<std::byte>& bytes, std::size_t at) noexcept {
  std::byte header[format::header_bytes];
  bytes.copy_to(at, header);
  return format::load_header(header);
}

/// Sets bit 1 of the frame that the ring gives next, which is published, and mends its CRC.
template <class Queue>
void mark_next_frame(Queue& ring) noexcept {
  const std::size_t size = header_at(ring.front(format::header_bytes), 0).size;
  const RingSpan<std::byte> frame = ring.front(size);  // the write may end inside
  set_synced_before(frame);
  mend_crc_after_set(frame, size);
}

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_RING_FRAMES_HPP
