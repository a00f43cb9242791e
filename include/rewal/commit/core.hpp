// SPDX-License-Identifier: MIT
//
// Core: everything that a running log consists of, in one object that never moves: the queue, the writer, the write
// lock, the places where threads sleep, and the state. Its neighbours in this folder, and those who append, work on it;
// each field says who changes it. It outlives every call and the writer thread: nothing that a notifier touches is gone.
//
// WHO SLEEPS WHERE, AND WHO WAKES THEM (each by EventCount's protocol)
//   room       producers that found the queue full     <- whoever consumed to half or less, put a hold down, or sealed
//   written    flush and wait for a written LSN        <- whoever released the write lock
//   durable    waiters for a durable LSN               <- the same, after a sync or with one still wanted
//   work       the writer thread                       <- the claim that ended its sleep; the lifecycle's requests;
//                                                         followers that want a sync, or who released the write lock
//   lifecycle  shutdown, waiting for the end           <- whoever closed the log
// A waiter for an LSN never sleeps while the write lock is free: it takes it. So whoever releases it tells those who could
// have needed it. Followers never take it and sleep elsewhere: see read/progress.hpp.

#ifndef REWAL_COMMIT_CORE_HPP
#define REWAL_COMMIT_CORE_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <rewal/commit/may_call_back.hpp>
#include <rewal/commit/write_lock.hpp>
#include <rewal/commit/writer.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/read/progress.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/result.hpp>
#include <rewal/stats.hpp>
#include <rewal/sync/event_count.hpp>
#include <rewal/sync/fork_list.hpp>
#include <rewal/sync/library.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class S, class C, class I, class H, class T = NativeThreads>
struct Core {
  using Shared = SharedLog<S, C>;
  using Calls = HookCalls<H>;
  static constexpr std::uint64_t smallest_frame = has_compressor<C> ? format::frame_overhead : format::min_frame_bytes;
  using Queue = Ring<T, smallest_frame>;
  using LogWriter = Writer<S, C, I, Calls, Queue, T>;
  using Threads = T;
  template <class V>
  using Atomic = typename Threads::template Atomic<V>;
  static constexpr bool compresses = has_compressor<C>;

  Core(std::shared_ptr<Shared> shared_log, I indexer, H hook_object, const Options& chosen, RecoveryReport found,
       std::uint64_t end, Lsn last_lsn)
      : options(chosen),
        report(std::move(found)),
        shared(std::move(shared_log)),
        hooks(std::move(hook_object), shared.get()),
        before_first(last_lsn != 0 ? 0 : chosen.start_lsn - 1),
        first_lsn(last_lsn != 0 ? shared->first_lsn : chosen.start_lsn),
        progress(std::make_shared<Progress<Threads>>(first_lsn, last_lsn + before_first, end)),
        ring(chosen.queue_bytes, chosen.queue_capacity, last_lsn + before_first + 1),
        most_direct_bytes(compresses ? 0 : (std::min)(ring.most_direct_bytes(), chosen.max_frame_bytes)),
        writer(*shared, ring, std::move(indexer), hooks,
               {chosen.buffer_capacity, chosen.preallocate_bytes, chosen.sync_mode.kind() == SyncMode::Kind::interval},
               end, last_lsn + before_first),
        work(progress->work) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Set by build(), constant afterwards.
  const Options options;
  RecoveryReport report;
  std::uint64_t corruptions = 0;
  LibraryThread thread;  // the writer thread; joined by the destructor of the log

  const std::shared_ptr<Shared> shared;
  Calls hooks;
  const Lsn before_first;  // of a log that was empty when opened: the LSN before its first; else 0
  const Lsn first_lsn;     // the lowest, of an empty log the one to come
  const std::shared_ptr<Progress<Threads>> progress;  // what followers see
  Queue ring;
  const std::uint64_t most_direct_bytes;  // a frame of one record up to this goes into the queue without further checks
  WriteLock<Threads> write_lock;
  LogWriter writer;

  EventCount<Threads> room;
  EventCount<Threads> written;
  EventCount<Threads> durable;
  EventCount<Threads>& work;
  EventCount<Threads> lifecycle;

  Atomic<State> state{State::running};     // by shutdown and close: running, draining, closed
  Atomic<Lsn> sync_wanted{0};              // by waiters: the highest LSN that must become durable
  Atomic<std::uint32_t> sync_arrivals{0};  // by waiters: how many came for the next fsync; taken by who makes it
  std::uint32_t sync_regulars = 0;         // by the write lock's holder: how many came for the last fsync or during it
  bool owes_durable = false;               // by the write lock's holder: who waits for an fsync is still to be told
  Atomic<std::uint64_t> drops{0};          // by producers
  Atomic<std::uint64_t> compressed_bytes{0};  // by producers

  Atomic<std::uint32_t> shutdown_begun{0};  // by the first caller of shutdown, who alone does what begins it
  Atomic<bool> finished{false};             // stored after outcome, by whoever closed the log
  Result<void> outcome;                     // what shutdown returns
  typename Threads::Time draining_since{};  // by the first caller of shutdown, before the writer is woken

  std::mutex scratch_mutex;                     // guards scratch
  std::vector<std::vector<std::byte>> scratch;  // buffers of the compressing producers

  ForkEntry in_forks;  // last, so that it goes first

  /// 0 instead of an LSN that no event has.
  [[nodiscard]] Lsn existing(Lsn lsn) const noexcept { return lsn <= before_first ? 0 : lsn; }

  /// Whether this process was forked from the one that opened the log, to which it belongs.
  [[nodiscard]] bool inherited() const noexcept {
    return REWAL_UNLIKELY(shared->inherited.load(std::memory_order_relaxed));
  }

  /// Whether an append must not even begin: inside a policy of the log, or in a forked child whose hooks would run.
  /// Without policies a child finds the queue sealed.
  [[nodiscard]] bool out_of_place() const noexcept {
    if constexpr (may_call_back<S, C, I, H>) {
      return inherited() || PolicyScope::inside(shared.get());
    } else {
      return false;
    }
  }
  /// Requires out_of_place().
  [[nodiscard]] Error why_out_of_place() const noexcept {
    return inherited() ? not_this_process() : Error(Errc::invalid_state);
  }
  /// The same of any other call.
  [[nodiscard]] std::optional<Error> misplaced() const noexcept {
    if (inherited() || out_of_place()) return why_out_of_place();
    return std::nullopt;
  }

  /// In a forked child: nothing that was begun goes on, and all that is left of the log is what its memory held.
  void leave_to_parent() noexcept {
    shared->inherited.store(true, std::memory_order_relaxed);
    shared->closed.store(true, std::memory_order_relaxed);
    ring.seal();
    writer.abandon();
  }

  /// Why the log takes no events and no requests, if it does not: its first error, or its state.
  [[nodiscard]] std::optional<Error> out_of_service(State least) const noexcept {
    if (inherited()) return not_this_process();
    const State now = state.load(std::memory_order_acquire);
    if (REWAL_UNLIKELY(writer.failed())) return writer.error();
    if (REWAL_UNLIKELY(now == State::closed || writer.abandoned())) return Error(Errc::closed);
    if (REWAL_UNLIKELY(now >= least)) return Error(Errc::draining);
    return std::nullopt;
  }

  /// Wakes the writer thread where it sleeps.
  void wake_writer() {
    if (ring.end_sleep()) work.notify_all();
  }

  /// Waits for the write lock, however long its holder keeps it.
  void acquire_write_lock() {
    while (!write_lock.try_acquire()) {
      const auto key = written.prepare();
      if (!write_lock.is_held()) {
        written.cancel();
      } else {
        written.sleep(key);
      }
    }
  }

  /// Releases the write lock and tells those who may want it: after, so that none of them finds it taken and sleeps
  /// again.
  void release_write_lock() {
    const bool synced = std::exchange(owes_durable, false);
    if (REWAL_UNLIKELY(writer.failed())) progress->fail(writer.error());
    const auto owed = progress->take_owed();
    write_lock.release();
    written.notify_all();
    if (synced || sync_wanted.load(std::memory_order_seq_cst) > writer.durable_lsn()) durable.notify_all();
    if (REWAL_UNLIKELY(writer.failed())) {
      room.notify_all();
      durable.notify_all();
    }
    progress->tell(owed);
    if (REWAL_UNLIKELY(followers_want_sync())) work.notify_all();
  }

  /// Whether something is written that followers wait for and nobody has synced.
  [[nodiscard]] bool followers_want_sync() const noexcept {
    return !writer.failed() && progress->wants_sync(writer.last_lsn(), writer.durable_lsn());
  }

  /// One step of writing, by the write lock's holder, who lets those in who wait for room, and keeps the interval.
  typename LogWriter::Step write_some() {
    const auto step = write_next();
    if (step == LogWriter::Step::wrote) keep_interval();
    return step;
  }

  /// What is published by now joins the fsync that comes next, as far as an interval allows it. False after an error or
  /// a close.
  bool write_published() {
    const Lsn assigned = ring.last_assigned_lsn();
    while (writer.last_lsn() < assigned && sync_overdue() > Threads::now()) {
      const auto step = write_next();
      if (step != LogWriter::Step::wrote) return step == LogWriter::Step::nothing;
    }
    return true;
  }

  /// The fsync that an interval asks for, if it does. By the write lock's holder.
  void keep_interval() {
    if (!times_tail()) return;
    if (sync_due() > Threads::now() || !write_published()) return;
    sync();
    tell_synced();
  }

  [[nodiscard]] bool times_tail() const noexcept { return options.sync_mode.kind() == SyncMode::Kind::interval; }

  /// How often the writer thread polls: an interval is kept by polling several times in it.
  [[nodiscard]] std::chrono::nanoseconds poll_period() const noexcept {
    constexpr std::chrono::nanoseconds longest = std::chrono::microseconds(400);
    if (!times_tail()) return longest;
    return (std::max)(std::chrono::nanoseconds(1000), (std::min)(longest, options.sync_mode.period() / 8));
  }

  /// When the fsync of the oldest unsynced event has to start.
  [[nodiscard]] typename Threads::Time sync_due() const noexcept {
    return unsynced_for(options.sync_mode.period() - poll_period());
  }

  /// One fsync, by the write lock's holder; those who wait for it, `group` of them as far as is known, are told when
  /// the write lock is put down, or by tell_synced() where that is not soon.
  bool sync(std::uint32_t group = 0) {
    const bool synced = writer.sync();
    show_progress();  // it may have written, too
    if (synced) progress->synced(writer.durable_lsn(), writer.file_end());
    let_in();
    sync_regulars = group + sync_arrivals.load(std::memory_order_relaxed);
    owes_durable = true;
    return synced;
  }

  void tell_synced() {
    if (std::exchange(owes_durable, false)) durable.notify_all();
    progress->tell(progress->take_owed());
  }

 private:
  [[nodiscard]] typename Threads::Time unsynced_for(std::chrono::nanoseconds time) const noexcept {
    if (!times_tail() || writer.failed()) return Threads::never;
    const auto since = writer.unsynced_age().since();
    return since ? Threads::after(*since, time) : Threads::never;
  }
  /// When it must start, whatever else could join it: an interval after the oldest event that it covers. What was
  /// assigned during the last fsync, when nothing could be written, may be as old: it joins for an interval from that
  /// fsync's end. By the write lock's holder.
  [[nodiscard]] typename Threads::Time sync_overdue() const noexcept {
    const auto interval = options.sync_mode.period();
    const auto since = unsynced_for(std::chrono::nanoseconds(0));
    if (since == Threads::never) return since;
    const bool may_be_as_old = writer.last_lsn() < writer.unsynced_age().assigned_at_sync_end();
    return Threads::after(may_be_as_old ? (std::max)(since, writer.last_sync_end()) : since, interval);
  }

  typename LogWriter::Step write_next() {
    const auto step = writer.write_some();
    if (step == LogWriter::Step::wrote) {
      show_progress();
      let_in();
    }
    return step;
  }

  void show_progress() noexcept { progress->wrote(writer.last_lsn(), writer.file_end()); }

  /// Those who wait for room, once half of it is there.
  void let_in() {
    if (ring.half_empty()) room.notify_all();
  }
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_CORE_HPP
