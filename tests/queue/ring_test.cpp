// SPDX-License-Identifier: MIT
//
// The ring of bytes: claims, wrap-around, refusals, frames counted apart, and the last LSN.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <limits>
#include <queue/stamped_ring.hpp>
#include <rewal/platform.hpp>
#include <rewal/queue/ring.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>
#include <vector>

using rewal::detail::Claim;
using rewal::detail::ClaimLayout;
using rewal::detail::Refusal;
using rewal::detail::Wake;
using namespace rewal_test;

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
