// SPDX-License-Identifier: MIT
//
// DamageSearch: looks behind the first bad frame for whole frames, and for one that proves the bad bytes were durable.
// Used by one thread, before anything writes to the storage. It reads only.
// What follows from what it finds is left to the verdict.
//
// PROOF. Flag bit 1 says: everything before this frame had been fsynced when it was written. So a frame with it, found
// behind bad bytes at c, proves damage, if it belongs to this log: its CRC is right, it is well formed, and at offset
// o its first LSN lies in (L, L + (o - c) / 6]. L is the highest LSN before c; 6 bytes are the shortest record.
// A payload may hold frames of its own, torn or whole, and these prove nothing. They are known by where they lie:
//   - inside a whole frame: the search steps over each frame that it finds;
//   - inside the bad frame at c, as far as its header may be believed. It may if magic and version are right, its
//     first LSN is L + 1, and its size fits into the file, or runs past the end of the file just as its records do. It
//     may not if its own records end elsewhere and the CRC is right for a frame of that size: then the size is damaged.
// With nothing before it (c = 0) L is not known: it is what the frame at 0 or the log's start_lsn says.
// An undecidable case is no proof.
//
// COST. Linear: every byte is looked at for a magic. A candidate is checked in constant time: through checksums of
// the prefixes of [c, end), one for each 1 KiB, where it is not small. A frame that is found is read whole and stepped
// over. MEMORY: 4 bytes for each 1 KiB, of the next 4 GiB at most, since no frame is longer; so 16 MiB at most; and one
// frame where the storage does not map.

#ifndef REWAL_RIVER_DAMAGE_SEARCH_HPP
#define REWAL_RIVER_DAMAGE_SEARCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/codec/crc32c.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/error.hpp>
#include <rewal/lsn.hpp>
#include <rewal/result.hpp>
#include <rewal/river/source.hpp>
#include <rewal/storage/out_of_memory.hpp>

namespace rewal::detail {

/// Where the letters EWAL begin first in `bytes`, or bytes.size().
[[nodiscard]] inline std::size_t find_magic(Bytes bytes) noexcept {
  constexpr std::size_t magic_bytes = sizeof format::magic;
  std::size_t at = 0;
  while (bytes.size() - at >= magic_bytes) {
    const void* const hit = std::memchr(bytes.data() + at, 'E', bytes.size() - at - (magic_bytes - 1));
    if (hit == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - bytes.data());
    if (load_le<std::uint32_t>(bytes.data() + at) == format::magic) return at;
    ++at;
  }
  return bytes.size();
}

/// Checksums of ranges of [begin, end) of a source, from those of its prefixes. Ranges begin later and later, and are
/// shorter than `longest`: so the checksums of the prefixes behind are forgotten.
template <class S, std::uint64_t longest = format::max_frame_bytes>
class RangeChecksums {
 public:
  RangeChecksums(Source<S>& source, std::uint64_t begin) noexcept : source_(&source), begin_(begin) {}

  /// The CRC-32C of [from, to), or none after a failure of the source or for lack of memory. `from` never goes back.
  [[nodiscard]] std::optional<std::uint32_t> of(std::uint64_t from, std::uint64_t to) noexcept {
    if (to - from <= 2 * stride) return extend(0, from, to);
    if (prefixes_ == nullptr && !make_room()) return std::nullopt;
    const auto until_to = prefix(to);
    const auto until_from = prefix(from);
    if (!until_from || !until_to) return std::nullopt;
    // crc(prefix + range) = shifted(crc(prefix)) ^ crc(range), so two of them give the third.
    return crc32c_concat(*until_from, *until_to, to - from);
  }

  /// `crc` extended over [from, to).
  [[nodiscard]] std::optional<std::uint32_t> extend(std::uint32_t crc, std::uint64_t from, std::uint64_t to) noexcept {
    while (from < to) {
      const Bytes bytes = source_->at(from, 1);
      if (bytes.empty()) return std::nullopt;
      const auto size = static_cast<std::size_t>((std::min<std::uint64_t>)(bytes.size(), to - from));
      crc = crc32c(crc, bytes.data(), size);
      from += size;
    }
    return crc;
  }

 private:
  static constexpr std::uint64_t stride = 1024;
  static constexpr std::uint64_t most_kept = longest / stride + 2;  // both ends of a range, wherever they lie

  [[nodiscard]] bool make_room() noexcept {
    kept_ = (std::min)(most_kept, (source_->end() - begin_) / stride + 1);
    prefixes_.reset(new (std::nothrow) std::uint32_t[static_cast<std::size_t>(kept_)]);
    if (prefixes_ == nullptr) return false;
    checksum_of(0) = 0;
    return true;
  }

  [[nodiscard]] std::uint32_t& checksum_of(std::uint64_t strides) noexcept {
    return prefixes_[static_cast<std::size_t>(strides % kept_)];
  }

  [[nodiscard]] std::optional<std::uint32_t> prefix(std::uint64_t to) noexcept {
    const std::uint64_t strides = (to - begin_) / stride;
    for (; known_ < strides; ++known_) {
      const auto next = extend(checksum_of(known_), begin_ + known_ * stride, begin_ + (known_ + 1) * stride);
      if (!next) return std::nullopt;
      checksum_of(known_ + 1) = *next;
    }
    return extend(checksum_of(strides), begin_ + strides * stride, to);
  }

  Source<S>* source_;
  std::uint64_t begin_;
  std::unique_ptr<std::uint32_t[]> prefixes_;  // of [begin, begin + n * stride), once one was needed
  std::uint64_t kept_ = 0;                     // how many there is room for
  std::uint64_t known_ = 0;                    // the highest n
};

/// What is behind the bad frame.
struct Wreckage {
  bool holds_valid_frame = false;         ///< somewhere, inside other frames too
  std::optional<std::uint64_t> proof_at;  ///< offset of the frame that proves damage
};

template <class S>
class DamageSearch {
 public:
  /// `bad_at` is c. `lsn_before` is L, or where c is 0 the log's start_lsn - 1.
  DamageSearch(S& storage, const void* log, std::uint64_t bad_at, std::uint64_t end, Lsn lsn_before) noexcept
      : stream_(storage, log, end),
        probe_(storage, log, end, probe_chunk_bytes),
        checksums_(probe_, bad_at),
        bad_at_(bad_at),
        end_(end),
        before_{lsn_before, lsn_before} {}
  DamageSearch(const DamageSearch&) = delete;
  DamageSearch& operator=(const DamageSearch&) = delete;

  [[nodiscard]] Result<Wreckage> run() noexcept {
    Wreckage found;
    if (end_ - bad_at_ < format::header_bytes) return found;
    if (!believe_bad_frame()) return why();
    std::uint64_t at = bad_at_ + 1;
    while (end_ - at >= format::frame_overhead) {
      const Bytes bytes = stream_.at(at, format::header_bytes);
      if (bytes.empty()) return why();
      // Only where a whole header is at hand; the last bytes come again with the next load.
      const Bytes searched = bytes.first(bytes.size() - format::header_bytes + sizeof format::magic);
      const std::size_t hit = find_magic(searched);
      if (hit == searched.size()) {
        at += bytes.size() - format::header_bytes + 1;
        continue;
      }
      at += hit;
      const format::Header header = format::load_header(bytes.data() + hit);
      const auto whole = is_whole(at, header);
      if (!whole) return why();
      if (!*whole) {
        ++at;
        continue;
      }
      found.holds_valid_frame = true;
      if (at < believed_end_) {
        at = believed_end_;
        continue;
      }
      const auto proves = is_proof(at, header);
      if (!proves) return why();
      if (*proves) {
        found.proof_at = at;
        return found;
      }
      at += header.size;
    }
    return found;
  }

 private:
  static constexpr std::size_t probe_chunk_bytes = 4 * 1024;

  [[nodiscard]] Error why() const noexcept {
    if (probe_.failed()) return probe_.error();
    return stream_.failed() ? stream_.error() : not_enough_memory();
  }

  /// Rules 1 and 2 of the format; none after a failure.
  [[nodiscard]] std::optional<bool> is_whole(std::uint64_t at, const format::Header& header) noexcept {
    if (!format::plausible(header, end_ - at)) return false;
    const std::uint64_t trailer_at = at + header.size - format::trailer_bytes;
    const auto crc = checksums_.of(at, trailer_at);
    return crc ? has_trailer(trailer_at, *crc) : std::nullopt;
  }

  [[nodiscard]] std::optional<bool> has_trailer(std::uint64_t at, std::uint32_t crc) noexcept {
    const Bytes trailer = probe_.at(at, format::trailer_bytes);
    if (trailer.empty()) return std::nullopt;
    return load_le<std::uint32_t>(trailer.data()) == crc;
  }

  /// Whether the whole frame at `at` proves damage.
  [[nodiscard]] std::optional<bool> is_proof(std::uint64_t at, const format::Header& header) noexcept {
    if (!header.synced_before() || format::check_fields(header) != format::Validity::valid) return false;
    const std::uint64_t most_records = (at - bad_at_) / format::record_header_bytes;
    const auto in_range = [&](Lsn before) {
      return header.first_lsn > before && header.first_lsn - before <= most_records;
    };
    if (!in_range(before_[0]) && !in_range(before_[1])) return false;
    if (header.compressed()) return true;
    const Bytes frame = probe_.at(at, header.size);
    if (frame.empty()) return std::nullopt;
    return format::holds_records(format::region_of(frame.data(), header), header.count);
  }

  /// Sets believed_end_. False after a failure.
  [[nodiscard]] bool believe_bad_frame() noexcept {
    believed_end_ = bad_at_;
    const Bytes start = probe_.at(bad_at_, format::header_bytes);
    if (start.empty()) return false;
    const format::Header header = format::load_header(start.data());
    if (header.magic != format::magic || header.version != format::version || header.first_lsn == 0) return true;
    if (bad_at_ == 0) before_[1] = header.first_lsn - 1;
    if (header.first_lsn - 1 != before_[1]) return true;
    const std::uint64_t left = end_ - bad_at_;
    if (format::plausible(header, left)) believed_end_ = bad_at_ + header.size;
    return header.compressed() || believe_records(header);
  }

  /// Corrects believed_end_ by what the bad frame's records say. False after a failure.
  [[nodiscard]] bool believe_records(const format::Header& header) noexcept {
    std::uint64_t at = bad_at_ + format::header_bytes;
    for (std::uint32_t left = header.count; left > 0; --left) {
      if (end_ - at < format::record_header_bytes) {
        believe_past_the_end(header, at - bad_at_, left);
        return true;
      }
      const Bytes bytes = stream_.at(at, format::record_header_bytes);
      if (bytes.empty()) return false;
      const std::uint64_t record = std::uint64_t{format::record_header_bytes} +
                                   load_le<std::uint32_t>(bytes.data() + format::payload_length_at) +
                                   load_le<std::uint16_t>(bytes.data() + format::meta_length_at);
      if (record > end_ - at) {
        believe_past_the_end(header, at - bad_at_ + record, left - 1);
        return true;
      }
      at += record;
    }
    if (end_ - at < format::trailer_bytes) {
      believe_past_the_end(header, at - bad_at_, 0);
      return true;
    }
    const std::uint64_t size = at + format::trailer_bytes - bad_at_;
    if (size == header.size || size > format::max_frame_bytes) return true;
    return believe_size(static_cast<std::uint32_t>(size));
  }

  /// The records run past the end of the file: `known` bytes of the frame, and `after` more records at least. So does
  /// the frame, if its size agrees.
  void believe_past_the_end(const format::Header& header, std::uint64_t known, std::uint32_t after) noexcept {
    const std::uint64_t least = known + std::uint64_t{after} * format::record_header_bytes + format::trailer_bytes;
    const bool agrees = after == 0 ? header.size == least : header.size >= least;
    if (agrees && header.size > end_ - bad_at_) believed_end_ = end_;
  }

  /// The records end where a frame of `size` bytes would. If its CRC is right for that size, then that is the size.
  [[nodiscard]] bool believe_size(std::uint32_t size) noexcept {
    const Bytes start = probe_.at(bad_at_, format::header_bytes);
    if (start.empty()) return false;
    std::byte header[format::header_bytes];
    std::memcpy(header, start.data(), sizeof header);
    store_le(header + format::size_at, size);
    const std::uint64_t trailer_at = bad_at_ + size - format::trailer_bytes;
    const auto crc = checksums_.extend(crc32c(0, header, sizeof header), bad_at_ + format::header_bytes, trailer_at);
    if (!crc) return false;
    const auto right = has_trailer(trailer_at, *crc);
    if (!right) return false;
    if (*right) believed_end_ = bad_at_ + size;
    return true;
  }

  Source<S> stream_;  // for the way forward,
  Source<S> probe_;   // and for a look elsewhere, which would spoil the stream's buffer
  RangeChecksums<S> checksums_;
  std::uint64_t bad_at_;
  std::uint64_t end_;
  Lsn before_[2];                   // what L may be; both the same where it is known
  std::uint64_t believed_end_ = 0;  // of the bad frame; bad_at_ where its header is not believed
};

}  // namespace rewal::detail

#endif  // REWAL_RIVER_DAMAGE_SEARCH_HPP
