// SPDX-License-Identifier: MIT
//
// Claims: how a producer gets a place in the queue and the LSNs for it, both in one compare-and-swap.
// Any number of producers; the consumer, one at a time, gives places back through the counters, in claim_counters.hpp.
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

#ifndef REWAL_QUEUE_CLAIMS_HPP
#define REWAL_QUEUE_CLAIMS_HPP

#include <algorithm>
#include <cstdint>

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/queue/claim.hpp>
#include <rewal/queue/claim_counters.hpp>
#include <rewal/queue/claim_word.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads>
class Claims : public ClaimCounters<Threads> {
 public:
  using ClaimCounters<Threads>::ClaimCounters;

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
  /// The same for one record of at most most_direct_bytes(), where it is simple: there is room, nobody is to be woken,
  /// and no field of the word wraps. False: use try_claim(). (Into a local variable of the caller, so that it stays in
  /// registers: what is done between two swaps in a row takes as long as all of it does.)
  [[nodiscard]] REWAL_INLINE bool try_claim_directly(Claim& claim, std::uint32_t size) noexcept {
    Word head = head_.load(std::memory_order_relaxed);
    for (;;) {
      const Word tail = tail_.load(std::memory_order_acquire);  // R4, partner R3
      const Lsn behind = next_lsn_.load(std::memory_order_relaxed);
      const ClaimLayout::Distance used = layout_.distance(tail, head);
      const unsigned shift = (head & claim_flag::between_polls) != 0 ? 1 : 0;  // half of it, and the writer is woken
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
        recheck_tail(claim, head, tail, behind);
        return true;
      }
    }
  }
  [[nodiscard]] std::uint64_t most_direct_bytes() const noexcept {
    return layout_.counts_frames() ? capacity_bytes_ : 0;
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
    if (!Counters::empty()) return refused(full_or_worse());
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

 private:
  using Counters = ClaimCounters<Threads>;
  using Counters::capacity_bytes_, Counters::capacity_frames_, Counters::layout_, Counters::last_carefree_lsn_;
  using Counters::head_, Counters::frames_claimed_, Counters::large_last_lsn_;
  using Counters::tail_, Counters::next_lsn_, Counters::frames_consumed_;

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
      claim.owes_wake_up = REWAL_UNLIKELY((head & claim_flag::any_sleep) != 0) && wake == Wake::writer &&
                           (large || (head & claim_flag::asleep) != 0 || fills_half(used, bytes));
      claim.ended_sleep = claim.owes_wake_up && (head & claim_flag::asleep) != 0 && ClaimLayout::same_place(head, tail);
      if (claim.owes_wake_up) claim.end &= ~claim_flag::any_sleep;
      if (REWAL_LIKELY(head_.compare_exchange_weak(head, claim.end, std::memory_order_seq_cst,
                                                   std::memory_order_relaxed))) {  // R6
        recheck_tail(claim, head, tail, behind);
        claim.size = size;
        claim.refusal = Refusal::none;
        return true;
      }
    }
  }

  /// R4 again, after a claim's swap: the tail brings an LSN (R5) that is behind this claim by no more than what is in
  /// flight. Where both are what they were before the swap, which waited for all that came before it, so is what
  /// follows from them.
  REWAL_INLINE void recheck_tail(Claim& claim, Word head, Word tail, Lsn behind) noexcept {
    const Word tail_now = tail_.load(std::memory_order_acquire);
    const Lsn behind_now = next_lsn_.load(std::memory_order_relaxed);
    if (REWAL_UNLIKELY(tail_now != tail || behind_now != behind)) {
      claim.overdrawn = layout_.distance(tail_now, claim.end).bytes > layout_.lap_bytes();
      claim.first_lsn = layout_.full_lsn(head, behind_now);
    }
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
};

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_CLAIMS_HPP
