// SPDX-License-Identifier: MIT
//
// Background: the writer thread. It writes what nobody waits for, syncs where the mode says so, and ends the log when
// shutdown asks for it.
// One thread; it works with the pen in hand and sleeps without. Threads that wait for an LSN help themselves.
//
// WHEN IT WRITES. At once, where two buffers are published, the queue is half full, or somebody waits for room. Else what was already there at
// its last look, so that an event waits two looks at most, about a millisecond, and small appends gather into large
// writes. An event younger than that is left alone: whoever appended it may be about to flush it himself.
//
// WHEN IT SLEEPS. Between looks it naps, unless much has come lately; a claim that half fills the queue ends the nap. After a few milliseconds
// without work it falls asleep, and the next claim wakes it: falling asleep succeeds only from an empty queue, in the
// same word in which places are claimed, so no claim can pass unseen. An idle log does nothing at all.

#ifndef REWAL_LOG_BACKGROUND_HPP
#define REWAL_LOG_BACKGROUND_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <rewal/log/core.hpp>
#include <rewal/log/lifecycle.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>

namespace rewal::detail {

template <class Core>
class Background {
 public:
  explicit Background(Core& core) noexcept
      : core_(core),
        mode_(core.options.sync_mode.kind()),
        look_every_(core.look_period()),
        enough_(2 * (std::min)(core.options.buffer_capacity, core.ring.capacity_bytes() / 4)) {}

  /// The thread's whole life.
  void run() {
    while (!ending()) {
      const Lsn seen = core_.ring.last_assigned_lsn();  // at this look; old at the next
      rest();
      if (ending()) break;
      work(seen);
    }
    Lifecycle<Core>(core_).run_down();
  }

 private:
  using Threads = typename Core::Threads;
  using Time = typename Threads::Time;
  using Step = typename Core::LogWriter::Step;

  static constexpr unsigned quiet_looks_before_sleep = 20;
  // Each look takes the cache line that all claims are made in, so looks are few.
  static constexpr unsigned looks_for_enough = 64;
  static constexpr unsigned barren_looks_before_nap = 8;
  static constexpr unsigned pauses_between_looks = 64;

  [[nodiscard]] bool ending() const noexcept {
    return core_.state.load(std::memory_order_acquire) != State::running;
  }
  [[nodiscard]] bool is_idle() noexcept {
    const Time now = Threads::now();
    if (!core_.ring.empty() && !core_.writer.failed()) return false;
    core_.writer.note_quiet(now);
    return true;
  }

  // ---- resting ---------------------------------------------------------------------------------------------------

  void rest() {
    if (core_.room.sleepers() != 0 && core_.ring.half_empty()) core_.room.notify_all();  // none is left by mistake
    if (is_idle()) {
      if (++quiet_looks_ > quiet_looks_before_sleep && core_.room.sleepers() == 0) return sleep();
    } else {
      quiet_looks_ = 0;
    }
    if (quiet_looks_ <= 1 && comes_enough()) return;
    nap();
  }

  /// Whether to write at once.
  [[nodiscard]] bool is_pressing() const noexcept {
    return !core_.writer.failed() && (core_.ring.bytes_in_flight() >= enough_ || !core_.ring.half_empty() ||
                                      core_.room.sleepers() != 0);
  }

  void nap() {
    const Time until = earlier(Threads::after(Threads::now(), look_every_), core_.sync_due());
    core_.ring.take_a_nap();
    const auto key = core_.rest.prepare();
    if (ending() || !core_.ring.is_resting()) {
      core_.rest.cancel();
    } else {
      core_.rest.sleep(key, until);
    }
    core_.ring.end_rest();
  }

  void sleep() {
    if (!shed_memory()) return nap();
    if (!core_.writer.failed() && !core_.ring.fall_asleep()) return nap();
    const auto key = core_.rest.prepare();
    if (ending() || (!core_.writer.failed() && !core_.ring.is_resting())) {
      core_.rest.cancel();
    } else {
      core_.rest.sleep(key, core_.sync_due());
    }
    core_.ring.end_rest();
    quiet_looks_ = 0;
  }

  /// An idle log does not keep the memory of its last burst. False where somebody has the pen.
  [[nodiscard]] bool shed_memory() {
    if (!core_.pen.try_take()) return false;
    if (core_.ring.shed_memory()) core_.room.notify_all();
    core_.put_pen_down();
    return true;
  }

  [[nodiscard]] static Time earlier(Time a, Time b) noexcept { return (std::min)(a, b); }

  // ---- working ---------------------------------------------------------------------------------------------------

  /// `seen` was assigned by the last look.
  void work(Lsn seen) {
    const bool due = core_.sync_due() <= Threads::now();
    const bool old = core_.writer.last_lsn() < seen;
    if (core_.writer.failed() || !(due || old || is_pressing())) return;
    if (due) {
      take_pen();
    } else if (!core_.pen.try_take()) {
      return;  // somebody is at it
    }
    const Lsn before = core_.writer.last_lsn();
    write(seen);
    if (wants_sync()) {
      core_.sync();
    } else {
      core_.keep_interval();
    }
    core_.put_pen_down();
    if (core_.writer.last_lsn() == before) Threads::yield();  // a producer is between claim and publish
  }

  void take_pen() {
    while (!core_.pen.try_take()) {
      const auto key = core_.written.prepare();
      if (!core_.pen.is_taken()) {
        core_.written.cancel();
      } else {
        core_.written.sleep(key);
      }
    }
  }

  /// Writes what was there at the last look, or one buffer; in batch mode the whole group.
  void write(Lsn seen) {
    const Lsn target = mode_ == SyncMode::Kind::batch ? core_.ring.last_assigned_lsn() : seen;
    do {
      if (core_.write_some() != Step::wrote) return;
    } while (core_.writer.last_lsn() < target);
  }

  /// Whether there is a reason to write at once, or will be one soon at the rate at which the queue fills. Where it does
  /// not fill, this thread may have the processor that a producer needs: it lets it go, but stays ready to run. A nap would
  /// cost the producer that ends it a wake-up, on this same processor as often as not.
  [[nodiscard]] bool comes_enough() {
    std::uint64_t before = core_.ring.bytes_in_flight();
    for (unsigned barren = 0; barren < barren_looks_before_nap;) {
      if (core_.pen.is_taken()) return false;  // whoever has it is at it
      if (is_pressing()) return true;
      if (ending() || core_.writer.failed()) return false;
      if (core_.times_tail() && core_.sync_due() <= Threads::now()) return true;
      for (unsigned i = 0; i < pauses_between_looks; ++i) Threads::pause();
      const std::uint64_t now = core_.ring.bytes_in_flight();
      if (now > before && now - before >= enough_ / looks_for_enough) {
        barren = 0;
      } else {
        ++barren;
        Threads::yield();
      }
      before = now;
    }
    return false;
  }

  [[nodiscard]] bool wants_sync() const noexcept {
    if (mode_ == SyncMode::Kind::batch) return true;
    const Lsn wanted = core_.sync_wanted.load(std::memory_order_seq_cst);
    return wanted > core_.writer.durable_lsn() && wanted <= core_.writer.last_lsn();
  }

  Core& core_;
  const SyncMode::Kind mode_;
  const std::chrono::nanoseconds look_every_;
  const std::uint64_t enough_;  // bytes in flight that are written at once: a write, and as much to cut it well in
  unsigned quiet_looks_ = 0;
};

}  // namespace rewal::detail

#endif  // REWAL_LOG_BACKGROUND_HPP
