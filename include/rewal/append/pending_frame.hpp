// SPDX-License-Identifier: MIT
//
// Unnumbered: a frame that has no LSN yet, as a producer has it at hand: one record, or a region of records.
// A view, used by one thread. Where the frame goes, and which LSN it gets, is left to the queue.

#ifndef REWAL_LOG_UNNUMBERED_HPP
#define REWAL_LOG_UNNUMBERED_HPP

#include <cstdint>

#include <rewal/bytes.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/codec/frame_sink.hpp>
#include <rewal/codec/records.hpp>
#include <rewal/lsn.hpp>

namespace rewal::detail {

struct Unnumbered {
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

#endif  // REWAL_LOG_UNNUMBERED_HPP
