// SPDX-License-Identifier: MIT
//
// GroupCommit: flush, sync and wait_durable, by threads that do the work themselves where nobody else is at it.
// Any thread, any number at once. A waiter that finds the write lock free takes it, writes and syncs for all who wait,
// and spares two wake-ups; one that finds it taken sleeps until it is put down.
//
// GROUP COMMIT. One fsync serves everyone whose frames were published when it began. Those it releases come back, in a
// closed loop, a moment later; so the next leader first waits a few microseconds for as many as came for the last fsync
// or during it. A waiter joins no fsync that began before its bytes were written: durable_lsn says only what was
// covered.
//
// A flush waits for an fsync in progress, since writes and fsyncs do not overlap, and makes none for others.
//
// LIVENESS. A waiter sleeps only after it has announced itself and then seen the write lock held; the write lock's
// holder announces after putting it down. A published frame before the target that is still missing belongs to a
// producer between claim and publish: the holder backs off for it. A holder that the system puts aside, of a lower
// priority perhaps, holds up all who wait: that is not bounded here, and the documentation of Wal says so.

#ifndef REWAL_COMMIT_GROUP_COMMIT_HPP
#define REWAL_COMMIT_GROUP_COMMIT_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include <rewal/commit/core.hpp>
#include <rewal/error.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/result.hpp>
#include <rewal/sync/back_off.hpp>

namespace rewal::detail {

template <class Core>
class GroupCommit {
 public:
  explicit GroupCommit(Core& core) noexcept : core_(core) {}

  /// Everything appended before the call is written; in SyncMode::batch, fsynced.
  [[nodiscard]] Result<void> flush() {
    if (const auto misplaced = core_.misplaced()) return *misplaced;
    if (const auto error = core_.out_of_service(State::closed)) return *error;
    const Lsn target = core_.ring.last_assigned_lsn();
    return core_.options.sync_mode.kind() == SyncMode::Kind::batch ? until_durable(target) : until_written(target);
  }

  /// Everything written before the call is fsynced.
  [[nodiscard]] Result<void> sync() {
    if (const auto misplaced = core_.misplaced()) return *misplaced;
    if (const auto error = core_.out_of_service(State::closed)) return *error;
    return until_durable(core_.writer.last_lsn());
  }

  /// Every event up to `lsn` is written and fsynced.
  [[nodiscard]] Result<void> wait_durable(Lsn lsn) {
    if (lsn == 0 && core_.inherited()) return {};
    if (const auto misplaced = core_.misplaced()) return *misplaced;
    const auto error = core_.out_of_service(State::closed);  // before durable_lsn(): what was durable by then still is
    if (lsn == 0 || lsn <= core_.existing(core_.writer.durable_lsn())) return {};
    if (error) return *error;
    if (lsn <= core_.before_first || lsn > core_.ring.last_assigned_lsn()) return Error(Errc::invalid_lsn).at_lsn(lsn);
    return until_durable(lsn);
  }
  /// The same for an event that was just appended, if it was.
  [[nodiscard]] Result<Lsn> wait_durable(const Result<Lsn>& appended) {
    if (!appended) return appended;
    const Result<void> durable = wait_durable(*appended);
    return durable ? appended : Result<Lsn>(durable.error().at_lsn(*appended));
  }

 private:
  using Threads = typename Core::Threads;
  using Step = typename Core::LogWriter::Step;

  static constexpr unsigned spins_before_sleeping = 100;
  static constexpr std::chrono::microseconds gathering_time{50};

  [[nodiscard]] Result<void> until_written(Lsn target) {
    return until(
        core_.written, [&] { return core_.writer.last_lsn() >= target && !core_.writer.failed(); },
        [&] { write_up_to(target); });
  }

  [[nodiscard]] Result<void> until_durable(Lsn target) {
    want_sync(target);
    core_.sync_arrivals.fetch_add(1, std::memory_order_relaxed);
    return until(
        core_.durable, [&] { return core_.writer.durable_lsn() >= target; },
        [&] {
          gather();
          const std::uint32_t group = core_.sync_arrivals.exchange(0, std::memory_order_relaxed);
          if (write_up_to(target) && core_.write_published()) core_.sync(group);
        });
  }

  /// Waits for `reached`, or does `work` with the write lock held.
  template <class Reached, class Work>
  [[nodiscard]] Result<void> until(EventCount<Threads>& place, Reached reached, Work work) {
    for (;;) {
      const bool failed = core_.writer.failed();  // before reached(): what was durable by then still is
      const bool closed = core_.writer.abandoned() || core_.state.load(std::memory_order_acquire) == State::closed;
      if (core_.inherited()) return not_this_process();  // a hook has forked
      if (reached()) return {};
      if (failed) return core_.writer.error();
      if (closed) return Errc::closed;
      if (core_.write_lock.try_acquire()) {
        if (!reached() && core_.state.load(std::memory_order_acquire) != State::closed) work();
        core_.release_write_lock();
        continue;
      }
      // An fsync takes longer than any spin is worth.
      const unsigned spins = &place == &core_.durable ? 0 : spins_before_sleeping;
      for (unsigned i = 0; i < spins && core_.write_lock.is_held(); ++i) Threads::pause();
      const auto key = place.prepare();
      if (reached() || !core_.write_lock.is_held() || core_.writer.failed()) {
        place.cancel();
      } else {
        place.sleep(key);
      }
    }
  }

  void want_sync(Lsn target) noexcept {
    Lsn wanted = core_.sync_wanted.load(std::memory_order_relaxed);
    while (wanted < target && !core_.sync_wanted.compare_exchange_weak(wanted, target, std::memory_order_seq_cst)) {
    }
  }

  // ---- with the write lock held -----------------------------------------------------------------------------------

  /// False after an error or a close.
  bool write_up_to(Lsn target) {
    BackOff<Threads> for_the_producer;
    while (core_.writer.last_lsn() < target) {
      switch (core_.write_some()) {
        case Step::wrote: for_the_producer.reset(); break;
        case Step::stopped: return false;
        case Step::nothing: for_the_producer.wait(); break;
      }
    }
    return true;
  }

  /// Waits a moment for those who came for the last fsync, as long as they keep coming.
  void gather() {
    std::uint32_t arrived = core_.sync_arrivals.load(std::memory_order_relaxed);
    if (arrived >= core_.sync_regulars) return;
    const auto begin = Threads::now();
    const auto latest = Threads::after(begin, 4 * gathering_time);
    auto until = Threads::after(begin, gathering_time);
    for (auto now = begin; arrived < core_.sync_regulars && now < until; now = Threads::now()) {
      Threads::yield();
      const std::uint32_t before = std::exchange(arrived, core_.sync_arrivals.load(std::memory_order_relaxed));
      if (arrived != before) until = (std::min)(latest, Threads::after(now, gathering_time));
    }
  }

  Core& core_;
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_GROUP_COMMIT_HPP
