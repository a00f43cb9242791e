// SPDX-License-Identifier: MIT
//
// Ring: the lock-free queue of the log, one ring of bytes. A producer claims its place and its LSNs, fills its bytes in
// place, then publishes; the consumer takes contiguous published bytes.
// Any number of producers; one consumer at a time, whoever holds the write lock. The claims are in claims.hpp; what the
// bytes mean, who waits for room and who wakes whom is left to others.
//
// INVARIANTS (I1, I2 and I5 to I7 are those of the claims)
//   I3  No two frames in flight begin in the same 32 bytes: the smallest frame has 34. So one mark per 32 bytes of
//       ring says whether a frame that begins there is published, and how long it is. (Compressed frames may be
//       smaller: the queue of a log that compresses has a mark per 16 bytes.)
//   I4  A mark is 0 from before its place is released until the next frame there is published.
//
// EDGES
//   R1  publish: mark.store(release)      with  R2  gather: mark.load(acquire)
//       the frame's bytes are there when its mark is. Without it the consumer would write unfinished frames.
//   R8  publish_large: large.store(release) with R9 the consumer's large.load(acquire): so many bytes of the frame are
//       there. Back by R3 and the clearing of `held` (seq_cst), which a later holder reads.
//
// LARGE FRAMES. A frame larger than the ring is in flight alone (I6). It lies in the ring's memory from its start and,
// for what does not fit, in memory of its own. So the queue never holds more memory than the larger of its capacity and
// one frame.
//
// MEMORY. That of a large queue is given back while the log is idle, by the consumer as a holder of an empty queue:
// nobody has a place in it then, and by I6 nobody gets one meanwhile.

#ifndef REWAL_QUEUE_RING_HPP
#define REWAL_QUEUE_RING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <rewal/lsn.hpp>
#include <rewal/queue/claims.hpp>
#include <rewal/queue/queue_memory.hpp>
#include <rewal/queue/ring_span.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

/// Memory for the part of a frame that is larger than the ring.
using LargeRest = std::unique_ptr<std::byte[]>;

template <class Threads = NativeThreads, std::uint64_t smallest_frame = 34>
class Ring : public Claims<Threads> {
 public:
  static constexpr std::uint64_t mark_stride = smallest_frame > 32 ? 32 : 16;
  static constexpr std::uint64_t free_overhead = 512 * 1024;  // what marks may take beyond the bytes asked for
  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
  static constexpr std::uint64_t least_shed_bytes = 512 * 1024;
  static_assert(smallest_frame > mark_stride);

  /// Room for `bytes` of frames and for `frames` of them. Of a queue of more than 4 MiB, marks take a ninth; where they
  /// are 16 bytes apart, of more than 2 MiB a fifth.
  Ring(std::uint64_t bytes, std::uint64_t frames, Lsn next_lsn)
      : Base(lap_bytes(usable_bytes(bytes)), usable_bytes(bytes),
             (std::min)(frames, lap_bytes(usable_bytes(bytes)) / smallest_frame + 1), next_lsn),
        memory_bytes_(static_cast<std::size_t>(lap_bytes(usable_bytes(bytes)))),
        memory_(memory_bytes_),
        marks_(new Atomic<std::uint32_t>[memory_bytes_ / mark_stride]) {
    for (std::size_t i = 0; i < memory_bytes_ / mark_stride; ++i) marks_[i].store(0, std::memory_order_relaxed);
  }

  // ---- producers -------------------------------------------------------------------------------------------------

  [[nodiscard]] RingSpan<std::byte> room(const Claim& claim) noexcept { return span_at(claim.offset, claim.size); }

  /// The frame's bytes are complete. The claim is used up.
  void publish(const Claim& claim) noexcept {
    mark_at(claim.offset).store(claim.size, std::memory_order_release);  // R1, partner R2
  }

  // ---- the holder ------------------------------------------------------------------------------------------------

  /// How much of a large frame lies outside the ring.
  [[nodiscard]] std::size_t large_rest_bytes(std::uint32_t size) const noexcept {
    return size > memory_bytes_ ? size - memory_bytes_ : 0;
  }
  /// Room for the whole frame, after try_claim_large(). `rest` is of large_rest_bytes().
  [[nodiscard]] RingSpan<std::byte> large_room(const Claim& claim, LargeRest rest) noexcept {
    large_rest_ = std::move(rest);
    large_size_ = claim.size;
    return large_bytes();
  }
  /// The first `bytes` of the large frame are complete: the consumer may take them already. The last call says all.
  void publish_large(std::size_t bytes) noexcept {
    large_published_.store(bytes, std::memory_order_release);  // R8, partner R9
  }

  // ---- the consumer ----------------------------------------------------------------------------------------------

  /// Whole published frames, in order, and where the run is cut the begin of the frame after them.
  struct Run {
    RingSpan<std::byte> bytes;
    std::uint64_t frames = 0;       // whole ones
    std::size_t whole_bytes = 0;    // of those
    std::size_t last_frame_at = 0;  // of the last of those, from the run's start
    std::size_t rest_bytes = 0;     // of the frame that the run ends inside of: what is not in the run
  };

  /// The next published frames: all of them, if they have no more than `limit` bytes; else as many bytes as `cut_at`
  /// says, in the middle of a frame too, or only whole frames where `cut_at` is 0. A single frame of more than
  /// `limit` comes alone. Empty where the next frame is not published. They stay in place until consume(), and whole ones
  /// are gathered once: what is gathered is to be written.
  /// Requires cut_at <= limit.
  [[nodiscard]] Run gather(std::uint64_t limit, std::uint64_t cut_at = 0) noexcept {
    const std::uint64_t begin = Base::consumed_offset();
    Scan taken = scan({begin, 0, 0, 0, 0}, cut_at != 0 ? cut_at : limit);
    bool inside = false;
    if (taken.next != 0 && cut_at != 0) {
      const Scan all = scan(taken, limit);
      inside = all.next != 0 && all.frames != 0;
      if (!inside) taken = all;
    }
    if (taken.next != 0 && taken.frames == 0 && !inside) taken = scan(taken, taken.next);
    clear_marks(begin, taken.frames);
    Run run;
    run.frames = taken.frames;
    run.whole_bytes = static_cast<std::size_t>(taken.bytes);
    run.last_frame_at = static_cast<std::size_t>(taken.last_frame_at);
    run.bytes = span_at(begin, inside ? cut_at : taken.bytes);
    if (inside) run.rest_bytes = static_cast<std::size_t>(taken.bytes + taken.next - cut_at);
    return run;
  }

  /// The first `bytes` of what is to be consumed next, which are published.
  [[nodiscard]] RingSpan<std::byte> front(std::size_t bytes) noexcept {
    return span_at(Base::consumed_offset(), bytes);
  }

  /// The large frame, if one is next and begun; else empty.
  [[nodiscard]] RingSpan<std::byte> gather_large() noexcept {
    return large_published() != 0 ? large_bytes() : RingSpan<std::byte>{};
  }
  /// How much of it is complete.
  [[nodiscard]] std::size_t large_published() const noexcept {
    return large_published_.load(std::memory_order_acquire);  // R9, partner R8
  }

  /// Gives back the place of a run's whole frames, which have been written, their LSNs ending before `next_lsn`.
  void consume(const Run& run, Lsn next_lsn) noexcept {
    used_bytes_ += run.whole_bytes;
    Base::release(run.whole_bytes, run.frames, next_lsn);
  }

  void consume_large(Lsn next_lsn) noexcept {
    large_rest_.reset();
    used_bytes_ += memory_bytes_;
    large_published_.store(0, std::memory_order_relaxed);  // ordered before the next holder's use by R8's way back
    Base::release(0, 1, next_lsn);
    Base::release_hold();
  }

  /// Gives the memory of a large queue back to the system, where much of it has been used since the last time and
  /// nothing is in flight. Nobody claims meanwhile; true: somebody may wait for room because of that.
  bool shed_memory() noexcept {
    if (!memory_.is_mapped() || used_bytes_ < least_shed_bytes || !Base::try_hold_empty()) return false;
    memory_.give_back();
    used_bytes_ = 0;
    Base::release_hold();
    return true;
  }

 private:
  using Base = Claims<Threads>;
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;

  [[nodiscard]] static std::uint64_t usable_bytes(std::uint64_t asked) noexcept {
    const std::uint64_t with_marks = (asked + free_overhead) / (mark_stride + sizeof(std::uint32_t)) * mark_stride;
    return (std::min)(asked, with_marks);
  }
  [[nodiscard]] static std::uint64_t lap_bytes(std::uint64_t capacity) noexcept {
    constexpr std::uint64_t unit = 2 * mark_stride;
    return (capacity + unit - 1) / unit * unit;
  }

  [[nodiscard]] RingSpan<std::byte> large_bytes() noexcept {
    const std::size_t outside = large_rest_bytes(large_size_);
    return {{memory_.get(), large_size_ - outside}, {large_rest_.get(), outside}};
  }

  /// How far the published frames were scanned. `next` is what stopped it: the size of a frame that did not fit, or 0
  /// where none was published. (It may be by now; what was seen counts.)
  struct Scan {
    std::uint64_t at;             // in the ring's memory
    std::uint64_t bytes;          // of whole frames before it
    std::uint64_t frames;         // those
    std::uint64_t last_frame_at;  // in `bytes`
    std::uint32_t next;
  };

  [[nodiscard]] Scan scan(Scan from, std::uint64_t limit) const noexcept {
    for (;;) {
      // Where no frame fits any more, the mark may be the first one's.
      const bool none = from.bytes + smallest_frame > memory_bytes_;
      from.next = none ? 0 : mark_at(from.at).load(std::memory_order_acquire);  // R2, partner R1
      if (from.next == 0 || from.bytes + from.next > limit) return from;
      from.last_frame_at = from.bytes;
      from.bytes += from.next;
      from.at += from.next;
      ++from.frames;
      if (from.at >= memory_bytes_) from.at -= memory_bytes_;
    }
  }

  [[nodiscard]] Atomic<std::uint32_t>& mark_at(std::uint64_t at) const noexcept {
    return marks_[static_cast<std::size_t>(at / mark_stride)];  // `at` lies in memory
  }

  void clear_marks(std::uint64_t at, std::uint64_t frames) noexcept {
    for (; frames != 0; --frames) {
      Atomic<std::uint32_t>& mark = mark_at(at);
      at += mark.load(std::memory_order_relaxed);
      mark.store(0, std::memory_order_relaxed);  // I4; ordered before the next frame there by R3
      if (at >= memory_bytes_) at -= memory_bytes_;
    }
  }

  [[nodiscard]] RingSpan<std::byte> span_at(std::uint64_t offset, std::uint64_t size) noexcept {
    const auto begin = static_cast<std::size_t>(offset);
    const auto bytes = static_cast<std::size_t>(size);
    const std::size_t to_end = memory_bytes_ - begin;
    if (bytes <= to_end) return {{memory_.get() + begin, bytes}, {}};
    return {{memory_.get() + begin, to_end}, {memory_.get(), bytes - to_end}};
  }

  const std::size_t memory_bytes_;                        // one lap
  QueueMemory memory_;                                    // a frame's bytes: by its claimer, then by the consumer
  const std::unique_ptr<Atomic<std::uint32_t>[]> marks_;  // frame sizes: set by claimers, cleared by the consumer
  LargeRest large_rest_;                                  // by the holder, then by the consumer (R8)
  std::uint32_t large_size_ = 0;                          // by the holder (R8)
  Atomic<std::size_t> large_published_{0};                // by the holder, cleared by the consumer (R8)
  std::uint64_t used_bytes_ = 0;                          // by the consumer: consumed since memory was given back
};

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_RING_HPP
