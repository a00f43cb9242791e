// SPDX-License-Identifier: MIT
//
// A frame larger than the ring: it goes in alone.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <queue/stamped_ring.hpp>
#include <rewal/queue/ring.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>
#include <vector>

using rewal::detail::Claim;
using rewal::detail::LargeRest;
using rewal::detail::Refusal;
using rewal::detail::Ring;
using namespace rewal_test;

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
