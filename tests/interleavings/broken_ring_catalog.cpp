// SPDX-License-Identifier: MIT
//
// What must not be done with the queue: each scenario breaks one rule of its use.

#include "catalog.hpp"
#include "ring_bodies.hpp"

namespace rewal_model {
namespace {

using namespace ring_bodies;

std::vector<Entry> make_catalog() {
  const Body publishes_first = [](P& p) {
    const P::Claim claim = p.ring.try_claim(P::frame_bytes, 1, P::Wake::writer);
    if (!claim) return;
    p.ring.publish(claim);
    p.fill_late(claim);
  };
  const Body gives_back_first = [](P& p) {
    const auto run = p.ring.gather(UINT64_MAX);
    if (run.frames == 0) return;
    p.ring.consume(run, p.ring.next_unconsumed_lsn() + run.frames);
    p.read_late(run.bytes);
  };
  const Body sleeps_blindly = [](P& p) {
    if (!p.ring.fall_asleep()) return;
    p.work.sleep(p.work.prepare());
    p.ring.end_sleep();
  };
  const Body claims_in_a_hold = [](P& p) {
    if (p.ring.try_hold() != Refusal::none) return;
    p.ring.release_hold();
    p.consecutive([&] {
      p.produce();
      p.produce();
    });
  };
  std::vector<Entry> all;
  all.push_back({"published before it is filled", P::of({publishes_first, consumes(1)}, ring(3))});
  all.push_back({"given back before it is read", P::of({produces(2), gives_back_first}, ring(1, 2))});
  all.push_back({"two consumers without a write lock", P::of({consumes(1), consumes(1)}, ring(1, 2))});
  all.push_back({"asleep without a second check", P::of({produces(1), sleeps_blindly}, sleeping(3))});
  all.push_back({"a wake-up owed and not given", P::of({produces(1), consumes_and_sleeps(1)}, [] {
                   auto made = std::make_unique<P>(68, 8, 3);
                   made->consumer_may_sleep_when_empty = true;
                   made->wakes_consumer = false;
                   return made;
                 })});
  all.push_back({"nobody told of room", P::of({blocks(1), consumes(2)}, ring(0, 2))});
  all.push_back({"a hold put down too early", P::of({claims_in_a_hold, produces(1)}, ring(3, 0, 136))});
  return all;
}

}  // namespace

const std::vector<Entry>& broken_ring_catalog() {
  static const std::vector<Entry> all = make_catalog();
  return all;
}

}  // namespace rewal_model
