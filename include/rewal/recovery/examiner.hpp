// SPDX-License-Identifier: MIT
//
// Examiner: what a file means as a log: how far its frames go, how it ends, and by which rule. It reads only.
// Used by one thread. Opening a log and examining a file without owning it both ask here, so they judge alike.
// What is done about a verdict is left to recovery.

#ifndef REWAL_RECOVERY_EXAMINER_HPP
#define REWAL_RECOVERY_EXAMINER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/sparse_index.hpp>
#include <rewal/lsn.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/damage_search.hpp>
#include <rewal/recovery/frame_scan.hpp>
#include <rewal/recovery/frame_tally.hpp>
#include <rewal/recovery/verdict.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

/// What was found. The log goes on at tally.end.
struct Findings {
  Verdict verdict = Verdict::new_log;
  std::uint64_t size = 0;  ///< of the file
  FrameTally tally;
  BeyondDamage beyond;              ///< where the verdict is torn or damaged
  bool bad_frame_is_whole = false;  ///< the first bad frame is there in its whole length, as its own size says

  /// Bytes that a cut would take away and that somebody may want back.
  [[nodiscard]] bool are_worth_saving() const noexcept { return beyond.holds_valid_frame || bad_frame_is_whole; }
};

template <class S>
class Examiner {
 public:
  /// Of the first `size` bytes. `log` is the token of policy calls. A log that holds nothing would begin with `start_lsn`.
  Examiner(S& storage, const PolicyMarks* log, std::uint64_t size, Lsn start_lsn) noexcept
      : storage_(storage), log_(log), start_lsn_(start_lsn) {
    found_.size = size;
  }

  /// Tells `index` of the frames. Errors are the storage's alone.
  [[nodiscard]] Result<void> run(SparseIndex& index, ScanSettings settings = {}) {
    if (auto scanned = scan(index, settings); !scanned) return scanned;
    found_.verdict = judge(evidence_);
    if (found_.verdict == Verdict::torn) {
      if (auto searched = search(); !searched) return searched;
      found_.verdict = judge(evidence_);
    }
    return {};
  }
  [[nodiscard]] const Findings& findings() const noexcept { return found_; }

 private:
  [[nodiscard]] std::uint64_t end() const noexcept { return found_.tally.end; }

  /// Walks all frames, and gathers the evidence that needs no search. Lets go of the mapping.
  [[nodiscard]] Result<void> scan(SparseIndex& index, ScanSettings settings) {
    FrameCursor<S> cursor(Source<S>(storage_, log_, found_.size), 0);
    FrameScan<S> frames(cursor, index, settings);
    const Walk walk = frames.run();
    if (walk == Walk::failed) return cursor.error();
    found_.tally = frames.tally();
    evidence_.at_c = walk == Walk::bad ? cursor.validity() : format::Validity::torn;
    const auto zeros = zeros_from(cursor.source(), end());
    if (!zeros) return cursor.error();
    evidence_.zeros_from_c = *zeros;
    evidence_.zeros_alone = *zeros && end() == 0;
    if (!*zeros) {
      const auto whole = bad_frame_is_whole(cursor.source());
      if (!whole) return cursor.error();
      found_.bad_frame_is_whole = *whole;
    }
    if (end() > 0 || found_.size == 0) return {};
    const Bytes start = cursor.source().at(0, (std::min<std::uint64_t>)(found_.size, format::count_at));
    if (start.empty()) return cursor.error();
    evidence_.foreign_start = foreign_start(start);
    return {};
  }

  /// Whether all bytes from `at` on are zero; none after a failure.
  [[nodiscard]] static std::optional<bool> zeros_from(Source<S>& source, std::uint64_t at) noexcept {
    while ((at = source.next_data(at)) < source.end()) {
      const Bytes at_hand = source.at(at, 1);
      if (at_hand.empty()) return std::nullopt;
      const auto step = static_cast<std::size_t>(hole_step_bytes - at % hole_step_bytes);
      const Bytes bytes = at_hand.first((std::min)(at_hand.size(), step));
      if (!all_zero(bytes)) return false;
      at += bytes.size();
    }
    return true;
  }

  /// Whether the bad frame ends where the file does, or before nothing but zeros. None after a failure.
  [[nodiscard]] std::optional<bool> bad_frame_is_whole(Source<S>& source) const noexcept {
    const std::uint64_t left = found_.size - end();
    if (left < format::frame_overhead) return false;
    const Bytes start = source.at(end(), format::header_bytes);
    if (start.empty()) return std::nullopt;
    const format::Header header = format::load_header(start.data());
    if (!format::plausible(header, left)) return false;
    return zeros_from(source, end() + header.size);
  }

  [[nodiscard]] Result<void> search() {
    const Lsn before = end() == 0 ? start_lsn_ - 1 : found_.tally.highest;
    auto beyond = DamageSearch<S>(storage_, log_, end(), found_.size, before).run();
    if (!beyond) return beyond.error();
    found_.beyond = *beyond;
    evidence_.proof = beyond->proof_at.has_value();
    return {};
  }

  // As often it is asked where a hole ends: at borders of pages, the largest too, because a file system in memory may fill
  // the hole's page that is touched through a mapping, and would call it data then.
  static constexpr std::uint64_t hole_step_bytes = 2 * 1024 * 1024;

  S& storage_;
  const PolicyMarks* log_;
  const Lsn start_lsn_;
  Evidence evidence_;
  Findings found_;
};

/// One sentence on what ends the log. `did` says what became of the bytes behind: "were cut".
[[nodiscard]] inline std::string reason_for(const Findings& found, const char* did) {
  const std::uint64_t end = found.tally.end;
  if (found.size == end) return {};
  const std::string at = std::to_string(end);
  const std::string bytes = std::to_string(found.size - end) + " bytes";
  switch (found.verdict) {
    case Verdict::new_log: return "the file holds nothing but " + std::to_string(found.size) + " zero bytes: a new log";
    case Verdict::clean: return "preallocated space that was never written: " + bytes + " " + did;
    case Verdict::torn: return "the frame at offset " + at + " is torn or damaged: " + bytes + " " + did;
    case Verdict::damaged:
      return "the frame at offset " + at + " is damaged although the one at " + std::to_string(*found.beyond.proof_at) +
             " proves that it had been fsynced: " + bytes + " " + did;
    case Verdict::foreign:
    case Verdict::unknown:
    case Verdict::malformed: break;
  }
  return ruling_for(found.verdict).advice;
}

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_EXAMINER_HPP
