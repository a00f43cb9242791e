// SPDX-License-Identifier: MIT
//
// UnsyncedAge: since when the oldest written event has waited for its fsync, never later than its append. An interval is
// kept by it; in the other sync modes it notes nothing. Fed by the write lock's holder, but for queue_was_empty(); read by
// anybody. When the fsync has to start is left to the core.
//
// An event has no time of its own. Its age is bounded by polls of the queue: once all that a poll saw assigned is written,
// what is not is younger than the poll. And what is found in a queue that was empty at a time is younger than that time.

#ifndef REWAL_COMMIT_UNSYNCED_AGE_HPP
#define REWAL_COMMIT_UNSYNCED_AGE_HPP

#include <algorithm>
#include <atomic>
#include <optional>

#include <rewal/lsn.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads = NativeThreads>
class UnsyncedAge {
 public:
  using Time = typename Threads::Time;

  /// `notes`: false where nobody asks.
  UnsyncedAge(bool notes, Lsn last_lsn) : notes_(notes) {
    if (notes_) poll_ = next_poll_ = {Threads::now(), last_lsn};
  }

  // ---- by the write lock's holder ----------------------------------------------------------------------------------

  /// `ring` is about to be read.
  template <class Queue>
  void polled(const Queue& ring) noexcept {
    if (!notes_ || ring.next_unconsumed_lsn() - 1 < next_poll_.assigned) return;
    poll_ = next_poll_;
    next_poll_.at = Threads::now();
    next_poll_.assigned = ring.last_assigned_lsn();
  }

  /// Something has been written. Before the queue shows that it has been consumed, so that whoever finds it empty knows
  /// of the tail.
  void written() noexcept {
    if (!notes_ || since_.load(std::memory_order_relaxed) != 0) return;
    const Ticks since = (std::max)(poll_.at.time_since_epoch().count(), empty_at_.load(std::memory_order_relaxed));
    since_.store((std::max)(since, Ticks{1}), std::memory_order_relaxed);
  }

  /// Everything written is fsynced.
  void synced() noexcept { since_.store(0, std::memory_order_relaxed); }

  /// An fsync has ended, during which nothing could be written.
  template <class Queue>
  void sync_ended(const Queue& ring) noexcept {
    if (notes_) assigned_at_sync_end_ = ring.last_assigned_lsn();
  }
  /// What had been assigned by then.
  [[nodiscard]] Lsn assigned_at_sync_end() const noexcept { return assigned_at_sync_end_; }

  // ---- by anybody --------------------------------------------------------------------------------------------------

  /// Nothing had been appended at that time: what is found later is younger. By whoever polls the queue.
  void queue_was_empty(Time at) noexcept { empty_at_.store(at.time_since_epoch().count(), std::memory_order_relaxed); }

  /// Since when something written is unsynced, or none. Never later than the append of the oldest such event.
  [[nodiscard]] std::optional<Time> since() const noexcept {
    const Ticks since = since_.load(std::memory_order_relaxed);
    if (since == 0) return std::nullopt;
    return Time(typename Time::duration(since));
  }

 private:
  using Ticks = typename Time::rep;
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;

  /// When the ring was polled, and what had been assigned by then.
  struct Poll {
    Time at;
    Lsn assigned;
  };

  const bool notes_;

  // By the write lock's holder.
  Poll poll_{};       // the last whose events are all written
  Poll next_poll_{};  // the one after it
  Lsn assigned_at_sync_end_ = 0;

  Atomic<Ticks> since_{0};     // by the write lock's holder; 0: nothing is unsynced
  Atomic<Ticks> empty_at_{0};  // by anybody
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_UNSYNCED_AGE_HPP
