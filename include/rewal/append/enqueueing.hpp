// SPDX-License-Identifier: MIT
//
// Enqueueing: a frame into the queue: claims its place and LSNs, waits for room where the log says so, encodes it in
// place and publishes it. Runs on the appending threads, any number at once. A refused frame takes nothing.
// What is in the frame is left to those who append; writing what was published to whoever takes the write lock.

#ifndef REWAL_APPEND_ENQUEUEING_HPP
#define REWAL_APPEND_ENQUEUEING_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include <rewal/append/pending_frame.hpp>
#include <rewal/bytes.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/error.hpp>
#include <rewal/format/frame_sink.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/queue/claim_word.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/result.hpp>
#include <rewal/sync/back_off.hpp>

namespace rewal::detail {

/// Who sees to it that the event is written: the writer thread, or the caller, who waits for it.
enum class Append : std::uint8_t { queued, awaited };

template <class Core>
class Enqueueing {
 public:
  explicit Enqueueing(Core& core) noexcept : core_(core) {}

  /// The frame of one record, of `size` bytes, at most Core::most_direct_bytes, if that is simple. Its LSN, or 0 where
  /// put() has to see to it, or to say why not. All that it is given and makes stays in registers.
  [[nodiscard]] REWAL_INLINE Lsn put_directly(Bytes payload, Bytes meta, std::uint32_t size) {
    Claim claim;
    if (REWAL_UNLIKELY(!core_.ring.try_claim_directly(claim, size))) return 0;
    if (REWAL_UNLIKELY(claim.overdrawn) && !await_place(claim.end)) return 0;
    const RingSpan<std::byte> room = core_.ring.room(claim);
    if (REWAL_LIKELY(room.second.empty())) {
      encode_record_frame(room.first.data(), claim.first_lsn, size, payload, meta);
    } else {
      encode_over_the_end(room.first, room.second, claim.first_lsn, payload, meta);
    }
    core_.ring.publish(claim);
    return claim.first_lsn;
  }

  /// Any frame. The LSN of its last event; 0 if it was dropped.
  [[nodiscard]] Result<Lsn> put(const PendingFrame& frame, Append how) {
    const auto size = static_cast<std::uint32_t>(frame.frame_bytes());
    if (is_large(size, frame.count)) return put_large(frame, size, how);
    const Time before = time_for_interval();
    Claim claim = core_.ring.try_claim(size, frame.count, wake(how));
    BackOff<Threads> for_the_holder;
    while (claim.refusal == Refusal::held && !blocks() && hold_is_passing()) {
      for_the_holder.wait();
      claim = core_.ring.try_claim(size, frame.count, wake(how));
    }
    if (must_wait(claim)) {
      claim = wait_for_room(size, false, [&](bool holding) {
        return holding ? core_.ring.try_claim_held(size, frame.count)
                       : core_.ring.try_claim(size, frame.count, wake(how));
      });
    }
    if (!claim) return refuse(claim.refusal, frame.count, how);
    if (claim.overdrawn && !await_place(claim.end)) return why_sealed();
    fill(frame, claim, before);
    return claim.first_lsn + (frame.count - 1);
  }

  /// Whoever seals says why right after it.
  [[nodiscard]] REWAL_NOINLINE Error why_sealed() const noexcept {
    for (BackOff<Threads> for_the_sealer;;) {
      if (const auto error = core_.out_of_service(State::draining)) return *error;
      for_the_sealer.wait();
    }
  }

 private:
  using Threads = typename Core::Threads;
  using Time = typename Threads::Time;

  static constexpr unsigned spins_before_yielding = 200;
  static constexpr unsigned yields_before_sleeping = 50;
  static constexpr unsigned sleeps_before_holding = 8;  // each ends when half of the queue is free

  [[nodiscard]] static Wake wake(Append how) noexcept { return how == Append::awaited ? Wake::nobody : Wake::writer; }

  void fill(const PendingFrame& frame, const Claim& claim, Time before) {
    const RingSpan<std::byte> room = core_.ring.room(claim);
    frame.encode(FrameSink(room.first, room.second), claim.first_lsn);
    core_.ring.publish(claim);
    if (claim.owes_wake_up) notify_writer(claim.ended_sleep, before);
  }

  REWAL_NOINLINE static void encode_over_the_end(std::span<std::byte> first, std::span<std::byte> second, Lsn lsn,
                                                 Bytes payload, Bytes meta) noexcept {
    PendingFrame{payload, meta, 1, 0, false}.encode(FrameSink(first, second), lsn);
  }

  /// Until the place of an overdrawn claim has been consumed. False after an error or a close: it never will be.
  [[nodiscard]] REWAL_NOINLINE bool await_place(Word claim_end) const {
    BackOff<Threads> for_the_writer;
    while (core_.ring.still_overdrawn(claim_end)) {
      if (core_.writer.failed() || core_.writer.abandoned()) return false;
      for_the_writer.wait();
    }
    return true;
  }

  // ---- large frames ----------------------------------------------------------------------------------------------

  [[nodiscard]] bool is_large(std::uint32_t size, std::uint32_t records) const noexcept {
    return size > core_.ring.capacity_bytes() || records > core_.ring.capacity_records();
  }

  /// A frame larger than the queue goes in alone. Its memory is taken by the holder, so that there is one at a time.
  [[nodiscard]] Result<Lsn> put_large(const PendingFrame& frame, std::uint32_t size, Append how) {
    const Time before = time_for_interval();
    LargeRest rest;
    bool no_memory = false;
    const auto attempt = [&] {
      Claim claim;
      claim.refusal = core_.ring.is_sealed() ? Refusal::sealed : Refusal::full;
      if (!core_.ring.empty()) return claim;
      if (rest == nullptr) {
        rest.reset(new (std::nothrow) std::byte[core_.ring.large_rest_bytes(size)]);
        no_memory = rest == nullptr;
        if (no_memory) return claim;
      }
      return core_.ring.try_claim_large(size, frame.count, true);
    };
    Claim claim;
    if (blocks()) {
      claim = wait_for_room(size, true, [&](bool) {
        Claim next = attempt();
        if (no_memory) next.refusal = Refusal::sealed;  // no sense in waiting on
        return next;
      });
    } else {
      claim.refusal = core_.ring.try_hold();
      BackOff<Threads> for_the_holder;
      while (claim.refusal == Refusal::held && hold_is_passing()) {
        for_the_holder.wait();
        claim.refusal = core_.ring.try_hold();
      }
      if (claim) {
        claim = attempt();
        if (!claim) core_.ring.release_hold();
      }
    }
    if (no_memory) return not_enough_memory();
    if (!claim) return refuse(claim.refusal, frame.count, how);
    const RingSpan<std::byte> room = core_.ring.large_room(claim, std::move(rest));
    if (claim.owes_wake_up) notify_writer(claim.ended_sleep, before);
    frame.encode(FrameSink(room.first, room.second, LargeProgress{&core_}), claim.first_lsn);
    return claim.first_lsn + (frame.count - 1);
  }

  /// Lets the writer begin with a large frame while its end is still being copied.
  struct LargeProgress {
    static constexpr std::size_t every_bytes = 256 * 1024;
    Core* core;
    void operator()(std::size_t complete) const noexcept {
      core->ring.publish_large(complete);
      core->wake_writer();
    }
  };

  // ---- waking and waiting ----------------------------------------------------------------------------------------

  /// The claim has ended the writer's sleep already; what is left is to tell it, and since when there is something at
  /// the earliest: whoever claims between this claim and the telling may be done before it.
  REWAL_NOINLINE void notify_writer(bool ended_sleep, Time before_claim) {
    if (ended_sleep && core_.times_tail()) core_.writer.unsynced_age().queue_was_empty(before_claim);
    core_.work.notify_all();
  }
  [[nodiscard]] Time time_for_interval() const noexcept { return core_.times_tail() ? Threads::now() : Time{}; }

  [[nodiscard]] bool blocks() const noexcept { return core_.options.backpressure == Backpressure::block; }
  /// Of a hold that refused a claim: it has ended, or ends without anything being written. Whoever holds an empty queue
  /// is about to put a large frame in, gives up, or gives its memory back.
  [[nodiscard]] bool hold_is_passing() const noexcept { return core_.ring.empty() || !core_.ring.is_held(); }

  [[nodiscard]] bool must_wait(const Claim& claim) const noexcept {
    return blocks() && (claim.refusal == Refusal::full || claim.refusal == Refusal::held);
  }

  /// Tries again until there is room or there never will be. A frame that needs much of the queue, or that has waited
  /// while others took what became free several times, takes the queue for itself while it waits, so that others cannot
  /// starve it; they wait behind it.
  template <class Attempt>
  [[nodiscard]] Claim wait_for_room(std::uint32_t size, bool is_large, Attempt attempt) {
    bool needs_hold = is_large || size > core_.ring.capacity_bytes() / 4;
    bool holding = false;
    const auto again = [&]() -> Claim {
      if (needs_hold && !holding) {
        Claim claim;
        claim.refusal = core_.ring.try_hold();
        if (claim.refusal != Refusal::none) return claim;
        holding = true;
      }
      return attempt(holding);
    };
    const auto waits_on = [](const Claim& claim) {
      return claim.refusal == Refusal::full || claim.refusal == Refusal::held;
    };
    Claim claim = again();
    for (unsigned i = 0; waits_on(claim) && i < spins_before_yielding + yields_before_sleeping; ++i) {
      if (i < spins_before_yielding) {
        Threads::pause();
      } else {
        Threads::yield();
      }
      claim = again();
    }
    for (unsigned sleeps = 0; waits_on(claim);) {
      const auto key = core_.room.prepare();
      claim = again();
      if (!waits_on(claim)) {
        core_.room.cancel();
        break;
      }
      core_.wake_writer();
      core_.room.sleep(key);
      if (++sleeps == sleeps_before_holding) needs_hold = true;
      claim = again();
    }
    if (holding && !(claim && is_large)) {  // a large frame's hold ends with its consumption
      core_.ring.release_hold();
      core_.room.notify_all();
    }
    return claim;
  }

  [[nodiscard]] Result<Lsn> refuse(Refusal why, std::uint32_t count, Append how) {
    switch (why) {
      case Refusal::lsns_exhausted:
        return Error(Errc::invalid_lsn, "the log's LSNs are used up: nothing more can be appended to this file");
      case Refusal::sealed: return why_sealed();
      default: break;
    }
    if (core_.options.backpressure != Backpressure::drop || how == Append::awaited) return Errc::queue_full;
    core_.drops.fetch_add(count, std::memory_order_relaxed);
    core_.hooks.on_drop(count);
    return Lsn{0};
  }

  Core& core_;
};

}  // namespace rewal::detail

#endif  // REWAL_APPEND_ENQUEUEING_HPP
