// SPDX-License-Identifier: MIT
//
// The ring under many threads, and a claim whose check is out of date.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <queue/stamped_ring.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/sync/event_count.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>

using rewal::detail::Claim;
using rewal::detail::EventCount;
using rewal::detail::LargeRest;
using rewal::detail::Ring;
using rewal::detail::RingSpan;
using rewal::detail::Wake;
using namespace rewal_test;

TEST_CASE("a claim that sleeps until the head has the same value again stays away from frames in flight") {
  // Four laps in bytes, all that the word can tell of LSNs, and a multiple of what it can tell of frames.
  constexpr std::uint32_t size = 40;
  constexpr std::uint64_t memory = 128;
  Ring<Interrupted> ring(memory, 8, 1);
  const std::uint64_t lsns = 2 * (ring.capacity_records() + 1);
  const std::uint64_t frames = (std::max<std::uint64_t>)(64, lsns >> 31);
  REQUIRE(lsns % frames == 0);
  REQUIRE(frames * size % (4 * memory) == 0);
  const auto consume_one = [&] {
    const auto run = ring.gather(size);
    ring.consume(run, ring.next_unconsumed_lsn() + lsns / frames);
  };
  std::uint64_t claimed = 0;
  Interrupted::interruption = [&] {
    for (; claimed < frames; ++claimed) {
      const Claim claim = ring.try_claim(size, static_cast<std::uint32_t>(lsns / frames), Wake::writer);
      if (!claim || claim.overdrawn) break;
      ring.publish(claim);
      if (claimed + 3 < frames) consume_one();  // the last three stay in flight
    }
  };
  Claim late;
  if (GENERATE(false, true)) {
    REQUIRE(ring.try_claim_directly(late, size));
  } else {
    late = ring.try_claim(size, 1, Wake::writer);
  }
  REQUIRE(claimed == frames);
  REQUIRE(late);
  CHECK(late.first_lsn == 1 + lsns);
  CHECK(late.overdrawn);
  CHECK(ring.still_overdrawn(late.end));
  consume_one();
  CHECK_FALSE(ring.still_overdrawn(late.end));
}

namespace {

struct Shape {
  std::uint64_t bytes;
  std::uint64_t frames;
  std::size_t producers;
  std::uint32_t largest;
};

/// Producers that claim, refused or not, against one consumer that takes, sleeps and is woken.
class Stress {
 public:
  explicit Stress(const Shape& shape) : shape_(shape), ring_(shape.bytes, shape.frames, first_lsn) {}

  void run(std::size_t each) {
    auto consumer = in_background([&] { consume(each * shape_.producers); });
    together(shape_.producers, [&](std::size_t thread) {
      for (std::size_t i = 0; i < each; ++i) produce(static_cast<std::uint32_t>(thread * 7919 + i * 31));
    });
    outcome(consumer);
  }

  std::size_t wrong_bytes = 0;
  std::size_t wrong_lsns = 0;

 private:
  static constexpr Lsn first_lsn = 1'000'000;

  void produce(std::uint32_t number) {
    const std::uint32_t size = 34 + number % (shape_.largest - 33);
    const std::uint32_t records = 1 + number % ((size - 28) / 6);
    if (size > ring_.capacity_bytes()) return produce_large(size, records);
    Claim claim;
    while (!(claim = ring_.try_claim(size, records, Wake::writer))) std::this_thread::yield();
    while (claim.overdrawn && ring_.still_overdrawn(claim.end)) std::this_thread::yield();
    fill(ring_.room(claim), {size, records, claim.first_lsn});
    ring_.publish(claim);
    if (claim.owes_wake_up) rest_.notify_all();
  }
  void produce_large(std::uint32_t size, std::uint32_t records) {
    Claim claim;
    while (!(claim = ring_.try_claim_large(size, records, false))) std::this_thread::yield();
    const auto room = ring_.large_room(claim, LargeRest(new std::byte[ring_.large_rest_bytes(size)]));
    fill(room, {size, records, claim.first_lsn});
    ring_.publish_large(size);
    if (claim.owes_wake_up) rest_.notify_all();
  }

  void consume(std::size_t frames) {
    Lsn next = first_lsn;
    for (std::size_t taken = 0; taken < frames;) {
      const auto run = ring_.gather(2000);
      if (run.frames != 0) {
        std::size_t seen = 0;
        for (std::size_t at = 0; at < run.bytes.size(); ++seen) next = check(run.bytes, at, next);
        if (seen != run.frames) ++wrong_bytes;
        ring_.consume(run, next);
        taken += static_cast<std::size_t>(run.frames);
      } else if (const auto large = ring_.gather_large(); large.size() != 0) {
        while (ring_.large_published() != large.size()) std::this_thread::yield();
        std::size_t at = 0;
        next = check(large, at, next);
        ring_.consume_large(next);
        ++taken;
      } else if (ring_.fall_asleep()) {
        const auto key = rest_.prepare();
        if (ring_.is_sleeping()) {
          rest_.sleep(key);
        } else {
          rest_.cancel();
        }
      } else {
        std::this_thread::yield();
      }
    }
  }
  Lsn check(const RingSpan<std::byte>& bytes, std::size_t& at, Lsn next) {
    const Stamp stamp = examine(bytes, at);
    if (stamp.size == 0) {
      ++wrong_bytes;
      at = bytes.size();
      return next;
    }
    if (stamp.lsn != next) ++wrong_lsns;
    at += stamp.size;
    return stamp.lsn + stamp.records;
  }

  const Shape shape_;
  Ring<> ring_;
  EventCount<> rest_;
};

}  // namespace

TEST_CASE("producers and a consumer that sleeps: every byte arrives, LSNs without gap or inversion") {
  const Shape shape = GENERATE(Shape{64, 1, 4, 64},           // one frame at a time
                               Shape{1000, 1000, 4, 200},     // bytes are the limit
                               Shape{100'000, 3, 4, 200},     // frames are the limit
                               Shape{777, 20, 6, 777},        // frames as large as the ring
                               Shape{500, 20, 4, 1500},       // some larger than the ring
                               Shape{1, 20, 3, 100},          // all larger than the ring
                               Shape{32u << 20, 4, 4, 300});  // frames counted apart
  Stress stress(shape);
  stress.run(volume(8000));
  CHECK(stress.wrong_bytes == 0);
  CHECK(stress.wrong_lsns == 0);
}
