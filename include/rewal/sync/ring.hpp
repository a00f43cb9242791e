// SPDX-License-Identifier: MIT
//
// Ring: the lock-free queue of the log, one ring of bytes. A producer claims its place and its LSNs in one
// compare-and-swap, fills its bytes in place, then publishes; the consumer takes contiguous published bytes.
// Any number of producers; one consumer at a time, whoever holds the pen. What the bytes mean, who waits for room and
// who wakes whom is left to others.
//
// INVARIANTS
//   I1  Claims take place and LSN together, so bytes lie in LSN order, and a refused claim takes neither.
//   I2  consumed <= published <= claimed, as places; claimed - consumed <= capacity. Two frames in flight never share
//       a byte of memory, since they lie within one lap.
//   I3  No two frames in flight begin in the same 32 bytes: the smallest frame has 34. So one mark per 32 bytes of
//       ring says whether a frame that begins there is published, and how long it is. (Compressed frames may be
//       smaller: the queue of a log that compresses has a mark per 16 bytes.)
//   I4  A mark is 0 from before its place is released until the next frame there is published.
//   I5  LSNs in flight, claimed minus consumed, are no more than the word can tell apart.
//   I6  While `held` is set nobody claims but the holder. A frame larger than the ring is claimed by a holder, when
//       nothing is in flight; it takes LSNs but no place, lies in the ring's memory from its start and, for what does
//       not fit, in memory of its own, and holds until it has been consumed.
//   I7  `sealed` is set for ever. What was claimed before it is published, and may still be consumed.
//
// EDGES
//   R1  publish: mark.store(release)      with  R2  gather: mark.load(acquire)
//       the frame's bytes are there when its mark is. Without it the consumer would write unfinished frames.
//   R3  consume: tail.store(release)      with  R4  claim: tail.load(acquire), before and after the compare-and-swap
//       the consumer has read the old bytes and cleared the old marks before a producer writes new ones.
//   R5  consume: next_lsn.store(release), before R3, with R4: a producer that sees the tail sees an LSN behind its own
//       by no more than is in flight, from which its full LSN follows.
//   R6  claim: head.compare_exchange(seq_cst), which clears `asleep`, with R7 the consumer's fall_asleep:
//       compare_exchange(seq_cst) from a head that equals the tail. One order: either the claim is first, and the
//       consumer does not fall asleep, or the consumer is, and the claim finds `asleep` and owes the wake-up.
//   R8  publish_large: large.store(release) with R9 the consumer's large.load(acquire): so many bytes of the frame are
//       there. Back by R3 and the clearing of `held` (seq_cst), which a later holder reads.
//
// OVERDRAWN CLAIMS. Head values repeat after at least 4 laps of bytes, with equal low bits of LSN and frames. A
// producer stalled between reading the head and swapping it for exactly such a period claims by a check that is out of
// date. It is at most one claim per stalled thread beyond capacity, places are counted over four laps, and a producer
// compares its claim with a tail read after it: it finds itself overdrawn and waits before it touches memory.
//
// MEMORY. That of a large queue is given back while the log is idle, by the consumer as a holder of an empty queue:
// nobody has a place in it then, and by I6 nobody gets one meanwhile.
//
// LIVENESS. Lock-free is said of the claim alone: some producer's swap succeeds. A producer preempted between claim
// and publish delays the consumption of everything after it, since the file has no holes.

#ifndef REWAL_SYNC_RING_HPP
#define REWAL_SYNC_RING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/sync/claim_word.hpp>
#include <rewal/sync/queue_memory.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

/// Bytes of the ring, in two pieces where they run over its end. The second is empty otherwise.
template <class Byte>
struct RingSpan {
  std::span<Byte> first;
  std::span<Byte> second;

  [[nodiscard]] std::size_t size() const noexcept { return first.size() + second.size(); }
  [[nodiscard]] Byte& operator[](std::size_t i) const noexcept {
    return i < first.size() ? first[i] : second[i - first.size()];
  }
  /// The bytes [from, to).
  [[nodiscard]] RingSpan part(std::size_t from, std::size_t to) const noexcept {
    const std::size_t in_first = first.size();
    if (to <= in_first) return {first.subspan(from, to - from), {}};
    if (from >= in_first) return {second.subspan(from - in_first, to - from), {}};
    return {first.subspan(from), second.first(to - in_first)};
  }
  void copy_to(std::size_t from, std::span<std::byte> to) const noexcept {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = (*this)[from + i];
  }
};

enum class Refusal : std::uint8_t { none, full, held, sealed, lsns_exhausted };

/// A place and LSNs of one's own.
struct Claim {
  Refusal refusal = Refusal::none;
  bool owes_wake_up = false;  // the claimer wakes the writer, after publishing
  bool ended_sleep = false;   // what it wakes it from is sleep, so nothing else was in flight
  bool overdrawn = false;     // the claimer waits while still_overdrawn()
  std::uint32_t size = 0;
  Lsn first_lsn = 0;
  std::uint64_t offset = 0;  // in the ring's memory
  Word end = 0;              // the head after the claim

  [[nodiscard]] explicit operator bool() const noexcept { return refusal == Refusal::none; }
};

/// Whether a claim that finds the writer asleep wakes it, or will itself see to it that its frame is written.
enum class Wake : std::uint8_t { writer, nobody };

/// Memory for the part of a frame that is larger than the ring. The rest of it lies in the ring, which is empty then: so
/// the queue never holds more memory than the larger of its capacity and one frame.
using LargeRest = std::unique_ptr<std::byte[]>;

template <class Threads = NativeThreads, std::uint64_t smallest_frame = 34>
class Ring {
 public:
  static constexpr std::uint64_t mark_stride = smallest_frame > 32 ? 32 : 16;
  static constexpr std::uint64_t smallest_record = 6;
  static constexpr std::uint64_t free_overhead = 512 * 1024;  // what marks may take beyond the bytes asked for
  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
  static constexpr std::uint64_t least_shed_bytes = 512 * 1024;
  static_assert(smallest_frame > mark_stride);

  /// Room for `bytes` of frames and for `frames` of them. Of a queue of more than 4 MiB, marks take a ninth; where they
  /// are 16 bytes apart, of more than 2 MiB a fifth.
  Ring(std::uint64_t bytes, std::uint64_t frames, Lsn next_lsn)
      : capacity_bytes_(usable_bytes(bytes)),
        capacity_frames_((std::min)(frames, lap_bytes(capacity_bytes_) / smallest_frame + 1)),
        layout_(lap_bytes(capacity_bytes_), capacity_frames_, smallest_record),
        last_carefree_lsn_(max_lsn - layout_.most_records() - UINT32_MAX),
        memory_bytes_(static_cast<std::size_t>(lap_bytes(capacity_bytes_))),
        memory_(memory_bytes_),
        marks_(new Atomic<std::uint32_t>[memory_bytes_ / mark_stride]) {
    for (std::size_t i = 0; i < memory_bytes_ / mark_stride; ++i) marks_[i].store(0, std::memory_order_relaxed);
    head_.store(layout_.start(next_lsn), std::memory_order_relaxed);
    tail_.store(layout_.start(next_lsn), std::memory_order_relaxed);
    next_lsn_.store(next_lsn, std::memory_order_relaxed);
    large_last_lsn_.store(next_lsn - 1, std::memory_order_relaxed);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// A frame with more bytes or more records goes in as a large one.
  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept { return capacity_bytes_; }
  [[nodiscard]] std::uint64_t capacity_records() const noexcept { return layout_.most_records() / 2; }

  // ---- producers -------------------------------------------------------------------------------------------------

  /// Takes a place for one frame of `size` bytes with `records` LSNs, or says why not. `size <= capacity_bytes()`.
  [[nodiscard]] Claim try_claim(std::uint32_t size, std::uint32_t records, Wake wake) noexcept {
    Claim claim;
    if (REWAL_UNLIKELY(!layout_.counts_frames())) {
      if (const Refusal why = full_or_worse(); why != Refusal::full) return refused(why);
      if (!reserve_frame()) return refused(full_or_worse());
    }
    if (!claim_word<Kind::ordinary>(claim, size, records, wake) && !layout_.counts_frames()) {
      frames_claimed_.fetch_sub(1, std::memory_order_relaxed);
    }
    return claim;
  }
  /// The same for one record of at most most_direct_bytes(); false: use try_claim(). (Into a local variable of the
  /// caller, so that it stays in registers: stored in bytes and loaded as words, a claim costs more than the swap.)
  [[nodiscard]] REWAL_INLINE bool try_claim_directly(Claim& claim, std::uint32_t size, Wake wake) noexcept {
    return claim_word<Kind::ordinary>(claim, size, 1, wake);
  }
  [[nodiscard]] std::uint64_t most_direct_bytes() const noexcept {
    return layout_.counts_frames() ? capacity_bytes_ : 0;
  }

  /// Whether nothing can be claimed any more. A hint until seal() has returned.
  [[nodiscard]] bool is_sealed() const noexcept {
    return (head_.load(std::memory_order_relaxed) & claim_flag::sealed) != 0;
  }

  /// Whether an overdrawn claim that ends there still must not touch its memory. See OVERDRAWN CLAIMS.
  [[nodiscard]] bool still_overdrawn(Word claim_end) const noexcept {
    return layout_.distance(tail_.load(std::memory_order_acquire), claim_end).bytes > memory_bytes_;  // R4, partner R3
  }

  [[nodiscard]] RingSpan<std::byte> room(const Claim& claim) noexcept { return span_at(claim.offset, claim.size); }

  /// The frame's bytes are complete. The claim is used up.
  void publish(const Claim& claim) noexcept {
    marks_[claim.offset / mark_stride].store(claim.size, std::memory_order_release);  // R1, partner R2
  }

  // ---- the holder ------------------------------------------------------------------------------------------------

  /// Takes the queue for oneself: nobody else claims until release_hold(). Not to be kept for long.
  [[nodiscard]] Refusal try_hold() noexcept {
    Word head = head_.load(std::memory_order_relaxed);
    do {
      if ((head & claim_flag::sealed) != 0) return Refusal::sealed;
      if ((head & claim_flag::held) != 0) return Refusal::held;
    } while (!head_.compare_exchange_weak(head, head | claim_flag::held, std::memory_order_seq_cst));
    return Refusal::none;
  }
  void release_hold() noexcept { head_.fetch_and(~claim_flag::held, std::memory_order_seq_cst); }

  /// As try_claim, by the holder, who stays the holder.
  [[nodiscard]] Claim try_claim_held(std::uint32_t size, std::uint32_t records) noexcept {
    if (!layout_.counts_frames() && !reserve_frame()) return refused(full_or_worse());
    Claim claim;
    if (!claim_word<Kind::by_holder>(claim, size, records, Wake::writer) && !layout_.counts_frames()) {
      frames_claimed_.fetch_sub(1, std::memory_order_relaxed);
    }
    return claim;
  }

  /// LSNs for a frame larger than the ring. Granted when nothing is in flight; takes the hold if the caller has none
  /// (`already_held` false). The hold ends when the frame is consumed.
  [[nodiscard]] Claim try_claim_large(std::uint32_t size, std::uint32_t records, bool already_held) noexcept {
    if (!empty()) return refused(full_or_worse());
    frames_claimed_.fetch_add(1, std::memory_order_relaxed);
    Claim claim;
    if (!claim_word<Kind::large>(claim, size, records, Wake::writer, already_held ? Word{0} : claim_flag::held)) {
      frames_claimed_.fetch_sub(1, std::memory_order_relaxed);
      return claim;
    }
    if (layout_.counts_frames()) frames_claimed_.fetch_sub(1, std::memory_order_relaxed);
    large_last_lsn_.store(claim.first_lsn + (records - 1), std::memory_order_release);
    return claim;
  }
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
  /// `limit` comes alone. Empty where the next frame is not published. They stay in place until consume().
  /// Requires cut_at <= limit.
  [[nodiscard]] Run gather(std::uint64_t limit, std::uint64_t cut_at = 0) noexcept {
    const std::uint64_t begin = layout_.offset(tail_.load(std::memory_order_relaxed));
    Scan taken = scan({begin, 0, 0, 0, 0}, cut_at != 0 ? cut_at : limit);
    bool inside = false;
    if (taken.next != 0 && cut_at != 0) {
      const Scan all = scan(taken, limit);
      inside = all.next != 0 && (all.frames != 0 || all.next <= limit);
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
    return span_at(layout_.offset(tail_.load(std::memory_order_relaxed)), bytes);
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
  void consume(const Run& run, Lsn next_lsn) noexcept { advance_tail(run.whole_bytes, run.frames, next_lsn); }

  void consume_large(Lsn next_lsn) noexcept {
    large_rest_.reset();
    used_bytes_ += memory_bytes_;
    large_published_.store(0, std::memory_order_relaxed);  // ordered before the next holder's use by R8's way back
    advance_tail(0, 1, next_lsn);
    release_hold();
  }

  /// Gives the memory of a large queue back to the system, where much of it has been used since the last time and
  /// nothing is in flight. Nobody claims meanwhile; true: somebody may wait for room because of that.
  bool shed_memory() noexcept {
    if (!memory_.is_mapped() || used_bytes_ < least_shed_bytes || !raise_when_empty(claim_flag::held)) return false;
    memory_.give_back();
    used_bytes_ = 0;
    release_hold();
    return true;
  }

  /// Marks that the writer thread sleeps and the next claim wakes it. False, and nothing done, where something is in
  /// flight or the queue is held or sealed. By the writer thread, with the pen or without.
  [[nodiscard]] bool fall_asleep() noexcept { return raise_when_empty(claim_flag::asleep); }  // R7, partner R6
  void take_a_nap() noexcept { head_.fetch_or(claim_flag::napping, std::memory_order_seq_cst); }

  /// Awake again, or made to be. True where this call ended the rest: then the caller owes the wake-up, unless it is
  /// the consumer itself.
  bool end_rest() noexcept {
    if ((head_.load(std::memory_order_seq_cst) & claim_flag::resting) == 0) return false;
    return (head_.fetch_and(~claim_flag::resting, std::memory_order_seq_cst) & claim_flag::resting) != 0;
  }
  [[nodiscard]] bool is_resting() const noexcept {
    return (head_.load(std::memory_order_seq_cst) & claim_flag::resting) != 0;
  }

  // ---- anybody ---------------------------------------------------------------------------------------------------

  /// No claim succeeds from here on; those before it are complete claims.
  void seal() noexcept { head_.fetch_or(claim_flag::sealed, std::memory_order_seq_cst); }

  /// Nothing is in flight, at some moment during the call.
  [[nodiscard]] bool empty() const noexcept {
    const Word tail = tail_.load(std::memory_order_acquire);
    const Word head = head_.load(std::memory_order_seq_cst);
    return layout_.same_place(head, tail);
  }
  /// Nothing is in flight, nor will be: empty, and nobody holds. Requires seal().
  [[nodiscard]] bool is_drained() const noexcept {
    return empty() && (head_.load(std::memory_order_seq_cst) & claim_flag::held) == 0;
  }
  [[nodiscard]] bool is_held() const noexcept {
    return (head_.load(std::memory_order_seq_cst) & claim_flag::held) != 0;
  }

  [[nodiscard]] std::uint64_t bytes_in_flight() const noexcept {
    const Word tail = tail_.load(std::memory_order_acquire);
    const Word head = head_.load(std::memory_order_relaxed);
    return layout_.distance(tail, head).bytes;
  }

  [[nodiscard]] std::uint64_t frames_in_flight() const noexcept {
    for (;;) {
      const Word tail = tail_.load(std::memory_order_acquire);
      const std::uint64_t claimed = frames_claimed_.load(std::memory_order_relaxed);
      const std::uint64_t consumed = frames_consumed_.load(std::memory_order_acquire);
      const Word head = head_.load(std::memory_order_seq_cst);
      if (tail_.load(std::memory_order_seq_cst) != tail) continue;
      if (layout_.counts_frames()) return layout_.distance(tail, head).frames;
      return claimed > consumed ? claimed - consumed : 0;
    }
  }

  /// At most half of the queue is in use: the time to let those in who wait for room.
  [[nodiscard]] bool half_empty() const noexcept {
    return bytes_in_flight() <= capacity_bytes_ / 2 && frames_in_flight() <= capacity_frames_ / 2;
  }

  /// The LSN after the last consumed one.
  [[nodiscard]] Lsn next_unconsumed_lsn() const noexcept { return next_lsn_.load(std::memory_order_acquire); }

  /// The highest LSN assigned so far, at some moment during the call.
  [[nodiscard]] Lsn last_assigned_lsn() const noexcept {
    for (;;) {
      const Lsn behind = next_lsn_.load(std::memory_order_seq_cst);
      const Word head = head_.load(std::memory_order_seq_cst);
      if (next_lsn_.load(std::memory_order_seq_cst) != behind) continue;  // else `head` could be laps ahead of it
      const Lsn in_word = layout_.full_lsn(head, behind) - 1;
      return (std::max)(in_word, large_last_lsn_.load(std::memory_order_acquire));
    }
  }

 private:
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

  [[nodiscard]] static Claim refused(Refusal why) noexcept {
    Claim claim;
    claim.refusal = why;
    return claim;
  }
  [[nodiscard]] Refusal full_or_worse() const noexcept {
    const Word head = head_.load(std::memory_order_seq_cst);
    if ((head & claim_flag::sealed) != 0) return Refusal::sealed;
    return (head & claim_flag::held) != 0 ? Refusal::held : Refusal::full;
  }

  [[nodiscard]] static bool lsns_left(Lsn first, std::uint32_t records) noexcept {
    return first <= max_lsn && records - 1 <= max_lsn - first;
  }

  enum class Kind : std::uint8_t { ordinary, by_holder, large };

  /// The compare-and-swap of every claim. An ordinary one is refused while the queue is held; a large frame takes no
  /// place, needs an empty queue, and `raises` the hold if it has none. False: claim.refusal says why.
  template <Kind kind>
  [[nodiscard]] REWAL_INLINE bool claim_word(Claim& claim, std::uint32_t size, std::uint32_t records, Wake wake,
                                             Word raises = 0) noexcept {
    constexpr bool large = kind == Kind::large;
    const Word stopping = claim_flag::sealed | (kind == Kind::ordinary ? claim_flag::held : raises);
    const std::uint64_t bytes = large ? 0 : size;
    Word head = head_.load(std::memory_order_relaxed);
    for (;;) {
      if (REWAL_UNLIKELY((head & stopping) != 0)) {
        claim.refusal = (head & claim_flag::sealed) != 0 ? Refusal::sealed : Refusal::held;
        return false;
      }
      const Word tail = tail_.load(std::memory_order_acquire);  // R4, partner R3
      const Lsn behind = next_lsn_.load(std::memory_order_relaxed);
      const ClaimLayout::Distance used = layout_.distance(tail, head);
      const bool room = large ? ClaimLayout::same_place(head, tail)
                              : used.bytes + bytes <= capacity_bytes_ && used.frames < capacity_frames_ &&
                                    used.records + records <= layout_.most_records();
      claim.first_lsn = layout_.full_lsn(head, behind);
      const bool lsns = behind < last_carefree_lsn_ || lsns_left(claim.first_lsn, records);
      if (REWAL_UNLIKELY(!room || !lsns)) {
        // An old head with a newer tail looks full when it is not, and so does an old tail with a newer head: the
        // verdict counts for the current head only, and for a tail at least as new as those who claimed up to it saw.
        const Word now = head_.load(std::memory_order_seq_cst);
        if (now == head && tail_.load(std::memory_order_acquire) == tail) {
          claim.refusal = room ? Refusal::lsns_exhausted : Refusal::full;
          return false;
        }
        head = now;
        continue;
      }
      claim.offset = layout_.offset(head);
      claim.end = layout_.advanced(head, bytes, 1, records) | raises;
      claim.owes_wake_up = REWAL_UNLIKELY((head & claim_flag::resting) != 0) && wake == Wake::writer &&
                           (large || (head & claim_flag::asleep) != 0 || fills_half(used, bytes));
      claim.ended_sleep = claim.owes_wake_up && (head & claim_flag::asleep) != 0;
      if (claim.owes_wake_up) claim.end &= ~claim_flag::resting;
      if (REWAL_LIKELY(head_.compare_exchange_weak(head, claim.end, std::memory_order_seq_cst,
                                                   std::memory_order_relaxed))) {  // R6
        // R4 again: the tail brings an LSN (R5) that is behind this claim by no more than what is in flight. Where both
        // are what they were before the swap, which waited for all that came before it, so is what follows from them.
        const Word tail_now = tail_.load(std::memory_order_acquire);
        const Lsn behind_now = next_lsn_.load(std::memory_order_relaxed);
        claim.overdrawn = false;
        if (REWAL_UNLIKELY(tail_now != tail || behind_now != behind)) {
          claim.overdrawn = !large && layout_.distance(tail_now, claim.end).bytes > memory_bytes_;
          claim.first_lsn = layout_.full_lsn(head, behind_now);
        }
        claim.size = size;
        claim.refusal = Refusal::none;
        return true;
      }
    }
  }

  /// Sets a flag unless something is in flight, or the queue is held or sealed.
  [[nodiscard]] bool raise_when_empty(Word flag) noexcept {
    Word head = head_.load(std::memory_order_relaxed);
    // R4, partner R3: with the last consumption the consumer's other news is seen, as since when something is unsynced.
    const Word tail = tail_.load(std::memory_order_acquire);
    do {
      if (!layout_.same_place(head, tail) || (head & (claim_flag::sealed | claim_flag::held)) != 0) return false;
    } while (!head_.compare_exchange_weak(head, head | flag, std::memory_order_seq_cst));
    return true;
  }

  [[nodiscard]] bool fills_half(const ClaimLayout::Distance& used, std::uint64_t bytes) const noexcept {
    return (used.bytes + bytes) * 2 > capacity_bytes_ || used.frames * 2 > capacity_frames_;
  }

  /// Counts a frame in where the word has no room for the count. Exact: it never exceeds the capacity.
  [[nodiscard]] bool reserve_frame() noexcept {
    std::uint64_t claimed = frames_claimed_.load(std::memory_order_relaxed);
    do {
      const std::uint64_t consumed = frames_consumed_.load(std::memory_order_acquire);
      if (claimed >= consumed && claimed - consumed >= capacity_frames_) {
        // As in claim_word(): the count is current, and `consumed` as new as those who were counted in saw it.
        const std::uint64_t now = frames_claimed_.load(std::memory_order_seq_cst);
        if (now == claimed && frames_consumed_.load(std::memory_order_acquire) == consumed) return false;
        claimed = now;
        continue;
      }
    } while (!frames_claimed_.compare_exchange_weak(claimed, claimed + 1, std::memory_order_release,
                                                    std::memory_order_relaxed));
    return true;
  }

  void advance_tail(std::uint64_t bytes, std::uint64_t frames, Lsn next_lsn) noexcept {
    const Word tail = tail_.load(std::memory_order_relaxed);
    const Lsn old_lsn = next_lsn_.load(std::memory_order_relaxed);
    used_bytes_ += bytes;
    frames_consumed_.store(frames_consumed_.load(std::memory_order_relaxed) + frames, std::memory_order_release);
    next_lsn_.store(next_lsn, std::memory_order_seq_cst);                                     // R5, partner R4
    tail_.store(layout_.advanced(tail, bytes, frames, next_lsn - old_lsn), std::memory_order_release);  // R3, partner R4
  }

  [[nodiscard]] RingSpan<std::byte> large_bytes() noexcept {
    const std::size_t outside = large_rest_bytes(large_size_);
    return {{memory_.get(), large_size_ - outside}, {large_rest_.get(), outside}};
  }

  /// How far the published frames were looked at. `next` is what stopped it: the size of a frame that did not fit, or 0
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
      from.next = none ? 0 : marks_[from.at / mark_stride].load(std::memory_order_acquire);  // R2, partner R1
      if (from.next == 0 || from.bytes + from.next > limit) return from;
      from.last_frame_at = from.bytes;
      from.bytes += from.next;
      from.at += from.next;
      ++from.frames;
      if (from.at >= memory_bytes_) from.at -= memory_bytes_;
    }
  }

  void clear_marks(std::uint64_t at, std::uint64_t frames) noexcept {
    for (; frames != 0; --frames) {
      Atomic<std::uint32_t>& mark = marks_[at / mark_stride];
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

  const std::uint64_t capacity_bytes_;   // most bytes of frames in flight
  const std::uint64_t capacity_frames_;  // most frames in flight
  const ClaimLayout layout_;
  const Lsn last_carefree_lsn_;          // up to here no claim can run out of LSNs
  const std::size_t memory_bytes_;  // one lap
  QueueMemory memory_;                                       // a frame's bytes: by its claimer, then by the consumer
  const std::unique_ptr<Atomic<std::uint32_t>[]> marks_;     // frame sizes: set by claimers, cleared by the consumer
  LargeRest large_rest_;                                     // by the holder, then by the consumer (R8)
  std::uint32_t large_size_ = 0;                             // by the holder (R8)

  alignas(cache_line_bytes) Atomic<Word> head_{0};           // by claimers; flags by holder, consumer and sealer
  Atomic<std::uint64_t> frames_claimed_{0};                  // by claimers, where the word does not count frames
  Atomic<Lsn> large_last_lsn_{0};                            // by the claimer of a large frame
  Atomic<std::size_t> large_published_{0};                   // by the holder, cleared by the consumer

  alignas(cache_line_bytes) Atomic<Word> tail_{0};           // by the consumer
  Atomic<Lsn> next_lsn_{0};                                  // by the consumer: first LSN not consumed
  Atomic<std::uint64_t> frames_consumed_{0};                 // by the consumer
  std::uint64_t used_bytes_ = 0;                             // by the consumer: consumed since memory was given back
  char padding_[cache_line_bytes - 32]{};
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_RING_HPP
