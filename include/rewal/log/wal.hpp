// SPDX-License-Identifier: MIT
//
// Wal: the log as its users see it. It owns everything that runs, in one Core that stays where it is while the Wal
// moves; it decides nothing itself but who is asked.
// Every method may be called from any thread at any time; moving and destroying are not concurrent with calls.

#ifndef REWAL_LOG_WAL_HPP
#define REWAL_LOG_WAL_HPP

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <rewal/append/appending.hpp>
#include <rewal/bytes.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/commit/group_commit.hpp>
#include <rewal/commit/lifecycle.hpp>
#include <rewal/error.hpp>
#include <rewal/format/batch.hpp>
#include <rewal/fwd.hpp>
#include <rewal/log/refused_calls.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/read/follower.hpp>
#include <rewal/read/iterator.hpp>
#include <rewal/read/replay.hpp>
#include <rewal/recovery/copying.hpp>
#include <rewal/result.hpp>
#include <rewal/stats.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/storage.hpp>
#include <rewal/sync/cancellation.hpp>

namespace rewal {

/// An embedded write-ahead log: one process appends events to one file; each gets a log sequence number; they can be
/// replayed after any crash.
///
/// Made by `Wal<>::open(path)...build()`. Movable, not copyable. A moved-from log is `init` and its calls return
/// `not_running`; assigning to a running log shuts it down first.
///
/// Errors that every call may return: `not_running`; `draining` while shutting down; `closed` afterwards; after a
/// failed write or fsync that first error, with its errno, for ever; `invalid_state` on a thread that is inside a
/// policy call (hook, indexer, compressor, storage) of this log. Further ones are said at each call.
///
/// A log belongs to the process that opened it. In a forked child every call on it is `not_running`, observers show what
/// the memory held when it was forked, and destroying it does nothing: the policies in it are not destroyed either. The
/// child does not keep the file locked. (A child made by a bare clone() or _Fork() is not recognised: let it exec.)
///
/// The queue is lock-free in its claim: a producer that the system stalls between claiming its place and publishing its
/// frame delays what comes after it, since the file has no holes. Likewise whoever writes or fsyncs for all, the thread
/// that leads a group commit, delays those who wait while the system gives it no processor: a thread of idle priority
/// that calls flush() or append_durable() may hold up all others. Give such a thread append() alone.
template <class S, class C, class I, class H>
class [[nodiscard]] Wal : detail::RefusedCalls {
  static_assert(detail::require_storage<S>() && detail::require_compressor<C>() && detail::require_indexer<I>() &&
                detail::require_hooks<H>());
  using Core = detail::Core<S, C, I, H>;
  using Commit = detail::GroupCommit<Core>;

 public:
  /// Reads events one by one; see iterator().
  using Iterator = detail::Iterator<S, C>;
  /// Reads events and waits for those to come; see follow().
  using Follower = detail::Follower<S, C>;

  /// Begins to open the log in the file at `path`; nothing happens before build().
  [[nodiscard]] static Builder<FileStorage, NoCompressor, NoIndexer, NoHooks> open(PathArg path);

  Wal() noexcept = default;
  Wal(Wal&&) noexcept = default;
  Wal& operator=(Wal&& other) noexcept {
    if (this != &other) {
      end();
      core_ = std::move(other.core_);
    }
    return *this;
  }
  /// As shutdown(), without a limit: it never throws away an accepted event, and waits as long as the storage does.
  /// Its error is lost: call shutdown() to learn it. Not from inside a policy of this log.
  ~Wal() { end(); }

  using RefusedCalls::replay;
  // ---- appending -------------------------------------------------------------------------------------------------

  /// Queues one event and returns its LSN. The bytes are copied; no heap allocation in the steady state. The event
  /// reaches the storage within about a millisecond; flush() waits for that, append_durable() for the fsync too.
  /// Errors: `invalid_record` over the limits, `queue_full` with Backpressure::error, `invalid_lsn` past 2^64-2, what
  /// the compressor returned. A refused append takes no LSN. With Backpressure::drop a dropped event returns LSN 0.
  Result<Lsn> append(BytesArg payload) {
    if (!core_) return Errc::not_running;
    return detail::Appending<Core>(*core_).one(payload.bytes(), {}, detail::Append::queued);
  }

  /// As append(). Meta holds at most 65,535 bytes; an empty one reads back as "no meta".
  Result<Lsn> append_with_meta(BytesArg payload, BytesArg meta) {
    if (!core_) return Errc::not_running;
    return detail::Appending<Core>(*core_).one(payload.bytes(), meta.bytes(), detail::Append::queued);
  }

  /// Queues the batch as one frame, all or nothing, and returns the LSN of its last event. The batch stays usable.
  /// Errors as append(), and `empty_batch`.
  Result<Lsn> append_batch(const Batch& batch) {
    if (!core_) return Errc::not_running;
    return detail::Appending<Core>(*core_).batch(batch, detail::Append::queued);
  }

  /// append(), then wait_durable(): success means that the event survives a power loss. A full queue is `queue_full`
  /// with Backpressure::drop too. After an error of the wait the event may or may not be in the file.
  Result<Lsn> append_durable(BytesArg payload) { return append_durable_with_meta(payload, BytesArg{}); }
  Result<Lsn> append_durable_with_meta(BytesArg payload, BytesArg meta) {
    if (!core_) return Errc::not_running;
    return Commit(*core_).wait_durable(
        detail::Appending<Core>(*core_).one(payload.bytes(), meta.bytes(), detail::Append::awaited));
  }
  Result<Lsn> append_batch_durable(const Batch& batch) {
    if (!core_) return Errc::not_running;
    return Commit(*core_).wait_durable(detail::Appending<Core>(*core_).batch(batch, detail::Append::awaited));
  }

  // ---- waiting ---------------------------------------------------------------------------------------------------

  /// Returns when everything appended before the call has been written to the storage: it survives the death of the
  /// process, not a power loss. In SyncMode::batch it has been fsynced as well.
  Result<void> flush() {
    if (!core_) return Errc::not_running;
    return Commit(*core_).flush();
  }

  /// Fsyncs everything written: it survives a power loss. Concurrent callers share one fsync. What is still queued is
  /// not covered: flush() first, or use wait_durable().
  Result<void> sync() {
    if (!core_) return Errc::not_running;
    return Commit(*core_).sync();
  }

  /// Returns once every event up to `lsn` is fsynced, causing the write and the fsync if nothing else does. Concurrent
  /// callers share. 0, or an LSN up to durable_lsn(), succeeds at once in every state.
  /// Errors: `invalid_lsn` for an LSN that was never assigned (those found at open count as assigned).
  Result<void> wait_durable(Lsn lsn) {
    if (!core_) return lsn == 0 ? Result<void>() : Errc::not_running;
    return Commit(*core_).wait_durable(lsn);
  }

  // ---- reading ---------------------------------------------------------------------------------------------------

  /// Calls `f` for each event written by now with `lsn >= from`, in file order, on this thread. `f` takes
  /// `const BorrowedEvent&` (a view, valid until it returns) or `Event&&`, and returns void, bool (false stops) or
  /// Result<void> (an error stops and is returned); its exceptions propagate. Returns how many events `f` was given.
  /// Errors: `corrupted` with the offset for damage, `compressor_required`, what the storage said.
  template <detail::ReplayFunction F>
  Result<std::uint64_t> replay(Lsn from, F&& f) const {
    if (const auto error = unreadable()) return *error;
    return detail::replay(core_->shared, from, std::forward<F>(f));
  }
  /// The same for `from <= lsn <= to`. A `to` beyond the end is the end; `to < from` is empty.
  template <detail::ReplayFunction F>
  Result<std::uint64_t> replay(Lsn from, Lsn to, F&& f) const {
    if (const auto error = unreadable()) return *error;
    return detail::replay(core_->shared, from, to, std::forward<F>(f));
  }

  /// A reader over what is written now, from the first event with `lsn >= from`; found through an index, not a scan.
  /// Used by one thread. It outlives the log: its next call then returns `closed`.
  [[nodiscard]] Result<Iterator> iterator(Lsn from = 0) const {
    if (const auto error = unreadable()) return *error;
    return Iterator(core_->shared, from);
  }
  /// The same for `from <= lsn <= to`. A `to` beyond the end is the end; `to < from` is empty.
  [[nodiscard]] Result<Iterator> iterator(Lsn from, Lsn to) const {
    if (const auto error = unreadable()) return *error;
    return Iterator(core_->shared, from, to);
  }

  /// A reader that never ends by itself: at the end it waits for what comes. It begins with the first event with
  /// `lsn >= from`, and hands an event out once it is durable, which it causes, or with Follow::written once it is
  /// written. Used by one thread, but for its stop(). It keeps no shutdown waiting; see there how it ends.
  [[nodiscard]] Result<Follower> follow(Lsn from, Follow what = Follow::durable) const {
    if (const auto error = unreadable()) return *error;
    return detail::or_not_enough_memory(
        [&]() -> Result<Follower> { return Follower(core_->shared, core_->progress, from, what); });
  }

  /// A copy of the live log in a new file, which opens as a log: everything that was durable when the call began, up to the
  /// LSN that it returns. Appending goes on meanwhile. Every frame is checked on the way. Errors: `corrupted` for damage;
  /// `io` with std::errc::file_exists where the name is taken, which is left as it is; else what the system said: there is no
  /// file then. Costs one pass over the log and an fsync.
  Result<Lsn> copy_to(PathArg path) const {
    if (const auto error = unreadable()) return *error;
    const Lsn durable = core_->writer.durable_lsn();
    return detail::copy_durable(core_->shared->storage, core_->shared.get(), core_->writer.file_end(),
                                core_->report.kept_bytes, durable, path, core_->options.file_mode);
  }

  // ---- observing: lock-free, any state, also from inside a policy --------------------------------------------------

  /// Lowest LSN in the log. 0 while it is empty.
  [[nodiscard]] Lsn first_lsn() const noexcept { return last_lsn() == 0 ? 0 : core_->first_lsn; }
  /// Highest LSN written to the storage, not merely assigned; after open, the highest recovered. 0 if none.
  [[nodiscard]] Lsn last_lsn() const noexcept { return core_ ? core_->existing(core_->writer.last_lsn()) : 0; }
  /// Highest LSN that a finished fsync covers. 0 if none.
  [[nodiscard]] Lsn durable_lsn() const noexcept { return core_ ? core_->existing(core_->writer.durable_lsn()) : 0; }
  [[nodiscard]] State state() const noexcept {
    return core_ ? core_->state.load(std::memory_order_acquire) : State::init;
  }
  /// The first write or fsync error, which is final; none while the log is sound. For monitors: the state stays `running`,
  /// since reading works.
  [[nodiscard]] std::optional<Error> error() const noexcept {
    return core_ && core_->writer.failed() ? std::optional(core_->writer.error()) : std::nullopt;
  }
  /// What build() found.
  [[nodiscard]] RecoveryReport recovery() const { return core_ ? core_->report : RecoveryReport{}; }

  [[nodiscard]] Stats stats() const noexcept {
    Stats stats;
    if (!core_) return stats;
    const auto& counts = core_->writer.counts();
    stats.durable_lsn = durable_lsn();  // before last_lsn: neither goes back, so it cannot be ahead
    stats.bytes_synced = counts.bytes_synced.load(std::memory_order_acquire);  // before bytes_written, likewise
    stats.sync_count = counts.sync_count.load(std::memory_order_acquire);
    stats.sync_time = counts.sync_time.snapshot();
    stats.last_lsn = last_lsn();
    stats.events_written = counts.events_written.load(std::memory_order_relaxed);
    stats.batches_written = counts.batches_written.load(std::memory_order_relaxed);
    stats.bytes_written = counts.bytes_written.load(std::memory_order_relaxed);
    stats.compressed_bytes = core_->compressed_bytes.load(std::memory_order_relaxed);
    stats.drops = core_->drops.load(std::memory_order_relaxed);
    stats.corruptions = core_->corruptions;
    stats.queue_len = core_->ring.frames_in_flight();
    stats.file_size = core_->writer.file_end();
    stats.state = state();
    return stats;
  }

  // ---- the end ---------------------------------------------------------------------------------------------------

  /// Refuses new appends, blocked ones included; drains, writes, fsyncs in every mode, cuts preallocated space, closes
  /// and releases the file lock. Success means that all of that happened, for every caller alike, later ones included.
  /// After a failed write or fsync it closes, unlocks and returns that error each time. `closed` if close() was first.
  Result<void> shutdown() {
    if (!core_) return Errc::not_running;
    return detail::Lifecycle<Core>(*core_).shutdown(std::nullopt);
  }
  /// As shutdown(), but returns `io` with std::errc::timed_out when that takes longer; the log goes on draining, and
  /// shutdown may be called again. 0 or less checks once.
  template <class Rep, class Period>
  Result<void> shutdown(std::chrono::duration<Rep, Period> timeout) {
    if (!core_) return Errc::not_running;
    return detail::Lifecycle<Core>(*core_).shutdown(detail::saturated(timeout));
  }

  /// Closes and unlocks now: waits only for the write or fsync in progress, and discards events not yet written. Those
  /// who wait get `closed`. Again: success.
  Result<void> close() {
    if (!core_) return Errc::not_running;
    return detail::Lifecycle<Core>(*core_).close();
  }

 private:
  friend class Builder<S, C, I, H>;
  explicit Wal(std::unique_ptr<Core> core) noexcept : core_(std::move(core)) {}

  [[nodiscard]] std::optional<Error> unreadable() const noexcept {
    if (!core_) return Error(Errc::not_running);
    if (const auto misplaced = core_->misplaced()) return misplaced;
    if (state() == State::closed) return Error(Errc::closed);
    return std::nullopt;
  }

  void end() noexcept {
    if (!core_) return;
    const detail::NotCancelled to_the_end;
    const bool was_shut_down = core_->shutdown_begun.load(std::memory_order_acquire);
    static_cast<void>(shutdown());  // in a forked child it does nothing
    if (detail::Lifecycle<Core>(*core_).is_left_behind()) {
      // The list of forks knows it, so no leak is seen.
      static_cast<void>(core_.release());
      return;
    }
    core_->thread.join();
    if (!was_shut_down) detail::Lifecycle<Core>(*core_).forsake_followers();
    core_.reset();
  }

  std::unique_ptr<Core> core_;  // none when moved from
};

}  // namespace rewal

#endif  // REWAL_LOG_WAL_HPP
