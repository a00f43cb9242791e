// SPDX-License-Identifier: MIT
//
// FrameSink: where one frame is encoded, in one pass: each byte is copied and checksummed together.
// Used by one thread, once. The room may come in two pieces; who owns it, and who is told that the frame is complete,
// is left to the caller.

#ifndef REWAL_FORMAT_FRAME_SINK_HPP
#define REWAL_FORMAT_FRAME_SINK_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/records.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/platform.hpp>

namespace rewal::detail {

/// Told after every so many bytes how far the frame is complete; by default nobody is.
struct NoProgress {
  static constexpr std::size_t every_bytes = SIZE_MAX;
  void operator()(std::size_t) const noexcept {}
};

/// The frame of one event, to `room` in one piece: the short way.
template <class = void>
REWAL_INLINE void encode_record_frame(std::byte* room, Lsn lsn, std::uint32_t size, Bytes payload,
                                      Bytes meta) noexcept {
  format::Header header;
  header.count = 1;
  header.first_lsn = lsn;
  header.size = size;
  const format::HeaderWords words = format::header_words(header);
  const Crc32cPrefix prefix{words.first, words.second, words.third, record_header_word(payload, meta)};
  std::uint32_t crc = 0;
  if (meta.empty()) {
    crc = crc32c_prefixed_copy(prefix, room, payload.data(), payload.size());
  } else {
    crc = crc32c_prefixed_copy(prefix, room, meta.data(), meta.size());
    crc = crc32c_copy(crc, room + Crc32cPrefix::bytes + meta.size(), payload.data(), payload.size());
  }
  store_le(room + size - format::trailer_bytes, crc);
}

template <class Progress = NoProgress>
class FrameSink {
 public:
  /// Room for exactly the frame, of which `second` follows `first`.
  FrameSink(std::span<std::byte> first, std::span<std::byte> second, Progress progress = {}) noexcept
      : piece_(first), next_piece_(second), progress_(progress) {}

  /// The frame of one event.
  void put_record_frame(const format::Header& header, Bytes payload, Bytes meta) noexcept {
    constexpr std::size_t prefix_bytes = format::header_bytes + format::record_header_bytes;
    alignas(8) std::byte prefix[prefix_bytes + 2];  // whole words
    format::store_header(prefix, header);
    store_le(prefix + format::header_bytes, record_header_word(payload, meta));
    put({prefix, prefix_bytes});
    if (!meta.empty()) put(meta);
    put(payload);
    put_trailer();
  }

  /// A frame whose records region is ready.
  void put_region_frame(const format::Header& header, Bytes region) noexcept {
    alignas(8) std::byte prefix[format::header_bytes];
    format::store_header(prefix, header);
    put(prefix);
    put(region);
    put_trailer();
  }

 private:
  void put(Bytes bytes) noexcept {
    if (REWAL_UNLIKELY(bytes.size() > piece_.size())) {
      const std::size_t fitting = piece_.size();
      put_contiguous(bytes.first(fitting));
      piece_ = next_piece_;
      next_piece_ = {};
      bytes = bytes.subspan(fitting);
    }
    put_contiguous(bytes);
  }
  void put_contiguous(Bytes bytes) noexcept {
    while (bytes.size() > Progress::every_bytes) {
      copy(bytes.first(Progress::every_bytes));
      progress_(complete_);
      bytes = bytes.subspan(Progress::every_bytes);
    }
    copy(bytes);
  }
  void copy(Bytes bytes) noexcept {
    crc_ = crc32c_copy(crc_, piece_.data(), bytes.data(), bytes.size());
    piece_ = piece_.subspan(bytes.size());
    complete_ += bytes.size();
  }
  void put_trailer() noexcept {
    std::byte trailer[format::trailer_bytes];
    store_le(trailer, crc_);
    const std::size_t fitting = (std::min)(piece_.size(), sizeof trailer);
    if (fitting != 0) std::memcpy(piece_.data(), trailer, fitting);
    if (fitting != sizeof trailer) std::memcpy(next_piece_.data(), trailer + fitting, sizeof trailer - fitting);
    progress_(complete_ + sizeof trailer);
  }

  std::span<std::byte> piece_;       // what is left of the piece being filled
  std::span<std::byte> next_piece_;  // the piece after it
  std::uint32_t crc_ = 0;            // of everything put so far
  std::size_t complete_ = 0;         // bytes put so far
  [[no_unique_address]] Progress progress_;
};

/// Sets "everything before this frame had been fsynced" in the header of `frame`.
template <class IndexableBytes>
void set_synced_before(const IndexableBytes& frame) noexcept {
  frame[format::flags_at] |= std::byte{format::flag_synced_before};
}

/// Mends the CRC of the complete `frame[0, size)` after set_synced_before(): the CRC is linear, so one bit changes it
/// by a constant that depends on the frame's size alone.
template <class IndexableBytes>
void mend_crc_after_set(const IndexableBytes& frame, std::size_t size) noexcept {
  const std::size_t crc_at = size - format::trailer_bytes;
  std::byte trailer[format::trailer_bytes];
  for (std::size_t i = 0; i < sizeof trailer; ++i) trailer[i] = frame[crc_at + i];
  store_le(trailer,
           crc32c_flip(load_le<std::uint32_t>(trailer), format::flag_synced_before, crc_at - format::flags_at - 1));
  for (std::size_t i = 0; i < sizeof trailer; ++i) frame[crc_at + i] = trailer[i];
}

}  // namespace rewal::detail

#endif  // REWAL_FORMAT_FRAME_SINK_HPP
