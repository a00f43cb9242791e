// SPDX-License-Identifier: MIT
//
// Unnumbered: a frame that has no LSN yet, as a producer has it at hand: one record, or a region of records.
// A view, used by one thread. Where the frame goes, and which LSN it gets, is left to the queue.

#ifndef REWAL_LOG_UNNUMBERED_HPP
#define REWAL_LOG_UNNUMBERED_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/bytes.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/codec/frame_sink.hpp>
#include <rewal/codec/records.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/sync/ring.hpp>

namespace rewal::detail {

struct Unnumbered {
  Bytes payload;  // of the one record, or the region
  Bytes meta;     // of the one record
  std::uint32_t count = 1;
  std::uint16_t flags = 0;
  bool is_region = false;

  [[nodiscard]] REWAL_INLINE std::uint64_t frame_bytes() const noexcept {
    return format::frame_overhead + (is_region ? payload.size() : record_bytes(payload, meta));
  }

  /// Into `room`, which has exactly frame_bytes().
  REWAL_INLINE void encode(const RingSpan<std::byte>& room, Lsn first_lsn) const noexcept {
    if (REWAL_LIKELY(!is_region && room.second.empty())) {
      return encode_record_frame(room.first.data(), header(first_lsn), payload, meta);
    }
    encode(FrameSink(room.first, room.second), first_lsn);
  }

  /// Piece by piece, so that the sink can tell of its progress.
  template <class Progress>
  void encode(FrameSink<Progress> sink, Lsn first_lsn) const noexcept {
    if (is_region) {
      sink.put_region_frame(header(first_lsn), payload);
    } else {
      sink.put_record_frame(header(first_lsn), payload, meta);
    }
  }

 private:
  [[nodiscard]] REWAL_INLINE format::Header header(Lsn first_lsn) const noexcept {
    format::Header header;
    header.flags = flags;
    header.count = count;
    header.first_lsn = first_lsn;
    header.size = static_cast<std::uint32_t>(frame_bytes());
    return header;
  }
};

}  // namespace rewal::detail

#endif  // REWAL_LOG_UNNUMBERED_HPP
