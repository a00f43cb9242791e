// SPDX-License-Identifier: MIT
//
// Writer: takes published frames from the ring to the storage, and fsyncs them; the one place that changes the file
// after recovery. Its working members are called by whoever holds the write lock, its observers by anybody.
// When to write, when to sync and who waits for it is left to the log; how bytes get into the storage to its end.
//
// INVARIANTS (of the write lock's holder)
//   W1  file_end is the end of the last whole frame that the storage has taken. It, written_end, last_lsn and the
//       counters advance after success only, in that order, so that a reader that sees the LSN can read the event.
//   W2  synced_end <= file_end; durable_lsn is at most the last LSN of the frames below synced_end, and is it after
//       sync().
//   W3  The first error is final: after it nothing is written, synced or consumed any more.
//   W4  Bit 1 is set on the first frame of a write if and only if synced_end == file_end > 0 and nothing of the frame
//       is stored: everything before it has been fsynced, in this build() or since.
//   W5  on_append, after_append and after_write have run for an event before its LSN shows in last_lsn.
//   W6  A write may end inside a frame. What is stored of it, `begun`, is less than the frame, which is published and
//       stays in the ring. No fsync covers a begun frame: sync() writes the rest first, so the first frame written
//       after an fsync begins where that fsync ended, and W4 marks it. A close cuts a begun frame off.
//
// EDGES
//   F1  failure: that of first_error.hpp.
//   F2  last_lsn is the ring's next_lsn (its edge R5); durable_lsn.store(release) with durable_lsn.load(acquire).

#ifndef REWAL_COMMIT_WRITER_HPP
#define REWAL_COMMIT_WRITER_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/commit/first_error.hpp>
#include <rewal/commit/frame_notifier.hpp>
#include <rewal/commit/join_buffer.hpp>
#include <rewal/commit/ring_frames.hpp>
#include <rewal/commit/storage_appender.hpp>
#include <rewal/commit/unsynced_age.hpp>
#include <rewal/commit/write_counters.hpp>
#include <rewal/error.hpp>
#include <rewal/format/frame_sink.hpp>
#include <rewal/lsn.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/result.hpp>
#include <rewal/sync/back_off.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class S, class C, class I, class H, class Queue, class Threads = NativeThreads>
class Writer {
 public:
  struct Settings {
    std::uint64_t buffer_capacity;
    std::uint64_t preallocate_bytes;
    bool times_tail;  // note since when something is unsynced
  };

  /// The log goes on at `end`, which is fsynced, with `last_lsn` the highest LSN before it.
  Writer(SharedLog<S, C>& shared, Queue& ring, I indexer, H& hooks, Settings settings, std::uint64_t end, Lsn last_lsn)
      : shared_(shared),
        ring_(ring),
        hooks_(hooks),
        notifier_(std::move(indexer), &shared),
        joint_(settings.buffer_capacity),
        appender_(shared, end, {settings.buffer_capacity, settings.preallocate_bytes}),
        file_end_(end),
        synced_end_(end),
        unsynced_age_(settings.times_tail, last_lsn) {
    durable_lsn_.store(last_lsn, std::memory_order_relaxed);
  }

  enum class Step : std::uint8_t { wrote, nothing, stopped };

  // ---- by the write lock's holder ---------------------------------------------------------------------------------

  /// Writes what is published next, one write of at most buffer_capacity; `nothing` where nothing is published;
  /// `stopped` after an error or abandon().
  Step write_some() {
    if (is_stopped()) return Step::stopped;
    unsynced_age_.polled(ring_);
    // Before the gathering, so that what is published meanwhile comes along.
    if (begun() == 0 && !secure_first_sector(ring_.bytes_in_flight())) return Step::stopped;
    const std::uint64_t good_end = appender_.good_end();
    if (const auto run = ring_.gather(begun() + appender_.most_bytes(), good_end != 0 ? good_end - file_end_ : 0);
        run.bytes.size() != 0) {
      return write_run(run) ? Step::wrote : Step::stopped;
    }
    const RingSpan<std::byte> frame = ring_.gather_large();
    if (frame.size() == 0) return Step::nothing;
    return write_large(frame) ? Step::wrote : Step::stopped;
  }

  /// Fsyncs everything written. Nothing to do is success; false after an error or abandon().
  bool sync() {
    if (is_stopped() || !finish_begun_frame()) return false;
    const Lsn covered = last_lsn();
    if (covered == durable_lsn_.load(std::memory_order_relaxed)) return true;
    const bool needed = synced_end_ != file_end_;  // else secure_first_sector() has made the fsync
    if (needed) {
      hooks_.before_sync();
      if (!synced()) return false;
      counts_.synced(file_end_ - synced_end_, appender_.last_sync_took());
      synced_end_ = file_end_;
    }
    unsynced_age_.synced();
    durable_lsn_.store(covered, std::memory_order_release);  // F2
    if (needed) hooks_.after_sync(appender_.last_sync_took());
    hooks_.on_durable(covered);
    return true;
  }

  /// When the last fsync ended.
  [[nodiscard]] typename Threads::Time last_sync_end() const noexcept { return appender_.last_sync_end(); }

  /// Closes the storage and tells the readers before. What is stored of a frame is cut off first. Where the storage
  /// refuses, as on Windows while an iterator has the file mapped, a frame that a full write ended in is finished
  /// instead.
  Result<void> close() {
    Result<void> whole;
    if (begun() != 0 && !failed()) {
      whole = appender_.truncate(file_end_);
      if (!whole && appender_.stored() == planned_end_) {
        appender_.insist();
        if (finish_begun_frame()) whole = {};
      }
    }
    shared_.closed.store(true, std::memory_order_release);
    const Result<void> closed = appender_.close();
    return whole ? closed : whole;
  }

  // ---- by anybody ------------------------------------------------------------------------------------------------

  /// Stops the writing: what is being written now is the last thing that is.
  void abandon() noexcept { appender_.abandon(); }
  [[nodiscard]] bool abandoned() const noexcept { return appender_.abandoned(); }

  [[nodiscard]] bool failed() const noexcept { return first_error_.happened(); }  // F1
  /// The first error. Requires failed().
  [[nodiscard]] const Error& error() const noexcept { return first_error_.get(); }

  [[nodiscard]] Lsn last_lsn() const noexcept { return ring_.next_unconsumed_lsn() - 1; }
  [[nodiscard]] Lsn durable_lsn() const noexcept { return durable_lsn_.load(std::memory_order_acquire); }  // F2
  [[nodiscard]] const WriteCounters<Threads>& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t file_end() const noexcept { return shared_.written_end.load(std::memory_order_acquire); }

  /// Since when something written is unsynced; the queue was empty at a time, and so on.
  [[nodiscard]] UnsyncedAge<Threads>& unsynced_age() noexcept { return unsynced_age_; }
  [[nodiscard]] const UnsyncedAge<Threads>& unsynced_age() const noexcept { return unsynced_age_; }

 private:
  using Appender = StorageAppender<S, C, Threads>;
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;
  using Run = typename Queue::Run;

  [[nodiscard]] bool is_stopped() const noexcept { return abandoned() || failed(); }

  /// Bytes of the next frame that are stored already.
  [[nodiscard]] std::uint64_t begun() const noexcept { return appender_.stored() - file_end_; }

  // ---- writing ---------------------------------------------------------------------------------------------------

  bool write_run(const Run& run) {
    RingSpan<std::byte> bytes = run.bytes.part(static_cast<std::size_t>(begun()), run.bytes.size());
    if (begun() == 0) {
      if (!secure_first_sector(bytes.size())) return false;
      if (is_first_after_sync()) mark_next_frame(ring_);
    }
    bytes = joint_.joined(bytes);
    begin_write(bytes.size(), run.rest_bytes);
    if (!stored(bytes)) return false;
    planned_end_ = appender_.stored();
    if (run.frames == 0) {
      hooks_.after_write(bytes.size());
      return true;
    }
    const Lsn last_lsn = header_at(run.bytes, run.last_frame_at).last_lsn();
    end_write(run.bytes.part(0, run.whole_bytes), last_lsn, run.frames, bytes.size());
    ring_.consume(run, last_lsn + 1);
    return true;
  }

  bool write_large(const RingSpan<std::byte>& frame) {
    const Lsn last_lsn = header_at(frame, 0).last_lsn();
    if (!secure_first_sector(frame.size())) return false;
    const bool marked = is_first_after_sync();
    if (marked) set_synced_before(frame);
    begin_write(frame.size(), 0);
    BackOff<Threads> for_the_producer;
    for (std::size_t done = 0; done < frame.size();) {
      if (abandoned()) return false;
      const std::size_t published = ring_.large_published();
      if (published == done) {
        for_the_producer.wait();  // it is still copying
        continue;
      }
      for_the_producer.reset();
      if (marked && published == frame.size()) mend_crc_after_set(frame, frame.size());
      if (!stored(frame.part(done, published))) return false;
      done = published;
    }
    end_write(frame, last_lsn, 1, frame.size());
    ring_.consume_large(last_lsn + 1);
    return true;
  }

  /// The rest of a frame that the last write ended in.
  bool finish_begun_frame() { return begun() == 0 || write_run(ring_.gather(0)); }

  /// Space is reserved for all of a frame before any of it is there: what a crash leaves of it is then known to be its.
  void begin_write(std::size_t bytes, std::size_t rest_of_last_frame) {
    hooks_.before_write(bytes);
    appender_.reserve(bytes + rest_of_last_frame);
  }

  /// The storage has taken all that was to be written; with it `frames` frames are whole, which are `bytes`.
  void end_write(const RingSpan<std::byte>& bytes, Lsn last_lsn, std::uint64_t frames, std::size_t written) {
    unsynced_age_.written();
    const std::uint64_t begin = file_end_;
    const Lsn first_lsn = ring_.next_unconsumed_lsn();
    file_end_ += bytes.size();
    {
      const std::lock_guard lock(shared_.index_mutex);
      shared_.index.frame(begin, last_lsn);  // the run as one frame: the index need not know what lies inside
    }
    shared_.written_end.store(file_end_, std::memory_order_release);
    counts_.wrote(last_lsn + 1 - first_lsn, frames, bytes.size());
    notifier_.frames_written(bytes, begin, hooks_, shared_);
    hooks_.after_write(written);
  }

  // ---- marks of an fsync -----------------------------------------------------------------------------------------

  /// A new log that leaves its first sector has that sector fsynced before: a crash that kept later sectors without it
  /// would leave a file that looks foreign. A first write that is larger than the sector is seen to by the storage's
  /// end. durable_lsn waits for the next sync(), which also tells those who wait for it.
  bool secure_first_sector(std::uint64_t bytes) {
    constexpr std::uint64_t sector = Appender::sector_bytes;
    if (abandoned()) return false;
    if (synced_end_ != 0 || file_end_ == 0 || file_end_ > sector || bytes <= sector - file_end_) return true;
    if (!synced()) return false;
    counts_.synced(file_end_);  // no fsync of events
    synced_end_ = file_end_;
    return true;
  }

  [[nodiscard]] bool is_first_after_sync() const noexcept { return file_end_ != 0 && synced_end_ == file_end_; }  // W4

  // ---- the storage's end -----------------------------------------------------------------------------------------

  bool synced() {
    if (!succeeded(appender_.sync())) return false;
    unsynced_age_.sync_ended(ring_);
    return true;
  }
  bool stored(const RingSpan<std::byte>& bytes) {
    const bool is_first = appender_.stored() == 0;
    if (!succeeded(appender_.store(bytes))) return false;
    if (is_first) unsynced_age_.sync_ended(ring_);  // it may have made one
    return true;
  }

  // ---- failing ---------------------------------------------------------------------------------------------------

  bool succeeded(typename Appender::Outcome outcome) noexcept {
    if (outcome == Appender::Outcome::failed) {
      ring_.seal();  // first, so that nothing is accepted once the error shows
      first_error_.set(appender_.error());
    }
    return outcome == Appender::Outcome::done;
  }

  SharedLog<S, C>& shared_;
  Queue& ring_;
  H& hooks_;
  FrameNotifier<I, H> notifier_;  // calls the indexer and after_append
  JoinBuffer joint_;              // a run that went over the end of the ring

  // By the write lock's holder.
  Appender appender_;              // W6
  std::uint64_t file_end_;         // W1
  std::uint64_t synced_end_;       // W2
  std::uint64_t planned_end_ = 0;  // where the last whole write ended: what is begun there is the next frame alone

  // By the write lock's holder, read by anybody.
  FirstError<Threads> first_error_;  // F1
  Atomic<Lsn> durable_lsn_{0};
  UnsyncedAge<Threads> unsynced_age_;
  WriteCounters<Threads> counts_;
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_WRITER_HPP
