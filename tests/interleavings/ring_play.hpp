// SPDX-License-Identifier: MIT
//
// RingPlay: the library's own Ring, EventCount and WriteLock on the model, as producers and a consumer use them, with all
// bytes that the edges protect in a Shadow.

#ifndef REWAL_TESTS_INTERLEAVINGS_RING_PLAY_HPP
#define REWAL_TESTS_INTERLEAVINGS_RING_PLAY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <rewal/commit/write_lock.hpp>
#include <rewal/lsn.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/sync/event_count.hpp>
#include <utility>
#include <vector>

#include "model_threads.hpp"
#include "play.hpp"
#include "scheduler.hpp"
#include "shadowed_frames.hpp"

namespace rewal_model {

/// The queue with small frames whose bytes are shadowed, and the two places where its users sleep.
class RingPlay final : public Play<RingPlay> {
 public:
  using Ring = rewal::detail::Ring<ModelThreads>;
  using Claim = rewal::detail::Claim;
  using Refusal = rewal::detail::Refusal;
  using Wake = rewal::detail::Wake;
  using Lsn = rewal::Lsn;

  static constexpr std::uint32_t frame_bytes = 34;

  /// `used_before`: frames that have gone through the queue, so that it begins in the middle of its memory.
  RingPlay(std::uint64_t bytes, std::uint64_t frames, unsigned used_before, unsigned in_flight = 0)
      : ring(bytes, frames, first_lsn_), frames_(bytes, ring.room(byte_at_start()).first.data()) {
    for (unsigned i = 0; i < used_before; ++i) {
      produce();
      consume(frame_bytes);
    }
    for (unsigned i = 0; i < in_flight; ++i) produce();
  }

  Ring ring;
  rewal::detail::EventCount<ModelThreads> work;
  rewal::detail::EventCount<ModelThreads> room;

  // ---- producers --------------------------------------------------------------------------------------------------

  Refusal produce(std::uint32_t size = frame_bytes, std::uint32_t records = 1, Wake wake = Wake::writer) {
    return finish(ring.try_claim(size, records, wake), records);
  }
  /// As the log's append of one event.
  Refusal produce_directly(std::uint32_t size = frame_bytes) {
    Claim claim;
    return ring.try_claim_directly(claim, size) ? finish(claim, 1) : produce(size);
  }
  Refusal produce_held(std::uint32_t size = frame_bytes) { return finish(ring.try_claim_held(size, 1), 1); }

  /// Fills and publishes what was claimed, and wakes the consumer if that is owed.
  Refusal finish(const Claim& claim, std::uint32_t records) {
    if (!claim) return claim.refusal;
    check(!claim.overdrawn, "a claim is overdrawn");
    assigned_[current_thread()].push_back({claim.first_lsn, records});
    fill(claim.first_lsn, claim.size, records, ring.room(claim));
    ring.publish(claim);
    if (claim.owes_wake_up && wakes_consumer) work.notify_all();
    return Refusal::none;
  }

  Refusal produce_large(std::uint32_t size, bool held = false) {
    if (!ring.empty()) return Refusal::full;
    rewal::detail::LargeRest outside(new std::byte[ring.large_rest_bytes(size)]);
    const Claim claim = ring.try_claim_large(size, 1, held);
    if (!claim) return claim.refusal;
    assigned_[current_thread()].push_back({claim.first_lsn, 1});
    large_.write(0);
    const auto bytes = ring.large_room(claim, std::move(outside));
    if (claim.owes_wake_up && wakes_consumer) work.notify_all();
    frames_.fill(claim.first_lsn, size, 1, bytes, size / 2);
    ring.publish_large(size / 2);
    frames_.access(bytes.part(size / 2, size), true);
    ring.publish_large(size);
    large_complete_.add();
    return Refusal::none;
  }

  /// As a blocked append: tries again until there is room or there never will be.
  Refusal produce_blocking(std::uint32_t size = frame_bytes) {
    Refusal refusal = produce(size);
    while (refusal == Refusal::full || refusal == Refusal::held) {
      const auto key = room.prepare();
      refusal = produce(size);
      if (refusal != Refusal::full && refusal != Refusal::held) {
        room.cancel();
        break;
      }
      if (ring.end_sleep()) work.notify_all();
      ++blocked_;
      room.sleep(key);
      --blocked_;
      refusal = produce(size);
    }
    return refusal;
  }

  // ---- the consumer -----------------------------------------------------------------------------------------------

  /// Takes what is published, at most `most` bytes; false where nothing is.
  bool consume(std::uint64_t most = UINT64_MAX, bool tells_room = false) {
    const auto run = ring.gather(most);
    if (run.frames == 0) return consume_large(tells_room);
    const Lsn next = take(run.bytes, run.frames, run.last_frame_at);
    ring.consume(run, next);
    if (tells_room && ring.half_empty()) room.notify_all();
    return true;
  }
  /// As the writer with a buffer of that size: what does not fit is cut, inside a frame too.
  bool consume_cut(std::uint64_t buffer) {
    const auto run = ring.gather(begun_ + buffer, begun_ + buffer);
    const std::size_t stored = run.bytes.size();
    if (stored == 0) return false;
    check(run.rest_bytes != 0 || stored == run.whole_bytes, "a run ends inside a frame without need");
    check(stored <= begun_ + buffer, "a run is longer than the buffer");
    frames_.access(run.bytes.part(begun_, stored), false);
    if (run.frames != 0) ring.consume(run, take(run.bytes.part(0, run.whole_bytes), run.frames, run.last_frame_at));
    begun_ = stored - run.whole_bytes;
    return true;
  }
  bool consume_large(bool tells_room = false) {
    const auto frame = ring.gather_large();
    if (frame.size() == 0) return false;
    large_.read(0);
    ++large_taken_;
    // The first bytes may go out before the last have come.
    std::size_t done = ring.large_published();
    frames_.access(frame.part(0, done), true);
    if (done < frame.size()) large_complete_.await(large_taken_);
    while (done < frame.size()) {
      const std::size_t published = ring.large_published();
      frames_.access(frame.part(done, published), true);
      done = published;
    }
    const Lsn next = take(frame, 1, 0);
    large_.write(0);
    ring.consume_large(next);
    if (tells_room && ring.half_empty()) room.notify_all();
    return true;
  }

  /// As the writer thread: falls asleep if nothing is in flight; the next claim wakes it.
  void sleep_if_empty() {
    if (!ring.fall_asleep()) return;
    const auto key = work.prepare();
    if (!ring.is_sleeping()) {
      work.cancel();
    } else {
      work.sleep(key);
    }
    ring.end_sleep();
  }
  void sleep_between_polls(std::int64_t until) {
    ring.sleep_between_polls();
    sleep_until_woken(until);
  }
  void sleep_until_woken(std::int64_t until = INT64_MAX) {
    const auto key = work.prepare();
    if (!ring.is_sleeping()) {
      work.cancel();
    } else {
      work.sleep(key, ModelThreads::Time(ModelThreads::Clock::duration(until)));
    }
    ring.end_sleep();
  }

  bool wakes_consumer = true;
  bool consumer_may_sleep_when_empty = false;

  /// What `claims` claims is one run of LSNs.
  template <class F>
  void consecutive(F&& claims) {
    auto& mine = assigned_[current_thread()];
    const std::size_t before = mine.size();
    claims();
    for (std::size_t i = before + 1; i < mine.size(); ++i) {
      check(mine[i].first == mine[i - 1].first + mine[i - 1].second, "somebody claims while the queue is held");
    }
  }
  /// `last` counts as assigned what this thread has claimed.
  void own_is_assigned(Lsn last) {
    for (const auto& [first, records] : assigned_[current_thread()]) {
      check(last >= first + records - 1, "last_assigned_lsn is behind an append that has returned");
    }
  }
  /// Nothing is in the queue, and nothing ever will be.
  void nothing_more() { consumed_in_the_end_ = next_to_consume_; }

  rewal::detail::WriteLock<ModelThreads> write_lock;
  Tally sleep_begun;

  // ---- what must not be done --------------------------------------------------------------------------------------

  void fill_late(const Claim& claim) {
    assigned_[current_thread()].push_back({claim.first_lsn, 1});
    fill(claim.first_lsn, claim.size, 1, ring.room(claim));
  }
  void read_late(const rewal::detail::RingSpan<std::byte>& bytes) { frames_.access(bytes, false); }

  // ---- afterwards -------------------------------------------------------------------------------------------------

  [[nodiscard]] bool may_all_sleep() override {
    if (blocked_ != 0) return !ring.half_empty();
    return consumer_may_sleep_when_empty && ring.empty();
  }

  void finish() override {
    while (consume()) {
    }
    check(ring.empty() || blocked_ != 0, "something is left in the queue");
    std::vector<std::pair<Lsn, std::uint32_t>> all;
    for (const auto& of_thread : assigned_) {
      Lsn last = 0;
      for (const auto& [first, records] : of_thread) {
        check(first > last, "a thread's LSNs go back");
        last = first;
        all.emplace_back(first, records);
      }
    }
    std::sort(all.begin(), all.end());
    Lsn next = first_lsn_;
    for (const auto& [first, records] : all) {
      check(first == next, "LSNs are not contiguous");
      next = first + records;
    }
    check(consumed_in_the_end_ == 0 || consumed_in_the_end_ == next,
          "a claim came after the queue was sealed and empty");
    check(next == next_to_consume_, "what was assigned and what was consumed differ");
    check(ring.last_assigned_lsn() == next - 1, "last_assigned_lsn is wrong");
    check(ring.frames_in_flight() == 0 && ring.bytes_in_flight() == 0, "the queue's counts are wrong");
  }

  [[nodiscard]] std::size_t assigned_by(unsigned thread) const { return assigned_[thread].size(); }

 private:
  static constexpr Lsn first_lsn_ = 1;

  [[nodiscard]] static Claim byte_at_start() {
    Claim claim;
    claim.size = 1;
    return claim;
  }

  void fill(Lsn lsn, std::uint32_t size, std::uint32_t records, const rewal::detail::RingSpan<std::byte>& bytes) {
    frames_.fill(lsn, size, records, bytes, size);
  }
  Lsn take(const rewal::detail::RingSpan<std::byte>& bytes, std::uint64_t frames, std::size_t last_at) {
    return next_to_consume_ = frames_.take(bytes, frames, last_at, ring.next_unconsumed_lsn());
  }

  ShadowedFrames frames_;
  Shadow large_{1};  // the queue's fields for a large frame
  Tally large_complete_;
  std::uint64_t large_taken_ = 0;  // by the consumer
  std::size_t begun_ = 0;          // of the next frame, by the consumer
  std::vector<std::pair<Lsn, std::uint32_t>> assigned_[most_threads];
  Lsn next_to_consume_ = first_lsn_;  // by the consumer
  Lsn consumed_in_the_end_ = 0;
  unsigned blocked_ = 0;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_RING_PLAY_HPP
