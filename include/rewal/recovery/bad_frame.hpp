// SPDX-License-Identifier: MIT
//
// BadFrame: how far a frame of the log goes whose CRC is wrong, as far as its header may be believed.
// Used by one thread, of the damage search. It reads only.
// Which frame it is, and what follows from what lies inside or behind it, is left to the search.
//
// BELIEF. A header is believed for its place and LSN, which the search has looked at, and its version. Then its size is
// right, if it fits into the file, or runs past the end of the file just as its records do. It is wrong if the records
// end elsewhere and the CRC is right for a frame of that size: that one is right then.
// Zeros up to the end of the file are no records, though they read as such without bytes: a crash that grows a file
// before its bytes are there leaves them. Records that lead to them run past the end too.
// The records of a compressed frame cannot be asked. Its size may run past the end of the file; it is wrong if a whole
// frame begins where the bad one would have to end for its CRC to be right.

#ifndef REWAL_RECOVERY_BAD_FRAME_HPP
#define REWAL_RECOVERY_BAD_FRAME_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/format/format.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/lsn.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/range_checksums.hpp>

namespace rewal::detail {

template <class S>
class BadFrame {
 public:
  /// `stream` is read from a frame's begin forward; both must outlive this. No frame begins before `first_begin`.
  BadFrame(Source<S>& stream, RangeChecksums<S>& checksums, std::uint64_t first_begin) noexcept
      : stream_(stream),
        checksums_(checksums),
        zeros_from_(stream.end()),
        walkable_(2 * (stream.end() - first_begin)) {}

  /// The frame begins at `at` with `header`, of the format's version. False after a failure.
  [[nodiscard]] bool believe(std::uint64_t at, const format::Header& header) noexcept {
    header_ = header;
    begin_ = end_ = at;
    if (format::plausible(header, left_from(at))) end_ = at + header.size;
    if (!header.compressed()) return believe_records();
    if (header.size > left_from(at)) end_ = stream_.end();
    return true;
  }

  /// A whole frame begins at `at`: if this one is compressed and ends there, that is its end. False after a failure.
  [[nodiscard]] bool ask_whole_frame(std::uint64_t at) noexcept {
    if (at >= end_ || !is_compressed()) return true;
    const auto ends = has_right_crc_up_to(at);
    if (ends && *ends) end_ = at;
    return ends.has_value();
  }

  [[nodiscard]] bool is_compressed() const noexcept { return header_.compressed(); }
  /// Where it ends; 0 where no header was believed, and the frame's begin where the header does not say.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  /// The LSN after its last.
  [[nodiscard]] Lsn next_lsn() const noexcept { return header_.first_lsn + header_.count; }

 private:
  [[nodiscard]] std::uint64_t left_from(std::uint64_t at) const noexcept { return stream_.end() - at; }

  /// Corrects end_ by what the frame's records say. False after a failure.
  [[nodiscard]] bool believe_records() noexcept {
    std::uint64_t at = begin_ + format::header_bytes;
    const auto written_end = header_.size > left_from(begin_) ? zeros_from() : stream_.end();
    if (!written_end) return false;
    const bool done = walk_records(at, *written_end);
    walkable_ -= (std::min)(walkable_, at - begin_);
    return done;
  }

  [[nodiscard]] bool walk_records(std::uint64_t& at, std::uint64_t written_end) noexcept {
    for (std::uint32_t left = header_.count; left > 0; --left) {
      if (at - begin_ > walkable_) return true;
      if (at + format::record_header_bytes > written_end) {
        believe_past_the_end(at, left);
        return true;
      }
      const Bytes bytes = stream_.at(at, format::record_header_bytes);
      if (bytes.empty()) return false;
      const std::uint64_t record = std::uint64_t{format::record_header_bytes} +
                                   load_le<std::uint32_t>(bytes.data() + format::payload_length_at) +
                                   load_le<std::uint16_t>(bytes.data() + format::meta_length_at);
      if (record > left_from(at)) {
        believe_past_the_end(at + record, left - 1);
        return true;
      }
      at += record;
    }
    if (left_from(at) < format::trailer_bytes) {
      believe_past_the_end(at, 0);
      return true;
    }
    const auto ends = has_right_crc_up_to(at + format::trailer_bytes);
    if (ends && *ends) end_ = at + format::trailer_bytes;
    return ends.has_value();
  }

  /// The records run past the end of the file: the frame goes up to `known`, and on for `more` records at least. So
  /// does the frame, if its size agrees.
  void believe_past_the_end(std::uint64_t known, std::uint32_t more) noexcept {
    const std::uint64_t least =
        known - begin_ + std::uint64_t{more} * format::record_header_bytes + format::trailer_bytes;
    const bool agrees = more == 0 ? header_.size == least : header_.size >= least;
    if (agrees) end_ = stream_.end();
  }

  /// Whether the frame has the right CRC if its size is such that it ends at `end`. None after a failure.
  [[nodiscard]] std::optional<bool> has_right_crc_up_to(std::uint64_t end) noexcept {
    const std::uint64_t size = end - begin_;
    if (size == header_.size || size < format::frame_overhead || size > format::max_frame_bytes) return false;
    format::Header mended = header_;
    mended.size = static_cast<std::uint32_t>(size);
    std::byte header[format::header_bytes];
    format::store_header(header, mended);
    const std::uint64_t region_at = begin_ + format::header_bytes;
    const std::uint64_t trailer_at = end - format::trailer_bytes;
    const auto crc = checksums_.of(region_at, trailer_at);
    if (!crc) return std::nullopt;
    const std::uint32_t whole_crc = crc32c_concat(crc32c(0, header, sizeof header), *crc, trailer_at - region_at);
    return checksums_.is_stored_at(trailer_at, whole_crc);
  }

  /// From here to the end of the file there are only zeros: not from its start, where a frame is. Looked for once. None
  /// after a failure.
  [[nodiscard]] std::optional<std::uint64_t> zeros_from() noexcept {
    constexpr std::uint64_t most = Source<S>::default_chunk_bytes;
    while (!found_zeros_) {
      const std::uint64_t size = (std::min)(most, zeros_from_);
      const Bytes loaded = stream_.at(zeros_from_ - size, size);
      if (loaded.empty()) return std::nullopt;
      std::size_t left = static_cast<std::size_t>(size);
      while (left != 0 && loaded[left - 1] == std::byte{0}) --left;
      found_zeros_ = left != 0;
      zeros_from_ -= size - left;
    }
    return zeros_from_;
  }

  Source<S>& stream_;
  RangeChecksums<S>& checksums_;
  format::Header header_{.magic = 0};  // zeros where none was believed
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t zeros_from_;  // only zeros from here on, as far as was looked
  bool found_zeros_ = false;  // the byte before is none
  std::uint64_t
      walkable_;  // bytes of records that may still be walked over: hostile ones lead to the file's end each time
};

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_BAD_FRAME_HPP
