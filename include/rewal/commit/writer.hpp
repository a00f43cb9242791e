// SPDX-License-Identifier: MIT
//
// Writer: takes published frames from the ring to the storage, and fsyncs them; the one place that changes the file
// after recovery. Its working members are called by whoever holds the pen, its observers by anybody.
// When to write, when to sync and who waits for it is left to the log; how bytes get into the storage to its end.
//
// INVARIANTS (of the pen's holder)
//   W1  file_end is the end of the last whole frame that the storage has taken. It, written_end, last_lsn and the
//       counters advance after success only, in that order, so that a reader that sees the LSN can read the event.
//   W2  synced_end <= file_end; durable_lsn is at most the last LSN of the frames below synced_end, and is it after sync().
//   W3  The first error is final: after it nothing is written, synced or consumed any more.
//   W4  Bit 1 is set on the first frame of a write if and only if synced_end == file_end > 0 and nothing of the frame is
//       stored: everything before it has been fsynced, in this build() or since.
//   W5  on_append, after_append and after_write have run for an event before its LSN shows in last_lsn.
//   W6  A write may end inside a frame. What is stored of it, `begun`, is less than the frame, which is published and
//       stays in the ring. No fsync covers a begun frame: sync() writes the rest first, so the first frame written after
//       an fsync begins where that fsync ended, and W4 marks it. A close cuts a begun frame off.
//
// EDGES
//   F1  failure: the error is stored, then failed.store(release); partner: failed.load(acquire) before error().
//   F2  last_lsn is the ring's next_lsn (its edge R5); durable_lsn.store(release) with durable_lsn.load(acquire).

#ifndef REWAL_RIVER_WRITER_HPP
#define REWAL_RIVER_WRITER_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/codec/compressor.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/codec/frame_sink.hpp>
#include <rewal/codec/indexer.hpp>
#include <rewal/codec/records.hpp>
#include <rewal/error.hpp>
#include <rewal/lsn.hpp>
#include <rewal/result.hpp>
#include <rewal/river/frame_witness.hpp>
#include <rewal/river/read_side.hpp>
#include <rewal/river/storage_end.hpp>
#include <rewal/river/writer_counts.hpp>
#include <rewal/sync/ring.hpp>
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
  Writer(ReadSide<S, C>& side, Queue& ring, I indexer, H& hooks, Settings settings, std::uint64_t end, Lsn last_lsn)
      : side_(side),
        ring_(ring),
        hooks_(hooks),
        times_tail_(settings.times_tail),
        witness_(std::move(indexer), &side),
        joint_bytes_(static_cast<std::size_t>((std::min)(settings.buffer_capacity, most_joined_bytes))),
        joint_(new std::byte[joint_bytes_]),
        end_(side, end, {settings.buffer_capacity, settings.preallocate_bytes, H::times_syncs || times_tail_}),
        file_end_(end),
        synced_end_(end) {
    durable_lsn_.store(last_lsn, std::memory_order_relaxed);
    if (times_tail_) look_ = next_look_ = {Threads::now(), last_lsn};
  }

  enum class Step : std::uint8_t { wrote, nothing, stopped };

  // ---- by the pen's holder ---------------------------------------------------------------------------------------

  /// Writes what is published next, one write of at most buffer_capacity; `nothing` where nothing is published;
  /// `stopped` after an error or abandon().
  Step write_some() {
    if (is_stopped()) return Step::stopped;
    note_look();
    // Before the gathering, so that what is published meanwhile comes along.
    if (begun() == 0 && !secure_first_sector(ring_.bytes_in_flight())) return Step::stopped;
    const std::uint64_t good_end = end_.good_end();
    if (const auto run = ring_.gather(begun() + end_.most_bytes(), good_end != 0 ? good_end - file_end_ : 0);
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
      Counts::add(counts_.bytes_synced, file_end_ - synced_end_);
      Counts::add(counts_.sync_count, 1);
      synced_end_ = file_end_;
    }
    unsynced_since_.store(0, std::memory_order_relaxed);
    if constexpr (H::times_syncs) {
      if (needed) hooks_.after_sync(end_.last_sync_took());
    }
    durable_lsn_.store(covered, std::memory_order_release);  // F2
    return true;
  }

  /// What had been assigned when the last fsync ended, where the interval asks for it: it could not be written meanwhile.
  [[nodiscard]] Lsn assigned_at_sync_end() const noexcept { return assigned_at_sync_end_; }
  /// When the last fsync ended, where the interval or a hook asks for it.
  [[nodiscard]] typename Threads::Time last_sync_end() const noexcept { return end_.last_sync_end(); }

  /// Closes the storage and tells the readers before. What is stored of a frame is cut off first. Where the storage refuses,
  /// as on Windows while an iterator has the file mapped, a frame that a full write ended in is finished instead.
  Result<void> close() {
    Result<void> whole;
    if (begun() != 0 && !failed()) {
      whole = end_.truncate(file_end_);
      if (!whole && ends_inside_frame_) {
        end_.insist();
        if (finish_begun_frame()) whole = {};
      }
    }
    side_.closed.store(true, std::memory_order_release);
    const Result<void> closed = end_.close();
    return whole ? closed : whole;
  }

  // ---- by anybody ------------------------------------------------------------------------------------------------

  /// Stops the writing: what is being written now is the last thing that is.
  void abandon() noexcept { end_.abandon(); }
  [[nodiscard]] bool abandoned() const noexcept { return end_.abandoned(); }

  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }  // F1
  /// The first error. Requires failed().
  [[nodiscard]] const Error& error() const noexcept { return *error_; }

  [[nodiscard]] Lsn last_lsn() const noexcept { return ring_.next_unconsumed_lsn() - 1; }
  [[nodiscard]] Lsn durable_lsn() const noexcept { return durable_lsn_.load(std::memory_order_acquire); }  // F2
  [[nodiscard]] const WriterCounts<Threads>& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t file_end() const noexcept { return side_.written_end.load(std::memory_order_acquire); }

  /// Nothing had been appended at that time: what is found later is younger. By whoever looks at the queue.
  void note_quiet(typename Threads::Time at) noexcept {
    quiet_at_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
  }
  /// Since when something written is unsynced, or none. Never later than the append of the oldest such event.
  [[nodiscard]] std::optional<typename Threads::Time> unsynced_since() const noexcept {
    const auto since = unsynced_since_.load(std::memory_order_relaxed);
    if (since == 0) return std::nullopt;
    return typename Threads::Time(typename Threads::Time::duration(since));
  }

 private:
  using Counts = WriterCounts<Threads>;
  using End = StorageEnd<S, C, Threads>;
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;
  using Run = typename Queue::Run;
  using Ticks = typename Threads::Time::rep;

  static constexpr std::uint64_t most_joined_bytes = 256 * 1024;

  [[nodiscard]] bool is_stopped() const noexcept { return abandoned() || failed_.load(std::memory_order_relaxed); }

  /// Bytes of the next frame that are stored already.
  [[nodiscard]] std::uint64_t begun() const noexcept { return end_.stored() - file_end_; }

  /// When the ring was looked at, and what had been assigned by then. Once that is written, what is not is younger.
  struct Look {
    typename Threads::Time at;
    Lsn assigned;
  };

  void note_look() noexcept {
    if (!times_tail_ || last_lsn() < next_look_.assigned) return;
    look_ = next_look_;
    next_look_.at = Threads::now();
    next_look_.assigned = ring_.last_assigned_lsn();
  }

  /// Before the queue shows that it has been consumed, so that whoever finds it empty knows of the tail.
  void note_unsynced() noexcept {
    if (!times_tail_ || unsynced_since_.load(std::memory_order_relaxed) != 0) return;
    const Ticks since = (std::max)(look_.at.time_since_epoch().count(), quiet_at_.load(std::memory_order_relaxed));
    unsynced_since_.store((std::max)(since, Ticks{1}), std::memory_order_relaxed);
  }

  // ---- writing ---------------------------------------------------------------------------------------------------

  bool write_run(const Run& run) {
    RingSpan<std::byte> bytes = run.bytes.part(static_cast<std::size_t>(begun()), run.bytes.size());
    if (begun() == 0) {
      if (!secure_first_sector(bytes.size())) return false;
      mark_first_frame();
    }
    if (!bytes.second.empty() && bytes.size() <= joint_bytes_) bytes = joined(bytes);
    begin_write(bytes.size(), run.rest_bytes);
    ends_inside_frame_ = false;
    if (!stored(bytes)) return false;
    ends_inside_frame_ = run.rest_bytes != 0;
    if (run.frames == 0) return end_write_inside_frame(bytes.size());
    std::byte last[format::header_bytes];
    run.bytes.copy_to(run.last_frame_at, last);
    const Lsn last_lsn = format::load_header(last).last_lsn();
    end_write(run.bytes.part(0, run.whole_bytes), last_lsn, run.frames, bytes.size());
    ring_.consume(run, last_lsn + 1);
    return true;
  }

  bool write_large(const RingSpan<std::byte>& frame) {
    std::byte header[format::header_bytes];
    frame.copy_to(0, header);
    const Lsn last_lsn = format::load_header(header).last_lsn();
    if (!secure_first_sector(frame.size())) return false;
    const bool marked = is_first_after_sync();
    if (marked) set_synced_before(frame);
    begin_write(frame.size(), 0);
    ends_inside_frame_ = false;
    for (std::size_t done = 0; done < frame.size();) {
      const std::size_t published = ring_.large_published();
      if (published == done) {
        if (abandoned()) return false;
        Threads::yield();  // the producer is still copying
        continue;
      }
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

  /// A small run that goes over the end of the ring is joined, so that it is one write.
  RingSpan<std::byte> joined(const RingSpan<std::byte>& bytes) noexcept {
    std::memcpy(joint_.get(), bytes.first.data(), bytes.first.size());
    std::memcpy(joint_.get() + bytes.first.size(), bytes.second.data(), bytes.second.size());
    return {{joint_.get(), bytes.size()}, {}};
  }

  /// Space is reserved for all of a frame before any of it is there: what a crash leaves of it is then known to be its.
  void begin_write(std::size_t bytes, std::size_t rest_of_last_frame) {
    hooks_.before_write(bytes);
    end_.reserve(bytes + rest_of_last_frame);
  }

  /// The storage has taken all that was to be written; with it `frames` frames are whole, which are `bytes`.
  void end_write(const RingSpan<std::byte>& bytes, Lsn last_lsn, std::uint64_t frames, std::size_t written) {
    note_unsynced();
    const std::uint64_t begin = file_end_;
    const Lsn first_lsn = ring_.next_unconsumed_lsn();
    file_end_ += bytes.size();
    {
      const std::lock_guard lock(side_.index_mutex);
      side_.index.frame(begin, last_lsn);  // the run as one frame: the index need not know what lies inside
    }
    side_.written_end.store(file_end_, std::memory_order_release);
    Counts::add(counts_.events_written, last_lsn + 1 - first_lsn);
    Counts::add(counts_.batches_written, frames);
    Counts::add(counts_.bytes_written, bytes.size());
    witness_.frames_written(bytes, begin, hooks_, side_);
    hooks_.after_write(written);
  }

  bool end_write_inside_frame(std::size_t written) {
    hooks_.after_write(written);
    return true;
  }

  // ---- marks of an fsync -----------------------------------------------------------------------------------------

  /// A new log that leaves its first sector has that sector fsynced before: a crash that kept later sectors without it
  /// would leave a file that looks foreign. A first write that is larger than the sector is seen to by the storage's end.
  /// durable_lsn waits for the next sync(), which also tells those who wait for it.
  bool secure_first_sector(std::uint64_t bytes) {
    constexpr std::uint64_t sector = End::sector_bytes;
    if (abandoned()) return false;
    if (synced_end_ != 0 || file_end_ == 0 || file_end_ > sector || bytes <= sector - file_end_) return true;
    if (!synced()) return false;
    Counts::add(counts_.bytes_synced, file_end_);
    synced_end_ = file_end_;
    return true;
  }

  [[nodiscard]] bool is_first_after_sync() const noexcept { return file_end_ != 0 && synced_end_ == file_end_; }  // W4

  void mark_first_frame() noexcept {
    if (!is_first_after_sync()) return;
    std::byte header[format::header_bytes];
    ring_.front(sizeof header).copy_to(0, header);
    const RingSpan<std::byte> frame = ring_.front(format::load_header(header).size);  // the write may end inside
    set_synced_before(frame);
    mend_crc_after_set(frame, frame.size());
  }

  // ---- the storage's end -----------------------------------------------------------------------------------------

  bool synced() {
    if (!succeeded(end_.sync())) return false;
    note_sync_end();
    return true;
  }
  bool stored(const RingSpan<std::byte>& bytes) {
    const bool is_first = end_.stored() == 0;
    if (!succeeded(end_.store(bytes))) return false;
    if (is_first) note_sync_end();  // it may have made one
    return true;
  }
  void note_sync_end() noexcept {
    if (times_tail_) assigned_at_sync_end_ = ring_.last_assigned_lsn();
  }

  // ---- failing ---------------------------------------------------------------------------------------------------

  bool succeeded(typename End::Outcome outcome) noexcept {
    if (outcome == End::Outcome::failed) {
      error_ = end_.error();
      ring_.seal();  // first, so that nothing is accepted once the error shows
      failed_.store(true, std::memory_order_release);  // F1
    }
    return outcome == End::Outcome::done;
  }

  ReadSide<S, C>& side_;
  Queue& ring_;
  H& hooks_;
  const bool times_tail_;
  FrameWitness<I, H> witness_;                // calls the indexer and after_append
  const std::size_t joint_bytes_;
  const std::unique_ptr<std::byte[]> joint_;  // a run that went over the end of the ring

  // By the pen's holder.
  End end_;                                   // W6
  std::uint64_t file_end_;                    // W1
  std::uint64_t synced_end_;                  // W2
  bool ends_inside_frame_ = false;            // the last write ended so as planned: what is begun is the next frame alone
  Look look_{};                               // the last whose events are all written
  Look next_look_{};                          // the one after it
  Lsn assigned_at_sync_end_ = 0;              // where an interval asks for it
  std::optional<Error> error_;                // F1

  // By the pen's holder, read by anybody.
  Atomic<bool> failed_{false};
  Atomic<Lsn> durable_lsn_{0};
  Atomic<Ticks> unsynced_since_{0};           // 0: nothing is unsynced
  WriterCounts<Threads> counts_;

  // By anybody.
  Atomic<Ticks> quiet_at_{0};
};

}  // namespace rewal::detail

#endif  // REWAL_RIVER_WRITER_HPP
