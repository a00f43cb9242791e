// SPDX-License-Identifier: MIT
//
// Recovery: reads a log from offset 0 when it is opened, finds where it ends, and cuts what a crash left behind.
// Runs on the opening thread, alone with the storage: no writer and no reader exists yet.
// What ends a log and what is done about it is decided by verdict.hpp; hooks and stats are left to the log.
//
// ORDER of what it changes, each step finished before the next begins: bytes worth saving are preserved (durably, by
// the storage), the file is truncated, what is kept is fsynced. A crash before the truncation leaves the same file,
// so that opening it again gives the same answer; one after it leaves the shorter file, which ends with its last frame.
// Since the cut is fsynced before anything is written, what was cut cannot come back. Whatever is kept is fsynced
// even when nothing was cut: a reader may have seen frames that the page cache holds and the disk does not.

#ifndef REWAL_RECOVERY_RECOVERY_HPP
#define REWAL_RECOVERY_RECOVERY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/sparse_index.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/damage_search.hpp>
#include <rewal/recovery/frame_scan.hpp>
#include <rewal/recovery/verdict.hpp>
#include <rewal/result.hpp>
#include <rewal/stats.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal::detail {

/// What recovery found and did. The log goes on at report.kept_bytes.
struct Recovered {
  RecoveryReport report;
  Lsn last_lsn = 0;                        ///< the highest of the kept events, 0 where there are none
  std::optional<std::uint64_t> damage_at;  ///< where damage was cut, for Stats::corruptions and on_corruption
};

template <class S, class C>
class RecoveryRun {
 public:
  RecoveryRun(SharedLog<S, C>& shared, Recovery policy, Lsn start_lsn) noexcept
      : shared_(shared), policy_(policy), start_lsn_(start_lsn) {}

  [[nodiscard]] Result<Recovered> run() {
    const auto size = storage_call(&shared_, [&] { return shared_.storage.size(); });
    if (!size) return size.error();
    size_ = *size;
    if (auto scanned = scan(); !scanned) return scanned.error();
    Verdict verdict = judge(evidence_);
    if (verdict == Verdict::tear) {
      if (auto searched = search(); !searched) return searched.error();
      verdict = judge(evidence_);
    }
    const Ruling& ruling = ruling_for(verdict);
    const Action action = ruling.under(policy_);
    if (action == Action::refuse) return refusal(ruling);
    if (action == Action::cut) {
      recovered_.damage_at = end();
      if (auto saved = save(); !saved) return saved.error();
    }
    recovered_.report.reason = reason_for(verdict);
    if (auto settled = settle(); !settled) return settled.error();
    return std::move(recovered_);
  }

 private:
  [[nodiscard]] std::uint64_t end() const noexcept { return recovered_.report.kept_bytes; }

  /// Walks all frames, and gathers the evidence that needs no search. Lets go of the mapping before anything is cut.
  [[nodiscard]] Result<void> scan() {
    FrameCursor<S> cursor(Source<S>(shared_.storage, &shared_, size_), 0);
    const Walk walk = walk_frames(cursor);
    if (walk == Walk::failed) return cursor.error();
    recovered_.report.kept_bytes = cursor.offset();
    recovered_.report.cut_bytes = size_ - cursor.offset();
    evidence_.at_c = walk == Walk::bad ? cursor.validity() : format::Validity::torn;
    const auto zeros = zeros_from(cursor.source(), cursor.offset());
    if (!zeros) return cursor.error();
    evidence_.zeros_from_c = *zeros;
    evidence_.zeros_alone = *zeros && cursor.offset() == 0;
    if (cursor.offset() > 0 || size_ == 0) return {};
    const Bytes start = cursor.source().at(0, (std::min<std::uint64_t>)(size_, format::count_at));
    if (start.empty()) return cursor.error();
    evidence_.foreign_start = foreign_start(start);
    return {};
  }

  [[nodiscard]] Walk walk_frames(FrameCursor<S>& cursor) {
    const std::lock_guard lock(shared_.index_mutex);
    FrameScan<S> scan(cursor, shared_.index);
    const Walk walk = scan.run();
    const FrameTally& tally = scan.tally();
    RecoveryReport& report = recovered_.report;
    report.frames = tally.frames;
    report.events = tally.events;
    report.gaps = tally.gaps;
    report.inversions = tally.inversions;
    recovered_.last_lsn = tally.highest;
    shared_.first_lsn = tally.lowest;
    shared_.lsns_ascend = tally.inversions == 0;
    return walk;
  }

  /// Whether all bytes from `at` on are zero; none after a failure.
  [[nodiscard]] static std::optional<bool> zeros_from(Source<S>& source, std::uint64_t at) noexcept {
    while (at < source.end()) {
      const Bytes bytes = source.at(at, 1);
      if (bytes.empty()) return std::nullopt;
      if (!all_zero(bytes)) return false;
      at += bytes.size();
    }
    return true;
  }

  [[nodiscard]] Result<void> search() {
    const Lsn before = end() == 0 ? start_lsn_ - 1 : recovered_.last_lsn;
    auto found = DamageSearch<S>(shared_.storage, &shared_, end(), size_, before).run();
    if (!found) return found.error();
    beyond_ = *found;
    evidence_.proof = beyond_.proof_at.has_value();
    return {};
  }

  [[nodiscard]] Error refusal(const Ruling& ruling) const noexcept {
    const Error error = Error(ruling.refusal, ruling.advice).at_offset(end());
    return ruling.refusal == Errc::corrupted ? error.at_lsn(recovered_.last_lsn + 1) : error;
  }

  /// Saves what is about to be cut, where it holds a whole frame. It is read in one piece, so a storage that does not
  /// map needs as much memory as is cut.
  [[nodiscard]] Result<void> save() {
    if (!beyond_.holds_valid_frame) return {};
    if constexpr (PreservingStorage<S>) {
      Source<S> source(shared_.storage, &shared_, size_);
      const Bytes bytes = source.at(end(), size_ - end());
      if (bytes.empty()) return source.error();
      auto name = storage_call(&shared_, [&] { return shared_.storage.preserve(end(), bytes); });
      if (!name) return name.error();
      recovered_.report.saved_copy = std::move(*name);
    } else if (policy_ != Recovery::truncate) {
      return Error(Errc::corrupted,
                   "whole frames follow a torn one, and this storage has no preserve() to save them before they are "
                   "cut: give it one, or open the log with Recovery::truncate to lose them")
          .at_offset(end())
          .at_lsn(recovered_.last_lsn + 1);
    }
    return {};
  }

  /// Cuts what is not kept, and makes what is kept durable.
  [[nodiscard]] Result<void> settle() {
    if (size_ > end()) {
      auto cut = storage_call(&shared_, [&] { return shared_.storage.truncate(end()); });
      if (!cut) return cut;
    }
    return storage_call(&shared_, [&] { return shared_.storage.sync(); });
  }

  [[nodiscard]] std::string reason_for(Verdict verdict) const {
    if (size_ == end()) return {};
    const std::string at = std::to_string(end());
    const std::string bytes = std::to_string(size_ - end());
    if (verdict == Verdict::new_log) return "the file held nothing but " + bytes + " zero bytes: a new log";
    if (verdict == Verdict::clean_end) return "preallocated space that was never written was cut: " + bytes + " bytes";
    if (verdict == Verdict::tear) return "a crash tore the frame at offset " + at + ": " + bytes + " bytes were cut";
    return "the frame at offset " + at + " is damaged although the one at " + std::to_string(*beyond_.proof_at) +
           " proves that it had been fsynced, and " + bytes + " bytes were cut";
  }

  SharedLog<S, C>& shared_;
  const Recovery policy_;
  const Lsn start_lsn_;
  std::uint64_t size_ = 0;
  Evidence evidence_;
  BeyondDamage beyond_;
  Recovered recovered_;
};

/// Makes the storage end with its last whole frame, as section "ORDER" above says, and fills shared.index; written_end
/// is the caller's to set, to report.kept_bytes. `start_lsn` (at least 1) is the first LSN that an empty log would
/// give. Errors leave the storage as it was, unless it failed while being cut or fsynced: invalid_record for a file
/// that is no log of ours, corrupted with offset and LSN where the policy refuses damage, else what the storage said.
template <class S, class C>
[[nodiscard]] Result<Recovered> recover(SharedLog<S, C>& shared, Recovery policy, Lsn start_lsn = 1) {
  return or_not_enough_memory([&] { return RecoveryRun<S, C>(shared, policy, start_lsn).run(); });
}

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_RECOVERY_HPP
