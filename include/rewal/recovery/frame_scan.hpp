// SPDX-License-Identifier: MIT
//
// FrameScan: walks and checks all frames of a storage from offset 0, by several threads where it is large and mapped, or
// where it is asked to.
// Called by one thread; those that it starts have ended when it returns. It reads only.
// What the end that it finds means is left to recovery.
//
// SEGMENTS. The file is parted into segments of equal length. A thread that takes one looks for the first whole frame
// that begins in it, and walks from there to the first frame beyond it: a guess, since a payload may hold frames. The
// calling thread joins the segments in order. Its own walk stands at `end`; a segment counts if its first frame begins
// exactly there, with an LSN above all before it. Else the calling thread walks that segment itself. So what counts is a
// chain of frames from offset 0, each of them checked, and result and verdict are those of one thread.
//
// A file that is not in memory is walked by one thread: the system reads ahead of one reader, and checking is faster than
// the disk.
//
// COST. Each byte is checked once, and once more where a guess was wrong. In looking for a frame at most a segment's
// length is checksummed, however many candidates there are. MEMORY: one list of index entries a segment, 2 MiB in all.
//
// EDGES
//   S1  a segment's thread: done.store(release) after its fields, with done.load(acquire) by the calling thread.
//   S2  next_segment.fetch_add(relaxed): each segment is taken once; nothing else hangs on it.
//   S3  the calling thread sets `stopped` (relaxed) when the walk has ended before the file's end: a hint to be done.

#ifndef REWAL_RECOVERY_FRAME_SCAN_HPP
#define REWAL_RECOVERY_FRAME_SCAN_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <thread>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/magic.hpp>
#include <rewal/format/sparse_index.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/frame_tally.hpp>
#include <rewal/storage/residency.hpp>
#include <rewal/sync/processors.hpp>
#include <rewal/sync/signals.hpp>

namespace rewal::detail {

struct ScanSettings {
  unsigned most_threads = 8;                            ///< no more than the process may run on, all the same
  std::uint64_t least_segment_bytes = 4 * 1024 * 1024;  ///< a file of less than two is walked by one thread
  std::uint64_t most_segments = 256;
  bool also_unmapped =
      false;  ///< by reading; of a storage that takes long for it, or keeps no order, one thread is best
};

template <class S>
class FrameScan {
 public:
  /// Tells `index` of the frames. The cursor's source is used up to where the frames end; it must outlive this.
  FrameScan(FrameCursor<S>& cursor, SparseIndex& index, ScanSettings settings = {}) noexcept
      : cursor_(cursor), index_(index), settings_(settings) {}
  FrameScan(const FrameScan&) = delete;
  FrameScan& operator=(const FrameScan&) = delete;

  /// The cursor stands where the frames end afterwards, and says what is there.
  [[nodiscard]] Walk run() {
    const unsigned threads = (std::min)(settings_.most_threads, usable_processors());
    if (threads < 2 || !is_to_be_parted() || !part()) return walk_to(UINT64_MAX);
    Helpers helpers(*this, threads - 1);
    const Walk walk = join_segments();
    stopped_.store(true, std::memory_order_relaxed);  // S3
    return walk;
  }

  [[nodiscard]] const FrameTally& tally() const noexcept { return tally_; }

 private:
  struct Entry {
    std::uint64_t offset;
    Lsn highest_before;  // of this segment alone
  };

  /// The frames that begin in a part of the file, as its thread found them.
  struct Segment {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t first_frame_at = 0;
    Lsn first_lsn = 0;  // 0: no frame was found
    FrameTally tally;
    std::unique_ptr<Entry[]> entries;
    std::size_t entry_count = 0;
    std::atomic<bool> done{false};  // S1
  };

  /// The other threads, as many as there can be. Joined when it goes.
  class Helpers {
   public:
    Helpers(FrameScan& scan, unsigned wanted) noexcept {
      const SignalsBlocked for_the_threads;
      REWAL_TRY {
        for (; count_ < wanted && count_ < most; ++count_) {
          threads_[count_] = std::thread([&scan] { scan.take_segments(); });
        }
      }
      REWAL_CATCH_ALL {}  // those that there are will do
    }
    Helpers(const Helpers&) = delete;
    Helpers& operator=(const Helpers&) = delete;
    ~Helpers() {
      for (unsigned i = 0; i < count_; ++i) threads_[i].join();
    }

   private:
    static constexpr unsigned most = 16;
    std::thread threads_[most];
    unsigned count_ = 0;
  };

  [[nodiscard]] bool is_to_be_parted() noexcept {
    const Source<S>& source = cursor_.source();
    if (source.end() / 2 < settings_.least_segment_bytes) return false;
    return source.mapped().empty() ? settings_.also_unmapped : seems_resident(source.mapped());
  }

  /// False where there is no memory for it.
  [[nodiscard]] bool part() noexcept {
    const std::uint64_t bytes = cursor_.source().end();
    const std::uint64_t least = (bytes + settings_.most_segments - 1) / settings_.most_segments;
    segment_bytes_ = (std::max)(settings_.least_segment_bytes, least);
    count_ = static_cast<std::size_t>((bytes + segment_bytes_ - 1) / segment_bytes_);
    entry_stride_ = (std::max)(SparseIndex::first_stride, segment_bytes_ / most_entries);
    segments_.reset(new (std::nothrow) Segment[count_]);
    if (segments_ == nullptr) return false;
    for (std::size_t i = 0; i < count_; ++i) {
      segments_[i].begin = i * segment_bytes_;
      segments_[i].end = (std::min)(segments_[i].begin + segment_bytes_, bytes);
    }
    return true;
  }

  // ---- by any of the threads -----------------------------------------------------------------------------------------

  void take_segments() noexcept {
    while (!stopped_.load(std::memory_order_relaxed) && take_segment()) {
    }
  }

  /// False where all are taken.
  bool take_segment() noexcept {
    const std::size_t i = next_segment_.fetch_add(1, std::memory_order_relaxed);  // S2
    if (i >= count_) return false;
    walk_segment(segments_[i]);
    segments_[i].done.store(true, std::memory_order_release);  // S1
    return true;
  }

  void walk_segment(Segment& segment) const noexcept {
    Source<S> source = cursor_.source().twin();
    make_present(source.mapped(), segment);
    if (!find_first_frame(source, segment)) return;
    segment.entries.reset(new (std::nothrow) Entry[most_entries + 1]);
    FrameTally& tally = segment.tally;
    tally.end = segment.first_frame_at;
    std::uint64_t next_entry_at = tally.end;
    FrameCursor<S> cursor(std::move(source), tally.end);
    while (tally.end < segment.end) {
      if (REWAL_UNLIKELY(cursor.next() != Walk::frame)) return;
      if (tally.end >= next_entry_at && segment.entries != nullptr && segment.entry_count <= most_entries) {
        segment.entries[segment.entry_count++] = {tally.end, tally.highest};
        next_entry_at = tally.end + entry_stride_;
      }
      tally.add(cursor.header());
    }
  }

  static void make_present(Bytes mapped, const Segment& segment) noexcept {
    if (mapped.empty()) return;
    detail::make_present(
        mapped.subspan(static_cast<std::size_t>(segment.begin), static_cast<std::size_t>(segment.end - segment.begin)));
  }

  [[nodiscard]] bool find_first_frame(Source<S>& source, Segment& segment) const noexcept {
    std::uint64_t checksummed = 0;
    for (std::uint64_t at = segment.begin; at < segment.end && source.end() - at >= format::frame_overhead;) {
      const Bytes bytes = source.at(at, format::header_bytes);
      if (bytes.empty()) return false;
      // Only where a whole header is at hand, and begins in this segment.
      const std::uint64_t whole = bytes.size() - format::header_bytes + sizeof format::magic;
      const auto searched = static_cast<std::size_t>((std::min)(whole, segment.end - at + sizeof format::magic - 1));
      const std::size_t hit = find_magic(bytes.first(searched));
      if (hit == searched) {
        at += searched - sizeof format::magic + 1;
        continue;
      }
      at += hit;
      const format::Header header = format::load_header(bytes.data() + hit);
      if (format::plausible(header, source.end() - at)) {
        checksummed += header.size;
        if (checksummed > segment_bytes_) return false;
        const Bytes frame = source.at(at, header.size);
        if (frame.empty()) return false;
        if (format::check_frame(frame).validity == format::Validity::valid) {
          segment.first_frame_at = at;
          segment.first_lsn = header.first_lsn;
          return true;
        }
      }
      ++at;
    }
    return false;
  }

  // ---- by the calling thread -----------------------------------------------------------------------------------------

  [[nodiscard]] Walk join_segments() noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      Segment& segment = segments_[i];
      await(segment);
      if (tally_.end >= segment.end) continue;  // a frame goes over all of it
      if (continues_with(segment)) {
        take_over(segment);
        cursor_.go_to(tally_.end);
      }
      if (tally_.end >= segment.end) continue;
      if (const Walk walk = walk_to(segment.end); walk != Walk::frame) return walk;
    }
    return walk_to(UINT64_MAX);
  }

  /// Works, while others do.
  void await(const Segment& segment) noexcept {
    for (unsigned tries = 0; !segment.done.load(std::memory_order_acquire);) {  // S1
      if (take_segment()) continue;
      if (++tries < yields_before_sleeping) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(std::chrono::microseconds(50));  // its thread may be of a lower priority
      }
    }
  }

  [[nodiscard]] bool continues_with(const Segment& segment) const noexcept {
    return segment.first_lsn > tally_.highest && segment.first_frame_at == tally_.end && segment.tally.frames > 0;
  }

  void take_over(const Segment& segment) noexcept {
    for (std::size_t i = 0; i < segment.entry_count; ++i) {
      index_.pass(segment.entries[i].highest_before);
      index_.frame(segment.entries[i].offset, segment.entries[i].highest_before);
    }
    tally_.append(segment.tally, segment.first_lsn);
    index_.pass(tally_.highest);
  }

  /// Up to the first frame that does not begin before `limit`; `frame` where there is one.
  [[nodiscard]] Walk walk_to(std::uint64_t limit) noexcept {
    FrameTally tally = tally_;  // a local variable stays in registers
    Walk walk = Walk::frame;
    while (tally.end < limit) {
      walk = cursor_.next();
      if (REWAL_UNLIKELY(walk != Walk::frame)) break;
      const format::Header header = cursor_.header();
      index_.frame(tally.end, header.last_lsn());
      tally.add(header);
    }
    tally_ = tally;
    return walk;
  }

  static constexpr std::uint64_t most_entries = 512;  // of a segment
  static constexpr unsigned yields_before_sleeping = 64;

  FrameCursor<S>& cursor_;
  SparseIndex& index_;
  const ScanSettings settings_;
  FrameTally tally_;

  // Set before the threads start.
  std::uint64_t segment_bytes_ = 0;
  std::uint64_t entry_stride_ = 0;
  std::size_t count_ = 0;
  std::unique_ptr<Segment[]> segments_;

  std::atomic<std::size_t> next_segment_{0};  // by all threads
  std::atomic<bool> stopped_{false};          // by the calling thread
};

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_FRAME_SCAN_HPP
