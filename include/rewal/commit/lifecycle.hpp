// SPDX-License-Identifier: MIT
//
// Lifecycle: the end of a log, by shutdown or by close.
// Any thread may ask, any number at once; one closes the file, with the write lock held, and all get the same answer.
//
//            shutdown            the writer thread: drained, synced, closed
//   running ----------> draining ------------------------------------------> closed
//      |                    |                                                   ^
//      +--------------------+---------------- close: discards what is left -----+
//
// ORDER OF THE END: seal (no claim succeeds any more), then state, which the writer thread reads; then drain, fsync,
// followers and readers told, storage closed, outcome stored, state closed, finished.store(release), and only then
// everyone woken.
// Partner of finished: load(acquire) before outcome is read. The write lock is held for the last time before the
// storage is closed, and whoever takes it later sees the state closed.

#ifndef REWAL_COMMIT_LIFECYCLE_HPP
#define REWAL_COMMIT_LIFECYCLE_HPP

#include <chrono>
#include <optional>

#include <rewal/commit/core.hpp>
#include <rewal/error.hpp>
#include <rewal/options.hpp>
#include <rewal/read/kept_end.hpp>
#include <rewal/read/progress.hpp>
#include <rewal/result.hpp>
#include <rewal/sync/back_off.hpp>
#include <rewal/sync/library.hpp>

namespace rewal::detail {

template <class Core>
class Lifecycle {
 public:
  explicit Lifecycle(Core& core) noexcept : core_(core) {}

  /// Waits until `timeout` has passed; none: as long as it takes.
  [[nodiscard]] Result<void> shutdown(std::optional<std::chrono::nanoseconds> timeout) {
    if (const auto misplaced = core_.misplaced()) return *misplaced;
    if (other_threads_are_gone()) return end_alone();
    const auto now = Threads::now();
    begin_draining(now);
    return wait_for_end(timeout ? Threads::after(now, *timeout) : Threads::never);
  }

  [[nodiscard]] Result<void> close() {
    if (const auto misplaced = core_.misplaced()) return *misplaced;
    if (other_threads_are_gone()) return {};  // the system closes the file
    core_.writer.abandon();
    core_.ring.seal();
    State expected = State::running;
    core_.state.compare_exchange_strong(expected, State::draining, std::memory_order_seq_cst);
    wake_everybody();
    core_.acquire_write_lock();
    Result<void> closed;
    if (!core_.finished.load(std::memory_order_acquire)) {
      end_progress(Ending::discarded);
      closed = core_.writer.close();
      settle(core_.writer.failed() ? Result<void>(core_.writer.error()) : Result<void>(Errc::closed));
    }
    core_.release_write_lock();
    wake_everybody();
    return closed;
  }

  /// Whether the log's threads are the parent's, or were ended with the process, and what they held stays held.
  [[nodiscard]] bool is_left_behind() const noexcept { return core_.inherited() || other_threads_are_gone(); }

  /// The log is destroyed without a shutdown: nothing more is handed out.
  void forsake_followers() { end_progress(Ending::discarded); }

  /// The writer thread's part, once the log is draining or closed.
  void run_down() {
    core_.acquire_write_lock();
    if (!core_.finished.load(std::memory_order_acquire)) {
      drain();
      if (!core_.writer.abandoned()) end_by_shutdown();
    }
    core_.release_write_lock();
    wake_everybody();
  }

 private:
  using Threads = typename Core::Threads;
  using Step = typename Core::LogWriter::Step;

  void begin_draining(typename Threads::Time now) {
    if (core_.state.load(std::memory_order_acquire) != State::running) return;
    if (core_.shutdown_begun.exchange(true, std::memory_order_seq_cst)) return;
    core_.hooks.on_shutdown_start();
    core_.draining_since = now;
    core_.ring.seal();
    State expected = State::running;
    core_.state.compare_exchange_strong(expected, State::draining, std::memory_order_seq_cst);
    wake_everybody();
  }

  [[nodiscard]] Result<void> wait_for_end(typename Threads::Time deadline) {
    for (;;) {
      if (core_.inherited()) return not_this_process();  // a hook has forked
      if (core_.finished.load(std::memory_order_acquire)) return core_.outcome;
      if (Threads::now() >= deadline) {
        return Error(Errc::io, std::make_error_code(std::errc::timed_out),
                     "the log did not finish in time and goes on shutting down: call shutdown again");
      }
      const auto key = core_.lifecycle.prepare();
      if (core_.finished.load(std::memory_order_acquire)) {
        core_.lifecycle.cancel();
      } else {
        core_.lifecycle.sleep(key, deadline);
      }
    }
  }

  /// Everything claimed before the seal is written, and everything written is synced, unless an error or close is
  /// first.
  void drain() {
    BackOff<Threads> for_a_producer;  // one between claim and publish, or that gives up a hold
    while (!core_.ring.is_drained()) {
      switch (core_.write_some()) {
        case Step::wrote: for_a_producer.reset(); break;
        case Step::stopped: return;
        case Step::nothing: for_a_producer.wait(); break;
      }
    }
    core_.sync();
    core_.tell_synced();  // before the storage is closed, which may take long
  }

  /// What shutdown does where the process is ending and the writer thread was ended before: all that was appended is
  /// written and synced, unless another thread was ended in the middle of an append or a write. Nobody is woken, since
  /// nobody is there, and the file is left to the system, since one who read it may have had it locked.
  [[nodiscard]] Result<void> end_alone() {
    if (core_.finished.load(std::memory_order_acquire)) return core_.outcome;
    core_.ring.seal();
    if (core_.write_lock.try_acquire()) {  // and never released: what is left to others is over
      while (core_.write_some() == Step::wrote) {
      }
      if (core_.ring.is_drained()) core_.sync();
    }
    const bool is_whole = core_.ring.is_drained() && core_.writer.durable_lsn() == core_.writer.last_lsn();
    if (core_.writer.failed()) {
      settle(core_.writer.error());
    } else if (is_whole) {
      settle({});
    } else {
      settle(Error(Errc::io, std::make_error_code(std::errc::operation_canceled),
                   "the process ended in the middle of an append or a write: shut the log down before main returns"));
    }
    return core_.outcome;
  }

  void end_by_shutdown() {
    keep_for_followers();
    end_progress(Ending::finished);
    const Result<void> closed = core_.writer.close();
    core_.hooks.on_shutdown_done(Threads::now() - core_.draining_since);
    settle(core_.writer.failed() ? Result<void>(core_.writer.error()) : closed);
  }

  void end_progress(Ending how) {
    core_.progress->end(how);
    core_.progress->tell(core_.progress->take_owed());
  }

  /// They may be behind when the storage is closed, which does not wait for them.
  void keep_for_followers() {
    if (core_.progress->has_followers()) keep_end(*core_.shared, core_.writer.file_end());
  }

  void settle(const Result<void>& outcome) {
    core_.outcome = outcome;
    core_.state.store(State::closed, std::memory_order_seq_cst);
    core_.finished.store(true, std::memory_order_release);
  }

  void wake_everybody() {
    core_.ring.end_sleep();
    core_.work.notify_all();
    core_.room.notify_all();
    core_.written.notify_all();
    core_.durable.notify_all();
    core_.lifecycle.notify_all();
  }

  Core& core_;
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_LIFECYCLE_HPP
