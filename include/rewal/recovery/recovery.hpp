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
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/examiner.hpp>
#include <rewal/recovery/frame_tally.hpp>
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
    if (auto examined = examine(); !examined) return examined.error();
    const Ruling& ruling = ruling_for(found_.verdict);
    const Action action = ruling.under(policy_);
    if (action == Action::refuse) return refusal(ruling);
    if (action == Action::cut) {
      recovered_.damage_at = end();
      if (auto saved = save(); !saved) return saved.error();
    }
    recovered_.report.reason = reason_for(found_, "were cut");
    if (auto settled = settle(); !settled) return settled.error();
    return std::move(recovered_);
  }

 private:
  [[nodiscard]] std::uint64_t end() const noexcept { return found_.tally.end; }

  [[nodiscard]] Result<void> examine() {
    const auto size = storage_call(&shared_, [&] { return shared_.storage.size(); });
    if (!size) return size.error();
    const std::lock_guard lock(shared_.index_mutex);
    Examiner<S> examiner(shared_.storage, &shared_, *size, start_lsn_);
    if (auto examined = examiner.run(shared_.index); !examined) return examined;
    found_ = examiner.findings();
    const FrameTally& tally = found_.tally;
    RecoveryReport& report = recovered_.report;
    report.frames = tally.frames;
    report.events = tally.events;
    report.kept_bytes = tally.end;
    report.cut_bytes = found_.size - tally.end;
    report.gaps = tally.gaps;
    report.inversions = tally.inversions;
    recovered_.last_lsn = tally.highest;
    shared_.first_lsn = tally.lowest;
    shared_.lsns_ascend = tally.inversions == 0;
    return {};
  }

  [[nodiscard]] Error refusal(const Ruling& ruling) const noexcept {
    const Error error = Error(ruling.refusal, ruling.advice).at_offset(end());
    return ruling.refusal == Errc::corrupted ? error.at_lsn(recovered_.last_lsn + 1) : error;
  }

  /// Saves what is about to be cut, where it holds a whole frame or may once have been one. It is read in one piece, so a
  /// storage that does not map needs as much memory as is cut. A storage that cannot save loses no whole frame.
  [[nodiscard]] Result<void> save() {
    if (!found_.are_worth_saving()) return {};
    if constexpr (PreservingStorage<S>) {
      Source<S> source(shared_.storage, &shared_, found_.size);
      const Bytes bytes = source.at(end(), found_.size - end());
      if (bytes.empty()) return source.error();
      auto name = storage_call(&shared_, [&] { return shared_.storage.preserve(end(), bytes); });
      if (!name) return name.error();
      recovered_.report.saved_copy = std::move(*name);
    } else if (found_.beyond.holds_valid_frame && policy_ != Recovery::truncate) {
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
    if (found_.size > end()) {
      auto cut = storage_call(&shared_, [&] { return shared_.storage.truncate(end()); });
      if (!cut) return cut;
    }
    return storage_call(&shared_, [&] { return shared_.storage.sync(); });
  }

  SharedLog<S, C>& shared_;
  const Recovery policy_;
  const Lsn start_lsn_;
  Findings found_;
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
