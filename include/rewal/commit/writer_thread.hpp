// SPDX-License-Identifier: MIT
//
// WriterThread: the writer thread. It writes what nobody waits for, syncs where the mode says so, and ends the log when
// shutdown asks for it.
// One thread; it works with the write lock held and sleeps without. Threads that wait for an LSN help themselves.
//
// WHEN IT WRITES. At once, where two buffers are published, the queue is half full, or somebody waits for room. Else
// what was already there at its last poll, so that an event waits two polls at most, about a millisecond, and small
// appends gather into large writes. An event younger than that is left alone: whoever appended it may be about to flush
// it himself.
//
// WHEN IT SLEEPS. Between polls, unless much has come lately; a claim that half fills the queue ends that sleep.
// After a few milliseconds without work it falls asleep, and the next claim wakes it: falling asleep succeeds only from
// an empty queue, in the same word in which places are claimed, so no claim can pass unseen. An idle log does nothing
// at all. It does not fall asleep while followers want what is written to be synced: then it syncs.

#ifndef REWAL_COMMIT_WRITER_THREAD_HPP
#define REWAL_COMMIT_WRITER_THREAD_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <rewal/commit/core.hpp>
#include <rewal/commit/lifecycle.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/sync/back_off.hpp>

namespace rewal::detail {

template <class Core>
class WriterThread {
 public:
  explicit WriterThread(Core& core) noexcept
      : core_(core),
        mode_(core.options.sync_mode.kind()),
        poll_period_(core.poll_period()),
        enough_(2 * (std::min)(core.options.buffer_capacity, core.ring.capacity_bytes() / 4)) {}

  /// The thread's whole life.
  void run() {
    while (!ending()) {
      const Lsn seen = core_.ring.last_assigned_lsn();  // at this poll; old at the next
      wait_for_work();
      if (ending()) break;
      work(seen);
    }
    if (!core_.inherited()) Lifecycle<Core>(core_).run_down();
  }

 private:
  using Threads = typename Core::Threads;
  using Time = typename Threads::Time;
  using Step = typename Core::LogWriter::Step;

  static constexpr unsigned idle_polls_before_sleep = 20;
  // For an fsync that followers want: whoever has the write lock may be about to make it.
  static constexpr unsigned most_polls_in_vain = 4;
  // Each poll takes the cache line that all claims are made in, so polls are few.
  static constexpr unsigned polls_for_enough = 64;
  static constexpr unsigned fruitless_polls_before_sleep = 8;
  static constexpr unsigned pauses_between_polls = 64;

  /// In a child that a hook has forked on this thread it is all that there is, and ends.
  [[nodiscard]] bool ending() const noexcept {
    return core_.state.load(std::memory_order_acquire) != State::running || core_.inherited();
  }
  [[nodiscard]] bool is_idle() noexcept {
    const Time now = Threads::now();
    if (!core_.ring.empty() && !core_.writer.failed()) return false;
    core_.writer.unsynced_age().queue_was_empty(now);
    return true;
  }

  // ---- sleeping --------------------------------------------------------------------------------------------------

  void wait_for_work() {
    if (core_.room.sleepers() != 0 && core_.ring.half_empty()) core_.room.notify_all();  // none is left by mistake
    if (is_idle()) {
      if (++idle_polls_ > idle_polls_before_sleep && core_.room.sleepers() == 0) return sleep();
    } else {
      idle_polls_ = 0;
    }
    if (idle_polls_ <= 1 && comes_enough()) return;
    sleep_between_polls();
  }

  /// Whether to write at once.
  [[nodiscard]] bool is_pressing() const noexcept {
    return !core_.writer.failed() &&
           (core_.ring.bytes_in_flight() >= enough_ || !core_.ring.half_empty() || core_.room.sleepers() != 0);
  }

  void sleep_between_polls() {
    const Time until = earlier(Threads::after(Threads::now(), poll_period_), core_.sync_due());
    core_.ring.sleep_between_polls();
    const auto key = core_.work.prepare();
    if (ending() || !core_.ring.is_sleeping()) {
      core_.work.cancel();
    } else {
      core_.work.sleep(key, until);
    }
    core_.ring.end_sleep();
  }

  void sleep() {
    if (core_.followers_want_sync()) return sleep_between_polls();
    if (!shed_memory()) return sleep_between_polls();
    if (!core_.writer.failed() && !core_.ring.fall_asleep()) return sleep_between_polls();
    const auto key = core_.work.prepare();
    if (ending() || core_.followers_want_sync() || (!core_.writer.failed() && !core_.ring.is_sleeping())) {
      core_.work.cancel();
    } else {
      core_.work.sleep(key, core_.sync_due());
    }
    core_.ring.end_sleep();
    idle_polls_ = 0;
  }

  /// An idle log does not keep the memory of its last burst. False where somebody has the write lock.
  [[nodiscard]] bool shed_memory() {
    if (!core_.write_lock.try_acquire()) return false;
    if (core_.ring.shed_memory()) core_.room.notify_all();
    core_.release_write_lock();
    return true;
  }

  [[nodiscard]] static Time earlier(Time a, Time b) noexcept { return (std::min)(a, b); }

  // ---- working ---------------------------------------------------------------------------------------------------

  /// `seen` was assigned by the last poll.
  void work(Lsn seen) {
    const bool wanted = core_.followers_want_sync();
    wanted_polls_ = wanted ? wanted_polls_ + 1 : 0;
    const bool due = core_.sync_due() <= Threads::now() || wanted_polls_ > most_polls_in_vain;
    const bool old = core_.writer.last_lsn() < seen;
    if (core_.writer.failed() || !(due || old || is_pressing() || wanted)) return;
    if (due) {
      core_.acquire_write_lock();
    } else if (!core_.write_lock.try_acquire()) {
      return;  // somebody is at it
    }
    const Lsn before = core_.writer.last_lsn();
    write(seen);
    if (wants_sync()) {
      core_.sync();
    } else {
      core_.keep_interval();
    }
    core_.release_write_lock();
    if (core_.writer.last_lsn() == before && !core_.ring.empty()) {
      for_a_producer_.wait();  // one between claim and publish
    } else {
      for_a_producer_.reset();
    }
  }

  /// Writes what was there at the last poll, or one buffer; where an fsync follows, the whole group.
  void write(Lsn seen) {
    const bool syncs = mode_ == SyncMode::Kind::batch || core_.progress->is_durable_awaited();
    const Lsn target = syncs ? core_.ring.last_assigned_lsn() : seen;
    do {
      if (core_.write_some() != Step::wrote) return;
    } while (core_.writer.last_lsn() < target);
  }

  /// Whether there is a reason to write at once, or will be one soon at the rate at which the queue fills. Where it
  /// does not fill, this thread may have the processor that a producer needs: it lets it go, but stays ready to run. A
  /// sleep would cost the producer that ends it a wake-up, on this same processor as often as not.
  [[nodiscard]] bool comes_enough() {
    std::uint64_t before = core_.ring.bytes_in_flight();
    for (unsigned fruitless = 0; fruitless < fruitless_polls_before_sleep;) {
      if (core_.write_lock.is_held()) return false;  // whoever has it is at it
      if (is_pressing()) return true;
      if (ending() || core_.writer.failed()) return false;
      if (core_.times_tail() && core_.sync_due() <= Threads::now()) return true;
      for (unsigned i = 0; i < pauses_between_polls; ++i) Threads::pause();
      const std::uint64_t now = core_.ring.bytes_in_flight();
      if (now > before && now - before >= enough_ / polls_for_enough) {
        fruitless = 0;
      } else {
        ++fruitless;
        Threads::yield();
      }
      before = now;
    }
    return false;
  }

  [[nodiscard]] bool wants_sync() const noexcept {
    if (mode_ == SyncMode::Kind::batch) return true;
    if (core_.followers_want_sync()) return true;
    const Lsn wanted = core_.sync_wanted.load(std::memory_order_seq_cst);
    return wanted > core_.writer.durable_lsn() && wanted <= core_.writer.last_lsn();
  }

  Core& core_;
  const SyncMode::Kind mode_;
  const std::chrono::nanoseconds poll_period_;
  const std::uint64_t enough_;  // bytes in flight that are written at once: a write, and as much to cut it well in
  unsigned idle_polls_ = 0;
  unsigned wanted_polls_ = 0;  // at which followers have wanted an fsync
  BackOff<Threads> for_a_producer_;
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_WRITER_THREAD_HPP
