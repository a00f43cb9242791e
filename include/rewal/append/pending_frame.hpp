// SPDX-License-Identifier: MIT
//
// PendingFrame: a frame that has no LSN yet, as a producer has it at hand: one record, or a region of records.
// A view, used by one thread. Where the frame goes, and which LSN it gets, is left to the queue.

#ifndef REWAL_APPEND_PENDING_FRAME_HPP
#define REWAL_APPEND_PENDING_FRAME_HPP

#include <cstdint>

#include <rewal/bytes.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/frame_sink.hpp>
#include <rewal/format/records.hpp>
#include <rewal/lsn.hpp>

namespace rewal::detail {

struct PendingFrame {
  Bytes payload;  // of the one record, or the region
  Bytes meta;     // of the one record
  std::uint32_t count = 1;
  std::uint16_t flags = 0;
  bool is_region = false;

  [[nodiscard]] std::uint64_t frame_bytes() const noexcept {
    return is_region ? format::frame_overhead + payload.size() : record_frame_bytes(payload, meta);
  }

  /// To a sink with room for exactly frame_bytes().
  template <class Progress>
  void encode(FrameSink<Progress> sink, Lsn first_lsn) const noexcept {
    format::Header header;
    header.flags = flags;
    header.count = count;
    header.first_lsn = first_lsn;
    header.size = static_cast<std::uint32_t>(frame_bytes());
    if (is_region) {
      sink.put_region_frame(header, payload);
    } else {
      sink.put_record_frame(header, payload, meta);
    }
  }
};

}  // namespace rewal::detail

#endif  // REWAL_APPEND_PENDING_FRAME_HPP
