// SPDX-License-Identifier: MIT
//
// DamageSearch: looks behind the first bad frame for whole frames, and for one that proves the bad bytes were durable.
// Used by one thread, before anything writes to the storage. It reads only.
// What follows from what it finds is left to the verdict.
//
// PROOF. Flag bit 1 says: everything before this frame had been fsynced when it was written. So a frame with it, found
// behind bad bytes at c, proves damage, if it belongs to this log: its CRC is right, it is well formed, and at offset
// o its first LSN lies in (L, L + (o - c) / 6]. L is the highest LSN before c; 6 bytes are the shortest record.
// Compressed records are shorter. So what the bad frame at c and whole frames behind it say of how many they hold
// raises that limit, and the frame right behind a compressed bad one needs to be above L only. A payload may hold
// frames of its own, torn or whole, and these prove nothing. They are known by where they lie:
//   - inside a whole frame: the search steps over each frame that it finds;
//   - inside the bad frame at c, as far as it goes: that of its header may be believed, in bad_frame.hpp, if it has
//     magic and version and its first LSN is L + 1;
//   - inside a bad frame that begins where the log's own next frame must, with the LSN that is next: behind the bad one
//     at c, or behind whole frames behind that.
// With nothing before it (c = 0) L is not known: it is what the frame at 0 or the log's start_lsn says.
// An undecidable case is no proof.
//
// COST. Linear: every byte is looked at for a magic. A candidate is checked in constant time, through the checksums of
// range_checksums.hpp where it is not small. A frame that is found is read whole and stepped over. MEMORY: those
// checksums, and one frame where the storage does not map.

#ifndef REWAL_RECOVERY_DAMAGE_SEARCH_HPP
#define REWAL_RECOVERY_DAMAGE_SEARCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/magic.hpp>
#include <rewal/lsn.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/bad_frame.hpp>
#include <rewal/recovery/range_checksums.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

/// What is behind the bad frame.
struct BeyondDamage {
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
        before_{lsn_before, lsn_before},
        bad_(stream_, checksums_, bad_at),
        counted_end_(bad_at) {}
  DamageSearch(const DamageSearch&) = delete;
  DamageSearch& operator=(const DamageSearch&) = delete;

  [[nodiscard]] Result<BeyondDamage> run() noexcept {
    BeyondDamage found;
    if (end_ - bad_at_ < format::header_bytes) return found;
    if (!examine_bad_frame()) return why();
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
        if (at == own_end_ && header.first_lsn == next_lsn_ && !believe(at, header)) return why();
        ++at;
        continue;
      }
      found.holds_valid_frame = true;
      if (at < own_end_) {
        if (!bad_.ask_whole_frame(at)) return why();
        own_end_ = bad_.end();
      }
      if (at < own_end_) {
        at = bad_.is_compressed() ? at + header.size : own_end_;
        continue;
      }
      const auto proves = is_proof(at, header);
      if (!proves) return why();
      if (*proves) {
        found.proof_at = at;
        return found;
      }
      step_over(at, header);
      at += header.size;
    }
    return found;
  }

 private:
  static constexpr std::size_t probe_chunk_bytes = 4 * 1024;
  static constexpr std::uint64_t most_records_in_frame = UINT32_MAX;

  [[nodiscard]] Error why() const noexcept {
    if (probe_.failed()) return probe_.error();
    return stream_.failed() ? stream_.error() : not_enough_memory();
  }

  // ---- whole frames ----------------------------------------------------------------------------------------------

  /// Rules 1 and 2 of the format; none after a failure.
  [[nodiscard]] std::optional<bool> is_whole(std::uint64_t at, const format::Header& header) noexcept {
    if (!format::plausible(header, end_ - at)) return false;
    const std::uint64_t trailer_at = at + header.size - format::trailer_bytes;
    const auto crc = checksums_.of(at, trailer_at);
    return crc ? checksums_.is_stored_at(trailer_at, *crc) : std::nullopt;
  }

  /// Whether the whole frame at `at` proves damage.
  [[nodiscard]] std::optional<bool> is_proof(std::uint64_t at, const format::Header& header) noexcept {
    if (!header.synced_before() || format::check_fields(header) != format::Validity::valid) return false;
    if (!lsn_before(at, header)) return false;
    if (header.compressed()) return true;
    const Bytes frame = probe_.at(at, header.size);
    if (frame.empty()) return std::nullopt;
    return format::holds_records(format::region_of(frame.data(), header), header.count);
  }

  /// The L that the whole frame at `at` may follow, if its LSN allows for any.
  [[nodiscard]] std::optional<Lsn> lsn_before(std::uint64_t at, const format::Header& header) const noexcept {
    std::uint64_t most = most_ahead(at);
    // A compressed frame whose count is damaged is known by its end alone.
    if (bad_.is_compressed() && at == own_end_) most = (std::max)(most, most_records_in_frame + 1);
    for (const Lsn before : before_) {
      if (header.first_lsn > before && header.first_lsn - before <= most) return before;
    }
    return std::nullopt;
  }

  /// How far beyond L the first LSN of a frame at `at` may be.
  [[nodiscard]] std::uint64_t most_ahead(std::uint64_t at) const noexcept {
    const std::uint64_t behind = at > counted_end_ ? (at - counted_end_) / format::record_header_bytes : 0;
    return (std::max)((at - bad_at_) / format::record_header_bytes, ahead_ + (std::min)(behind, UINT64_MAX - ahead_));
  }
  /// Up to `end` there are LSNs up to L + records, as frames say themselves.
  void count_up_to(std::uint64_t end, std::uint64_t records) noexcept {
    if (records + 1 <= most_ahead(end)) return;
    ahead_ = records + 1;
    counted_end_ = end;
  }

  /// Takes from the whole frame at `at`, which is no proof, what it says of the log.
  void step_over(std::uint64_t at, const format::Header& header) noexcept {
    if (format::check_fields(header) != format::Validity::valid) return;
    const std::uint64_t end = at + header.size;
    if (const auto before = lsn_before(at, header)) count_up_to(end, header.last_lsn() - *before);
    if (at != own_end_ || header.first_lsn != next_lsn_) return;
    own_end_ = end;
    next_lsn_ = header.last_lsn() + 1;
  }

  // ---- bad frames ------------------------------------------------------------------------------------------------

  /// Takes from the bad frame at c what may be believed of it. False after a failure.
  [[nodiscard]] bool examine_bad_frame() noexcept {
    const Bytes start = probe_.at(bad_at_, format::header_bytes);
    if (start.empty()) return false;
    const format::Header header = format::load_header(start.data());
    const bool has_magic = header.magic == format::magic;
    if (has_magic || header.first_lsn - 1 == before_[0]) {
      const bool fits = format::plausible(header, end_ - bad_at_);
      count_up_to(bad_at_ + (fits ? header.size : format::frame_overhead), header.count);
    }
    if (!has_magic || header.version != format::version || header.first_lsn == 0) return true;
    if (bad_at_ == 0) before_[1] = header.first_lsn - 1;
    return header.first_lsn - 1 != before_[1] || believe(bad_at_, header);
  }

  /// The log's own next frame begins at `at`, and is bad. False after a failure.
  [[nodiscard]] bool believe(std::uint64_t at, const format::Header& header) noexcept {
    if (header.version != format::version) return true;
    if (!bad_.believe(at, header)) return false;
    own_end_ = bad_.end();
    next_lsn_ = bad_.next_lsn();
    return true;
  }

  Source<S> stream_;  // for the way forward,
  Source<S> probe_;   // and for reads elsewhere, which would spoil the stream's buffer
  RangeChecksums<S> checksums_;
  std::uint64_t bad_at_;
  std::uint64_t end_;
  Lsn before_[2];  // what L may be; both the same where it is known

  BadFrame<S> bad_;            // the last of the log's own bad frames that is believed
  std::uint64_t own_end_ = 0;  // up to here the log's own frames are known; 0 where none is believed
  Lsn next_lsn_ = 0;           // of the frame that must begin there

  std::uint64_t ahead_ = 0;  // how far beyond L the LSN at counted_end_ may be, where its frames say more than 6 bytes
  std::uint64_t counted_end_;  // a record allow
};

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_DAMAGE_SEARCH_HPP
