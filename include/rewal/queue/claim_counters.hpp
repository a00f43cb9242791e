// SPDX-License-Identifier: MIT
//
// ClaimCounters: the two words that say what of the queue is claimed and what is consumed, and all that is asked of them.
// The consumer, one at a time, gives places back here in the order of their claims; anybody may ask; the writer thread says
// here that it sleeps. Claiming itself is left to claims.hpp, whose invariants and edges are those of these words.

#ifndef REWAL_QUEUE_CLAIM_COUNTERS_HPP
#define REWAL_QUEUE_CLAIM_COUNTERS_HPP

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/queue/claim_word.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads>
class ClaimCounters {
 public:
  static constexpr std::uint64_t smallest_record = 6;

  /// Of a ring whose lap is `lap_bytes`, for at most `bytes` and `frames` in flight.
  ClaimCounters(std::uint64_t lap_bytes, std::uint64_t bytes, std::uint64_t frames, Lsn next_lsn) noexcept
      : capacity_bytes_(bytes),
        capacity_frames_(frames),
        layout_(lap_bytes, frames, smallest_record),
        last_carefree_lsn_(max_lsn - layout_.most_records() - UINT32_MAX) {
    head_.store(layout_.start(next_lsn), std::memory_order_relaxed);
    tail_.store(layout_.start(next_lsn), std::memory_order_relaxed);
    next_lsn_.store(next_lsn, std::memory_order_relaxed);
    large_last_lsn_.store(next_lsn - 1, std::memory_order_relaxed);
  }
  ClaimCounters(const ClaimCounters&) = delete;
  ClaimCounters& operator=(const ClaimCounters&) = delete;

  /// A frame with more bytes or more records goes in as a large one.
  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept { return capacity_bytes_; }
  [[nodiscard]] std::uint64_t capacity_records() const noexcept { return layout_.most_records() / 2; }

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
    next_lsn_.store(next_lsn, std::memory_order_seq_cst);  // R5, partner R4
    tail_.store(layout_.advanced(tail, bytes, frames, next_lsn - old_lsn),
                std::memory_order_release);  // R3, partner R4
  }

  /// Takes the hold of an empty queue, if nobody has it. False where something is in flight, or the queue is sealed.
  [[nodiscard]] bool try_hold_empty() noexcept { return raise_when_empty(claim_flag::held); }

  /// Marks that the writer thread sleeps and the next claim wakes it. False, and nothing done, where something is in
  /// flight or the queue is held or sealed. By the writer thread, with the write lock or without.
  [[nodiscard]] bool fall_asleep() noexcept { return raise_when_empty(claim_flag::asleep); }  // R7, partner R6
  /// Marks that it sleeps until its next poll, and a claim that half fills the queue wakes it.
  void sleep_between_polls() noexcept { head_.fetch_or(claim_flag::between_polls, std::memory_order_seq_cst); }

  /// Awake again, or made to be. True where this call ended the sleep: then the caller owes the wake-up, unless it is
  /// the consumer itself.
  bool end_sleep() noexcept {
    if ((head_.load(std::memory_order_seq_cst) & claim_flag::any_sleep) == 0) return false;
    return (head_.fetch_and(~claim_flag::any_sleep, std::memory_order_seq_cst) & claim_flag::any_sleep) != 0;
  }
  [[nodiscard]] bool is_sleeping() const noexcept {
    return (head_.load(std::memory_order_seq_cst) & claim_flag::any_sleep) != 0;
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

  /// Whether nothing can be claimed any more. A hint until seal() has returned.
  [[nodiscard]] bool is_sealed() const noexcept {
    return (head_.load(std::memory_order_relaxed) & claim_flag::sealed) != 0;
  }

  /// Whether an overdrawn claim that ends there still must not touch its memory. See OVERDRAWN CLAIMS.
  [[nodiscard]] bool still_overdrawn(Word claim_end) const noexcept {
    return layout_.distance(tail_.load(std::memory_order_acquire), claim_end).bytes >
           layout_.lap_bytes();  // R4, partner R3
  }

 protected:
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;

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

  const std::uint64_t capacity_bytes_;   // most bytes of frames in flight
  const std::uint64_t capacity_frames_;  // most frames in flight
  const ClaimLayout layout_;
  const Lsn last_carefree_lsn_;  // up to here no claim can run out of LSNs

  alignas(cache_line_bytes) Atomic<Word> head_{0};  // by claimers; flags by holder, consumer and sealer
  Atomic<std::uint64_t> frames_claimed_{0};         // by claimers, where the word does not count frames
  Atomic<Lsn> large_last_lsn_{0};                   // by the claimer of a large frame

  alignas(cache_line_bytes) Atomic<Word> tail_{0};  // by the consumer
  Atomic<Lsn> next_lsn_{0};                         // by the consumer: first LSN not consumed
  Atomic<std::uint64_t> frames_consumed_{0};        // by the consumer
  char padding_[cache_line_bytes - 24]{};
};

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_CLAIM_COUNTERS_HPP
