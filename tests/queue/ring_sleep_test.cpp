// SPDX-License-Identifier: MIT
//
// Who holds or seals the ring, who sleeps over it, and who owes the wake-up.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <queue/stamped_ring.hpp>
#include <rewal/queue/ring.hpp>
#include <rewal/sync/event_count.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>
#include <vector>

using rewal::detail::Claim;
using rewal::detail::Refusal;
using rewal::detail::Ring;
using rewal::detail::Wake;
using namespace rewal_test;

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
  CHECK(queue.ring.is_sleeping());
  const Claim waking = queue.ring.try_claim(34, 1, Wake::writer);
  CHECK(waking.owes_wake_up);
  CHECK_FALSE(queue.ring.is_sleeping());
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
      plain.sleep_between_polls();
      direct.sleep_between_polls();
    } else if (what == 14) {
      REQUIRE(plain.fall_asleep() == direct.fall_asleep());
    } else {
      REQUIRE(plain.end_sleep() == direct.end_sleep());
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
  CHECK(queue.ring.is_sleeping());
  CHECK(queue.ring.try_claim(34, 1, Wake::writer).owes_wake_up);
}

TEST_CASE("a sleep between polls is ended by the claim that half fills the ring") {
  Queue queue(400, 100);
  queue.append(34);
  queue.ring.sleep_between_polls();
  CHECK_FALSE(queue.ring.try_claim(100, 1, Wake::writer).owes_wake_up);
  CHECK(queue.ring.try_claim(100, 1, Wake::writer).owes_wake_up);
  CHECK_FALSE(queue.ring.try_claim(100, 1, Wake::writer).owes_wake_up);
}

TEST_CASE("a large frame wakes the writer from either sleep") {
  Queue sleeper(100);
  CHECK(sleeper.ring.fall_asleep());
  CHECK(sleeper.ring.try_claim_large(500, 1, false).owes_wake_up);
  Queue between_polls(100);
  between_polls.ring.sleep_between_polls();
  CHECK(between_polls.ring.try_claim_large(500, 1, false).owes_wake_up);
}

TEST_CASE("ending a sleep is told to the one who ended it") {
  Queue queue(1000);
  CHECK_FALSE(queue.ring.end_sleep());
  CHECK(queue.ring.fall_asleep());
  CHECK(queue.ring.end_sleep());
  CHECK_FALSE(queue.ring.end_sleep());
  queue.ring.sleep_between_polls();
  CHECK(queue.ring.end_sleep());
}

TEST_CASE("nobody falls asleep over a sealed or a held ring") {
  Queue sealed(1000);
  sealed.ring.seal();
  CHECK_FALSE(sealed.ring.fall_asleep());
  Queue held(1000);
  CHECK(held.ring.try_hold() == Refusal::none);
  CHECK_FALSE(held.ring.fall_asleep());
}
