// SPDX-License-Identifier: MIT
//
// The ring of bytes: claims, wrap-around, refusals, large frames, holds, seals, sleep, and a stress of all of them.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <cstring>
#include <limits>
#include <rewal/platform.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/sync/event_count.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>
#include <utility>
#include <vector>

using rewal::detail::Claim;
using rewal::detail::ClaimLayout;
using rewal::detail::EventCount;
using rewal::detail::LargeRest;
using rewal::detail::Refusal;
using rewal::detail::Ring;
using rewal::detail::RingSpan;
using rewal::detail::Wake;
using namespace rewal_test;

namespace {

/// What stands in a frame: size, records and LSN, and after them bytes that follow from the LSN.
struct Stamp {
  std::uint32_t size;
  std::uint32_t records;
  Lsn lsn;
};

void fill(const RingSpan<std::byte>& room, const Stamp& stamp) {
  std::byte header[sizeof stamp];
  std::memcpy(header, &stamp, sizeof stamp);
  for (std::size_t i = 0; i < room.size(); ++i) {
    room[i] = i < sizeof header ? header[i] : static_cast<std::byte>(stamp.lsn + i);
  }
}

/// The stamp of the frame at `at`; one of size 0 where the frame's bytes are not what its producer wrote.
Stamp examine(const RingSpan<std::byte>& bytes, std::size_t at) {
  Stamp stamp{};
  std::byte header[sizeof stamp];
  bytes.copy_to(at, header);
  std::memcpy(&stamp, header, sizeof stamp);
  if (stamp.size > bytes.size() - at) return {};
  for (std::size_t i = sizeof header; i < stamp.size; ++i) {
    if (bytes[at + i] != static_cast<std::byte>(stamp.lsn + i)) return {};
  }
  return stamp;
}

/// A ring with the words that a test speaks.
class Queue {
 public:
  explicit Queue(std::uint64_t bytes, std::uint64_t frames = 1000, Lsn first = 1) : ring(bytes, frames, first) {}

  Refusal claim(std::uint32_t size, std::uint32_t records = 1) {
    const Claim claim = ring.try_claim(size, records, Wake::writer);
    if (claim) pending_.push_back({claim, records});
    return claim.refusal;
  }
  /// Publishes the k-th of the claims not yet published.
  void publish(std::size_t k = 0) {
    const auto [claim, records] = pending_[k];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(k));
    fill(ring.room(claim), {claim.size, records, claim.first_lsn});
    ring.publish(claim);
  }
  bool append(std::uint32_t size, std::uint32_t records = 1) {
    if (claim(size, records) != Refusal::none) return false;
    publish(pending_.size() - 1);
    return true;
  }
  /// Takes what is published, at most `most` bytes; the LSNs of the frames, 0 for one with wrong bytes.
  std::vector<Lsn> take(std::uint64_t most = UINT64_MAX) {
    std::vector<Lsn> lsns;
    const auto run = ring.gather(most);
    Lsn next = ring.next_unconsumed_lsn();
    for (std::size_t at = 0; at < run.bytes.size();) {
      const Stamp stamp = examine(run.bytes, at);
      lsns.push_back(stamp.lsn);
      if (stamp.size == 0) break;
      at += stamp.size;
      next = stamp.lsn + stamp.records;
    }
    if (run.frames != 0) ring.consume(run, next);
    return lsns;
  }

  Ring<> ring;

 private:
  std::vector<std::pair<Claim, std::uint32_t>> pending_;
};

}  // namespace

// ---- claims whose check is out of date ----------------------------------------------------------------------------

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

// ---- claims -------------------------------------------------------------------------------------------------------

TEST_CASE("a claim takes its place and its LSNs together") {
  Queue queue(1000, 10, 5);
  const Claim first = queue.ring.try_claim(40, 3, Wake::writer);
  const Claim second = queue.ring.try_claim(50, 1, Wake::writer);
  CHECK(first.first_lsn == 5);
  CHECK(second.first_lsn == 8);
  CHECK(second.offset == first.offset + 40);
  CHECK(queue.ring.last_assigned_lsn() == 8);
  CHECK(queue.ring.bytes_in_flight() == 90);
  CHECK(queue.ring.frames_in_flight() == 2);
}

TEST_CASE("an empty ring knows that it is empty, and which LSN comes next") {
  Queue queue(1000, 10, 77);
  CHECK(queue.ring.empty());
  CHECK(queue.ring.next_unconsumed_lsn() == 77);
  CHECK(queue.ring.last_assigned_lsn() == 76);
  CHECK(queue.take().empty());
}

TEST_CASE("frames come out in the order of their claims, whatever the order of publishing") {
  Queue queue(1000);
  for (int i = 0; i < 4; ++i) queue.claim(40);
  queue.publish(3);
  queue.publish(1);
  CHECK(queue.take().empty());
  queue.publish(0);
  CHECK(queue.take() == std::vector<Lsn>{1, 2});
  queue.publish(0);
  CHECK(queue.take() == std::vector<Lsn>{3, 4});
}

TEST_CASE("a frame that is claimed and not published holds back what comes after it") {
  Queue queue(1000);
  queue.append(40);
  queue.claim(40);
  queue.append(40);
  CHECK(queue.take() == std::vector<Lsn>{1});
  CHECK_FALSE(queue.ring.empty());
  queue.publish();
  CHECK(queue.take() == std::vector<Lsn>{2, 3});
}

TEST_CASE("exactly as many bytes are claimed as the ring has, for any capacity and size") {
  const std::uint32_t capacity = GENERATE(34u, 63u, 64u, 65u, 97u, 1000u, 1111u, 4096u, 65'537u);
  const std::uint32_t size = GENERATE(34u, 35u, 48u, 97u);
  if (size > capacity) return;
  Queue queue(capacity, 100'000);
  std::uint32_t accepted = 0;
  while (queue.append(size)) ++accepted;
  CHECK(accepted == capacity / size);
  CHECK(queue.claim(size) == Refusal::full);
}

TEST_CASE("exactly as many frames are claimed as are allowed") {
  const std::uint32_t frames = GENERATE(1u, 2u, 3u, 100u);
  Queue queue(100'000, frames);
  std::uint32_t accepted = 0;
  while (queue.append(34)) ++accepted;
  CHECK(accepted == frames);
  CHECK(queue.ring.frames_in_flight() == frames);
}

TEST_CASE("a refused claim takes neither place nor LSN") {
  Queue queue(100, 1000);
  CHECK(queue.append(60));
  for (int i = 0; i < 5; ++i) CHECK(queue.claim(41) == Refusal::full);
  CHECK(queue.ring.last_assigned_lsn() == 1);
  CHECK(queue.ring.bytes_in_flight() == 60);
  CHECK(queue.append(40));
  CHECK(queue.take() == std::vector<Lsn>{1, 2});
}

#if REWAL_LINUX
TEST_CASE("memory is given back only while nothing is in flight") {
  constexpr std::uint64_t capacity = 2 * 1024 * 1024;
  Queue queue(capacity, 100'000);
  CHECK(!queue.ring.shed_memory());  // unused
  for (std::uint64_t bytes = 0; bytes < capacity / 2; bytes += 1000) REQUIRE(queue.append(1000));
  REQUIRE(!queue.take().empty());
  REQUIRE(queue.append(1000));
  const auto front = queue.ring.front(1000);
  const std::byte content = front[0];
  REQUIRE(content != std::byte{0});
  queue.ring.shed_memory();
  CHECK(front[0] == content);
  REQUIRE(queue.take().size() == 1);
  CHECK(front[0] == content);
  CHECK(queue.ring.shed_memory());
  CHECK(front[0] == std::byte{0});
  CHECK(!queue.ring.shed_memory());  // unused since
  CHECK(queue.append(1000));         // not held any more
  CHECK(queue.take().size() == 1);
}

TEST_CASE("memory is not given back while somebody holds the queue, nor after the seal") {
  Queue queue(2 * 1024 * 1024, 100'000);
  for (int i = 0; i < 1000; ++i) REQUIRE(queue.append(1000));
  REQUIRE(queue.take().size() == 1000);
  REQUIRE(queue.ring.try_hold() == Refusal::none);
  CHECK(!queue.ring.shed_memory());
  CHECK(queue.ring.is_held());
  queue.ring.release_hold();
  queue.ring.seal();
  CHECK(!queue.ring.shed_memory());
}
#endif

TEST_CASE("place comes back when frames are consumed, and is filled again lap after lap") {
  const std::uint32_t capacity = GENERATE(34u, 64u, 67u, 100u, 333u, 1000u, 4097u);
  Queue queue(capacity, 1000);
  Lsn expected = 1;
  std::uint32_t size = 34;
  for (int round = 0; round < 500; ++round) {
    std::vector<Lsn> all;
    for (std::uint32_t bytes = 0; bytes + size <= capacity; bytes += size) {
      REQUIRE(queue.append(size, 1 + size % 3));
      all.push_back(expected);
      expected += 1 + size % 3;
    }
    REQUIRE(queue.claim(size) == Refusal::full);
    REQUIRE(queue.take() == all);
    REQUIRE(queue.ring.empty());
    size = 34 + (size * 7 + 5) % (capacity - 33);
  }
}

TEST_CASE("a run holds at most the bytes asked for, a larger single frame excepted") {
  Queue queue(10'000);
  for (const std::uint32_t size : {40u, 40u, 40u, 500u, 40u}) queue.append(size);
  CHECK(queue.take(100) == std::vector<Lsn>{1, 2});
  CHECK(queue.take(100) == std::vector<Lsn>{3});
  CHECK(queue.take(100) == std::vector<Lsn>{4});
  CHECK(queue.take(100) == std::vector<Lsn>{5});
}

TEST_CASE("a run knows its frames and where the last one begins") {
  Queue queue(10'000);
  for (const std::uint32_t size : {40u, 50u, 60u}) queue.append(size);
  const auto run = queue.ring.gather(10'000);
  CHECK(run.frames == 3);
  CHECK(run.bytes.size() == 150);
  CHECK(run.last_frame_at == 90);
}

TEST_CASE("a run over the ring's end comes in two pieces that are one sequence of bytes") {
  Queue queue(128);
  queue.append(100);
  queue.take();
  queue.append(60);
  const auto run = queue.ring.gather(1000);
  CHECK(run.bytes.first.size() == 28);
  CHECK(run.bytes.second.size() == 32);
  CHECK(examine(run.bytes, 0).lsn == 2);
}

TEST_CASE("half empty is at most half of the bytes and half of the frames") {
  Queue queue(400, 4);
  queue.append(100);
  queue.append(100);
  CHECK(queue.ring.half_empty());
  queue.append(40);
  CHECK_FALSE(queue.ring.half_empty());
  Queue few(10'000, 4);
  for (int i = 0; i < 3; ++i) few.append(34);
  CHECK_FALSE(few.ring.half_empty());
}

// ---- frames counted apart -----------------------------------------------------------------------------------------

TEST_CASE("where the word has no room for the count, frames are counted apart, just as exactly") {
  constexpr std::uint64_t bytes = 32u << 20;
  static_assert(!ClaimLayout(bytes / 2, 4096, 6).counts_frames());
  Queue queue(bytes, 4096);
  for (int round = 0; round < 5; ++round) {
    std::uint32_t accepted = 0;
    while (queue.append(34)) ++accepted;
    REQUIRE(accepted == 4096);
    for (int i = 0; i < 10; ++i) REQUIRE(queue.claim(34) == Refusal::full);
    REQUIRE(queue.ring.frames_in_flight() == 4096);
    REQUIRE(queue.take(34 * 1000).size() == 1000);
    REQUIRE(queue.ring.frames_in_flight() == 3096);
    REQUIRE(queue.append(34));
    REQUIRE(queue.take().size() == 3097);
    REQUIRE(queue.ring.empty());
    REQUIRE(queue.ring.frames_in_flight() == 0);
  }
}

TEST_CASE("frames counted apart: a claim refused for its bytes gives its count back") {
  Queue queue(32u << 20, 4096);
  CHECK(queue.append(20u << 20));
  for (int i = 0; i < 10'000; ++i) REQUIRE(queue.claim(20u << 20) == Refusal::full);
  CHECK(queue.ring.frames_in_flight() == 1);
  CHECK(queue.append(34));
  CHECK(queue.take().size() == 2);
}

TEST_CASE("frames counted apart: a queue that is held or sealed says so") {
  Queue queue(32u << 20, 4096);
  REQUIRE(queue.ring.try_hold() == Refusal::none);
  CHECK(queue.claim(34) == Refusal::held);
  // The holder claims, and a refused claim of his gives its count back too.
  CHECK(queue.ring.try_claim_held(20u << 20, 1));
  for (int i = 0; i < 5000; ++i) REQUIRE(queue.ring.try_claim_held(20u << 20, 1).refusal == Refusal::full);
  for (int i = 1; i < 4096; ++i) REQUIRE(queue.ring.try_claim_held(34, 1));
  CHECK_FALSE(queue.ring.try_claim_held(34, 1));
  CHECK(queue.ring.frames_in_flight() == 4096);
  queue.ring.release_hold();
  CHECK(queue.claim(34) == Refusal::full);
  queue.ring.seal();
  CHECK(queue.claim(34) == Refusal::sealed);
  CHECK(queue.ring.try_claim_held(34, 1).refusal == Refusal::sealed);
}

// ---- LSNs ---------------------------------------------------------------------------------------------------------

TEST_CASE("no claim passes the last LSN, and refused ones take nothing") {
  constexpr Lsn last = std::numeric_limits<Lsn>::max() - 1;
  Queue queue(10'000, 1000, last - 9);
  CHECK(queue.append(100, 8));
  CHECK(queue.claim(100, 3) == Refusal::lsns_exhausted);
  CHECK(queue.claim(100, std::numeric_limits<std::uint32_t>::max()) == Refusal::lsns_exhausted);
  CHECK(queue.append(100, 2));
  CHECK(queue.claim(34) == Refusal::lsns_exhausted);
  CHECK(queue.take() == std::vector<Lsn>{last - 9, last - 1});
  CHECK(queue.claim(34) == Refusal::lsns_exhausted);
  CHECK(queue.ring.last_assigned_lsn() == last);
}

// ---- a frame larger than the ring ---------------------------------------------------------------------------------

namespace {

bool append_large(Ring<>& ring, std::uint32_t size, std::uint32_t records, bool already_held = false) {
  const Claim claim = ring.try_claim_large(size, records, already_held);
  if (!claim) return false;
  const auto room = ring.large_room(claim, LargeRest(new std::byte[ring.large_rest_bytes(size)]));
  fill(room, {size, records, claim.first_lsn});
  ring.publish_large(size);
  return true;
}

Lsn take_large(Ring<>& ring) {
  const auto bytes = ring.gather_large();
  if (bytes.size() == 0 || ring.large_published() != bytes.size()) return 0;
  const Stamp stamp = examine(bytes, 0);
  ring.consume_large(stamp.lsn + stamp.records);
  return stamp.lsn;
}

}  // namespace

TEST_CASE("a large frame goes in alone, takes its LSNs, and lets nobody else in until it is consumed") {
  Queue queue(1000, 10);
  queue.append(100);
  CHECK_FALSE(append_large(queue.ring, 5000, 7));
  queue.take();
  CHECK(append_large(queue.ring, 5000, 7));
  CHECK(queue.ring.last_assigned_lsn() == 8);
  CHECK(queue.ring.frames_in_flight() == 1);
  CHECK_FALSE(queue.ring.empty());
  CHECK(queue.claim(34) == Refusal::held);
  CHECK_FALSE(append_large(queue.ring, 5000, 1));
  CHECK(take_large(queue.ring) == 2);
  CHECK(queue.ring.empty());
  CHECK(queue.append(34));
  CHECK(queue.take() == std::vector<Lsn>{9});
}

TEST_CASE("large frames and small ones take turns for many laps") {
  const std::uint64_t capacity = GENERATE(1u, 64u, 1000u);
  Queue queue(capacity, 10);
  Lsn expected = 1;
  for (std::uint32_t round = 0; round < 300; ++round) {
    REQUIRE(append_large(queue.ring, static_cast<std::uint32_t>(capacity) + 34 + round, 2));
    REQUIRE(take_large(queue.ring) == expected);
    expected += 2;
    if (capacity >= 34) {
      REQUIRE(queue.append(34));
      REQUIRE(queue.take() == std::vector<Lsn>{expected++});
    }
    REQUIRE(queue.ring.next_unconsumed_lsn() == expected);
  }
}

TEST_CASE("a large frame in a ring whose frames are counted apart") {
  Queue queue(32u << 20, 4096);
  REQUIRE(append_large(queue.ring, 33u << 20, 1));
  CHECK(queue.ring.frames_in_flight() == 1);
  CHECK(take_large(queue.ring) == 1);
  CHECK(queue.ring.frames_in_flight() == 0);
  CHECK(queue.append(34));
}

// ---- holds and seals ----------------------------------------------------------------------------------------------

TEST_CASE("while one holds the ring nobody else claims or holds, the holder does") {
  Queue queue(1000);
  CHECK(queue.ring.try_hold() == Refusal::none);
  CHECK(queue.ring.try_hold() == Refusal::held);
  CHECK(queue.claim(34) == Refusal::held);
  const Claim own = queue.ring.try_claim_held(900, 1);
  REQUIRE(own);
  fill(queue.ring.room(own), {900, 1, own.first_lsn});
  queue.ring.publish(own);
  CHECK(queue.claim(34) == Refusal::held);
  queue.ring.release_hold();
  CHECK(queue.append(34));
  CHECK(queue.take() == std::vector<Lsn>{1, 2});
}

TEST_CASE("a holder waits for room like anyone") {
  Queue queue(1000);
  queue.append(500);
  CHECK(queue.ring.try_hold() == Refusal::none);
  CHECK(queue.ring.try_claim_held(900, 1).refusal != Refusal::none);
  queue.take();
  CHECK(queue.ring.try_claim_held(900, 1));
}

TEST_CASE("a sealed ring refuses every claim and hold, and gives out what was claimed before") {
  Queue queue(1000);
  queue.append(34);
  queue.claim(34);
  queue.ring.seal();
  CHECK(queue.claim(34) == Refusal::sealed);
  CHECK(queue.ring.try_hold() == Refusal::sealed);
  CHECK(queue.ring.try_claim_held(34, 1).refusal == Refusal::sealed);
  queue.publish();
  CHECK(queue.take() == std::vector<Lsn>{1, 2});
  CHECK(queue.ring.try_claim_large(5000, 1, false).refusal == Refusal::sealed);
  CHECK(queue.claim(34) == Refusal::sealed);
}

// ---- sleep --------------------------------------------------------------------------------------------------------

TEST_CASE("the consumer falls asleep from an empty ring alone, and the next claim owes the wake-up, once") {
  Queue queue(1000);
  queue.claim(34);
  CHECK_FALSE(queue.ring.fall_asleep());
  queue.publish();
  CHECK_FALSE(queue.ring.fall_asleep());
  queue.take();
  CHECK(queue.ring.fall_asleep());
  CHECK(queue.ring.is_resting());
  const Claim waking = queue.ring.try_claim(34, 1, Wake::writer);
  CHECK(waking.owes_wake_up);
  CHECK_FALSE(queue.ring.is_resting());
  CHECK_FALSE(queue.ring.try_claim(34, 1, Wake::writer).owes_wake_up);
}

TEST_CASE("a direct claim is the claim that would have been, and is left where somebody is to be woken") {
  // The same happens to two queues, one of which is tried directly first.
  const std::uint64_t frames = GENERATE(4u, 1000u);
  Ring<> plain(400, frames, 1);
  Ring<> direct(400, frames, 1);
  std::uint64_t done_directly = 0;
  std::vector<Claim> in_flight;
  std::uint64_t random = 7;
  const auto below = [&](std::uint64_t most) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (random >> 33) % most;
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto what = below(16);
    if (what < 10) {
      const auto size = static_cast<std::uint32_t>(34 + below(60));
      const Claim expected = plain.try_claim(size, 1, Wake::writer);
      Claim claim;
      if (direct.try_claim_directly(claim, size)) {
        ++done_directly;
      } else {
        claim = direct.try_claim(size, 1, Wake::writer);
      }
      REQUIRE(claim.refusal == expected.refusal);
      REQUIRE(claim.owes_wake_up == expected.owes_wake_up);
      REQUIRE(claim.ended_sleep == expected.ended_sleep);
      if (!claim) continue;
      REQUIRE(claim.first_lsn == expected.first_lsn);
      REQUIRE(claim.offset == expected.offset);
      REQUIRE(claim.size == expected.size);
      REQUIRE(claim.end == expected.end);
      in_flight.push_back(claim);
    } else if (what < 13 && !in_flight.empty()) {
      for (Ring<>* ring : {&plain, &direct}) {
        ring->publish(in_flight.front());
        ring->consume(ring->gather(in_flight.front().size), in_flight.front().first_lsn + 1);
      }
      in_flight.erase(in_flight.begin());
    } else if (what == 13) {
      plain.take_a_nap();
      direct.take_a_nap();
    } else if (what == 14) {
      REQUIRE(plain.fall_asleep() == direct.fall_asleep());
    } else {
      REQUIRE(plain.end_rest() == direct.end_rest());
    }
  }
  CHECK(done_directly > 2000);
  Claim claim;
  REQUIRE(direct.try_hold() == Refusal::none);
  CHECK_FALSE(direct.try_claim_directly(claim, 34));
  direct.release_hold();
  direct.seal();
  CHECK_FALSE(direct.try_claim_directly(claim, 34));
}

TEST_CASE("a claimer who will write himself wakes nobody, and leaves the sleeper asleep for the next") {
  Queue queue(1000);
  CHECK(queue.ring.fall_asleep());
  CHECK_FALSE(queue.ring.try_claim(34, 1, Wake::nobody).owes_wake_up);
  CHECK(queue.ring.is_resting());
  CHECK(queue.ring.try_claim(34, 1, Wake::writer).owes_wake_up);
}

TEST_CASE("a nap is ended by the claim that half fills the ring") {
  Queue queue(400, 100);
  queue.append(34);
  queue.ring.take_a_nap();
  CHECK_FALSE(queue.ring.try_claim(100, 1, Wake::writer).owes_wake_up);
  CHECK(queue.ring.try_claim(100, 1, Wake::writer).owes_wake_up);
  CHECK_FALSE(queue.ring.try_claim(100, 1, Wake::writer).owes_wake_up);
}

TEST_CASE("a large frame wakes sleeper and napper") {
  Queue sleeper(100);
  CHECK(sleeper.ring.fall_asleep());
  CHECK(sleeper.ring.try_claim_large(500, 1, false).owes_wake_up);
  Queue napper(100);
  napper.ring.take_a_nap();
  CHECK(napper.ring.try_claim_large(500, 1, false).owes_wake_up);
}

TEST_CASE("ending a rest is told to the one who ended it") {
  Queue queue(1000);
  CHECK_FALSE(queue.ring.end_rest());
  CHECK(queue.ring.fall_asleep());
  CHECK(queue.ring.end_rest());
  CHECK_FALSE(queue.ring.end_rest());
  queue.ring.take_a_nap();
  CHECK(queue.ring.end_rest());
}

TEST_CASE("nobody falls asleep over a sealed or a held ring") {
  Queue sealed(1000);
  sealed.ring.seal();
  CHECK_FALSE(sealed.ring.fall_asleep());
  Queue held(1000);
  CHECK(held.ring.try_hold() == Refusal::none);
  CHECK_FALSE(held.ring.fall_asleep());
}

// ---- all together -------------------------------------------------------------------------------------------------

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
        taken += run.frames;
      } else if (const auto large = ring_.gather_large(); large.size() != 0) {
        while (ring_.large_published() != large.size()) std::this_thread::yield();
        std::size_t at = 0;
        next = check(large, at, next);
        ring_.consume_large(next);
        ++taken;
      } else if (ring_.fall_asleep()) {
        const auto key = rest_.prepare();
        if (ring_.is_resting()) {
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
