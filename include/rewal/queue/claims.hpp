// SPDX-License-Identifier: MIT
//
// Claims: who has which place in the queue, and which LSNs. A producer claims both in one compare-and-swap; the consumer
// gives places back in the same order. Any number of producers; one consumer at a time, whoever holds the pen.
// The bytes at those places are left to the ring; who waits for room and who wakes whom, to others.
//
// INVARIANTS
//   I1  Claims take place and LSN together, so bytes lie in LSN order, and a refused claim takes neither.
//   I2  consumed <= published <= claimed, as places; claimed - consumed <= capacity. Two frames in flight never share
//       a byte of memory, since they lie within one lap.
//   I5  LSNs in flight, claimed minus consumed, are no more than the word can tell apart.
//   I6  While `held` is set nobody claims but the holder. A frame larger than the ring is claimed by a holder, when
//       nothing is in flight; it takes LSNs but no place, and holds until it has been consumed.
//   I7  `sealed` is set for ever. What was claimed before it is published, and may still be consumed.
//
// EDGES (R1, R2, R8 and R9 are the ring's)
//   R3  consume: tail.store(release)      with  R4  claim: tail.load(acquire), before and after the compare-and-swap
//       the consumer has read the old bytes and cleared the old marks before a producer writes new ones.
//   R5  consume: next_lsn.store(release), before R3, with R4: a producer that sees the tail sees an LSN behind its own
//       by no more than is in flight, from which its full LSN follows.
//   R6  claim: head.compare_exchange(seq_cst), which clears `asleep`, with R7 the consumer's fall_asleep:
//       compare_exchange(seq_cst) from a head that equals the tail. One order: either the claim is first, and the
//       consumer does not fall asleep, or the consumer is, and the claim finds `asleep` and owes the wake-up.
//
// OVERDRAWN CLAIMS. Head values repeat after at least 4 laps of bytes, with equal low bits of LSN and frames. A
// producer stalled between reading the head and swapping it for exactly such a period claims by a check that is out of
// date. It is at most one claim per stalled thread beyond capacity, places are counted over four laps, and a producer
// compares its claim with a tail read after it: it finds itself overdrawn and waits before it touches memory.
//
// LIVENESS. Lock-free is said of the claim alone: some producer's swap succeeds. A producer preempted between claim
// and publish delays the consumption of everything after it, since the file has no holes.

#ifndef REWAL_SYNC_CLAIMS_HPP
#define REWAL_SYNC_CLAIMS_HPP

#include <algorithm>
#include <cstdint>

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/sync/claim.hpp>
#include <rewal/sync/claim_word.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads>
class Claims {
 public:
  static constexpr std::uint64_t smallest_record = 6;

  /// Of a ring whose lap is `lap_bytes`, for at most `bytes` and `frames` in flight.
  Claims(std::uint64_t lap_bytes, std::uint64_t bytes, std::uint64_t frames, Lsn next_lsn) noexcept
      : capacity_bytes_(bytes),
        capacity_frames_(frames),
        layout_(lap_bytes, frames, smallest_record),
        last_carefree_lsn_(max_lsn - layout_.most_records() - UINT32_MAX) {
    head_.store(layout_.start(next_lsn), std::memory_order_relaxed);
    tail_.store(layout_.start(next_lsn), std::memory_order_relaxed);
    next_lsn_.store(next_lsn, std::memory_order_relaxed);
    large_last_lsn_.store(next_lsn - 1, std::memory_order_relaxed);
  }
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

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
  /// The same for one record of at most most_direct_bytes(), where it is simple: there is room, nobody is to be woken, and
  /// no field of the word wraps. False: use try_claim(). (Into a local variable of the caller, so that it stays in
  /// registers: what is done between two swaps in a row takes as long as all of it does.)
  [[nodiscard]] REWAL_INLINE bool try_claim_directly(Claim& claim, std::uint32_t size) noexcept {
    Word head = head_.load(std::memory_order_relaxed);
    for (;;) {
      const Word tail = tail_.load(std::memory_order_acquire);  // R4, partner R3
      const Lsn behind = next_lsn_.load(std::memory_order_relaxed);
      const ClaimLayout::Distance used = layout_.distance(tail, head);
      const unsigned shift = (head & claim_flag::napping) != 0 ? 1 : 0;  // half of it, and the napping writer is woken
      const bool room = used.bytes + size <= capacity_bytes_ >> shift && used.frames < capacity_frames_ >> shift;
      if (REWAL_UNLIKELY(!room || behind >= last_carefree_lsn_ || !layout_.steps_within_fields(head, size) ||
                         (head & (claim_flag::sealed | claim_flag::held | claim_flag::asleep)) != 0)) {
        return false;
      }
      claim.first_lsn = layout_.full_lsn(head, behind);
      claim.offset = layout_.offset(head);
      claim.end = layout_.stepped(head, size);
      if (REWAL_LIKELY(head_.compare_exchange_weak(head, claim.end, std::memory_order_seq_cst,
                                                   std::memory_order_relaxed))) {  // R6
        claim.size = size;
        look_again(claim, head, tail, behind);
        return true;
      }
    }
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
    return layout_.distance(tail_.load(std::memory_order_acquire), claim_end).bytes > layout_.lap_bytes();  // R4, partner R3
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

  // ---- the consumer ----------------------------------------------------------------------------------------------

  /// Where in the ring's memory begins what is consumed next.
  [[nodiscard]] std::uint64_t consumed_offset() const noexcept {
    return layout_.offset(tail_.load(std::memory_order_relaxed));
  }

  /// Gives back so much, whose LSNs end before `next_lsn`.
  void release(std::uint64_t bytes, std::uint64_t frames, Lsn next_lsn) noexcept {
    const Word tail = tail_.load(std::memory_order_relaxed);
    const Lsn old_lsn = next_lsn_.load(std::memory_order_relaxed);
    frames_consumed_.store(frames_consumed_.load(std::memory_order_relaxed) + frames, std::memory_order_release);
    next_lsn_.store(next_lsn, std::memory_order_seq_cst);                                     // R5, partner R4
    tail_.store(layout_.advanced(tail, bytes, frames, next_lsn - old_lsn), std::memory_order_release);  // R3, partner R4
  }

  /// Takes the hold of an empty queue, if nobody has it. False where something is in flight, or the queue is sealed.
  [[nodiscard]] bool try_hold_empty() noexcept { return raise_when_empty(claim_flag::held); }

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
  [[nodiscard]] bool claim_word(Claim& claim, std::uint32_t size, std::uint32_t records, Wake wake,
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
      claim.ended_sleep = claim.owes_wake_up && (head & claim_flag::asleep) != 0 && ClaimLayout::same_place(head, tail);
      if (claim.owes_wake_up) claim.end &= ~claim_flag::resting;
      if (REWAL_LIKELY(head_.compare_exchange_weak(head, claim.end, std::memory_order_seq_cst,
                                                   std::memory_order_relaxed))) {  // R6
        look_again(claim, head, tail, behind);
        claim.size = size;
        claim.refusal = Refusal::none;
        return true;
      }
    }
  }

  /// R4 again, after a claim's swap: the tail brings an LSN (R5) that is behind this claim by no more than what is in
  /// flight. Where both are what they were before the swap, which waited for all that came before it, so is what follows
  /// from them.
  REWAL_INLINE void look_again(Claim& claim, Word head, Word tail, Lsn behind) noexcept {
    const Word tail_now = tail_.load(std::memory_order_acquire);
    const Lsn behind_now = next_lsn_.load(std::memory_order_relaxed);
    if (REWAL_UNLIKELY(tail_now != tail || behind_now != behind)) {
      claim.overdrawn = layout_.distance(tail_now, claim.end).bytes > layout_.lap_bytes();
      claim.first_lsn = layout_.full_lsn(head, behind_now);
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

  const std::uint64_t capacity_bytes_;   // most bytes of frames in flight
  const std::uint64_t capacity_frames_;  // most frames in flight
  const ClaimLayout layout_;
  const Lsn last_carefree_lsn_;          // up to here no claim can run out of LSNs

  alignas(cache_line_bytes) Atomic<Word> head_{0};           // by claimers; flags by holder, consumer and sealer
  Atomic<std::uint64_t> frames_claimed_{0};                  // by claimers, where the word does not count frames
  Atomic<Lsn> large_last_lsn_{0};                            // by the claimer of a large frame

  alignas(cache_line_bytes) Atomic<Word> tail_{0};           // by the consumer
  Atomic<Lsn> next_lsn_{0};                                  // by the consumer: first LSN not consumed
  Atomic<std::uint64_t> frames_consumed_{0};                 // by the consumer
  char padding_[cache_line_bytes - 24]{};
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_CLAIMS_HPP
