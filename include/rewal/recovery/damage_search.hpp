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
// COST and MEMORY are those of candidate_search.hpp; a frame that is found is stepped over.

#ifndef REWAL_RECOVERY_DAMAGE_SEARCH_HPP
#define REWAL_RECOVERY_DAMAGE_SEARCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/lsn.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/recovery/bad_frame.hpp>
#include <rewal/recovery/candidate_search.hpp>
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
  DamageSearch(S& storage, const PolicyMarks* log, std::uint64_t bad_at, std::uint64_t end, Lsn lsn_before) noexcept
      : candidates_(storage, log, bad_at, end),
        bad_at_(bad_at),
        end_(end),
        before_{lsn_before, lsn_before},
        bad_(candidates_.stream(), candidates_.checksums(), bad_at),
        counted_end_(bad_at) {}
  DamageSearch(const DamageSearch&) = delete;
  DamageSearch& operator=(const DamageSearch&) = delete;

  [[nodiscard]] Result<BeyondDamage> run() noexcept {
    BeyondDamage found;
    if (end_ - bad_at_ < format::header_bytes) return found;
    if (!examine_bad_frame()) return candidates_.error();
    for (auto next = candidates_.next(bad_at_ + 1); next;) {
      const std::uint64_t at = next->at;
      const format::Header& header = next->header;
      if (!next->is_whole) {
        if (at == own_end_ && header.first_lsn == next_lsn_ && !believe(at, header)) return candidates_.error();
        next = candidates_.next(at + 1);
        continue;
      }
      found.holds_valid_frame = true;
      if (at < own_end_) {
        if (!bad_.ask_whole_frame(at)) return candidates_.error();
        own_end_ = bad_.end();
      }
      if (at < own_end_) {
        next = candidates_.next(bad_.is_compressed() ? at + header.size : own_end_);
        continue;
      }
      const auto proves = is_proof(at, header);
      if (!proves) return candidates_.error();
      if (*proves) {
        found.proof_at = at;
        return found;
      }
      step_over(at, header);
      next = candidates_.next(at + header.size);
    }
    if (candidates_.failed()) return candidates_.error();
    return found;
  }

 private:
  static constexpr std::uint64_t most_records_in_frame = UINT32_MAX;

  // ---- whole frames --------------------------------------------------------------------------------------------------

  /// Whether the whole frame at `at` proves damage.
  [[nodiscard]] std::optional<bool> is_proof(std::uint64_t at, const format::Header& header) noexcept {
    if (!header.synced_before() || format::check_fields(header) != format::Validity::valid) return false;
    if (!lsn_before(at, header)) return false;
    if (header.compressed()) return true;
    const Bytes frame = candidates_.probe().at(at, header.size);
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
    const Bytes start = candidates_.probe().at(bad_at_, format::header_bytes);
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

  CandidateSearch<S> candidates_;
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
