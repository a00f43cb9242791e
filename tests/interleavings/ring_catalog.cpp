// SPDX-License-Identifier: MIT
//
// What is played on the queue.

#include "catalog.hpp"
#include "ring_bodies.hpp"

namespace rewal_model {
namespace {

using namespace ring_bodies;

std::vector<Entry> make_catalog() {
  const auto play = [](std::vector<Body> bodies, std::function<std::unique_ptr<P>()> make) {
    return P::of(std::move(bodies), std::move(make));
  };
  const Body rejoins = [](P& p) {
    p.consume(P::frame_bytes);
    must(p);
  };
  const Body must_once = [](P& p) { must(p); };
  std::vector<Entry> all;
  // Places, LSNs, the edges R1 to R5.
  all.push_back({"producer, consumer", play({produces(3), consumes(3)}, ring(3)), 3, 1});
  all.push_back({"two producers, consumer", play({produces(1), produces(1), consumes(2)}, ring(3))});
  all.push_back({"two frames, one frame, consumer", play({produces(2), produces(1), consumes(2)}, ring(3)), 1, 0});
  all.push_back({"two frames each", play({produces(2), produces(2)}, ring(2)), 1000, 1});
  all.push_back({"two frames each, consumer", play({produces(2), produces(2), consumes(2)}, ring(2)), 0, 0, 0, true});
  all.push_back({"three producers", play({produces(1), produces(1, 3), produces(1)}, ring(2))});
  all.push_back({"three producers, consumer (four threads)",
                 play({produces(1), produces(1, 2), produces(1), consumes(2)}, ring(3)), 0, 0, 0, true});
  all.push_back({"batches", play({produces(1, 3), produces(1, 2), consumes(2, 34)}, ring(3))});
  // The same, directly.
  all.push_back({"directly, consumer", play({produces_directly(3), consumes(3)}, ring(3)), 3, 1});
  all.push_back({"directly, two producers, consumer",
                 play({produces_directly(1), produces_directly(1), consumes(2)}, ring(3)), 1000, 1});
  all.push_back({"directly, batches", play({produces_directly(2), produces(1, 3)}, ring(2)), 1000, 1});
  all.push_back(
      {"directly, batches, consumer", play({produces_directly(1), produces(1, 2), consumes(2)}, ring(3)), 1000, 1});
  all.push_back({"directly, full", play({produces_directly(1), produces_directly(1), consumes(1)}, ring(2, 1))});
  all.push_back({"directly, held", play({holds, produces_directly(2)}, ring(3)), 1000, 0});
  all.push_back({"directly, sealed and drained", play({produces_directly(1), seals_and_drains}, ring(3))});
  all.push_back({"directly, asleep", play({produces_directly(1), consumes_and_sleeps(2)}, sleeping(3))});
  all.push_back({"directly, asleep, two producers",
                 play({produces_directly(1), produces_directly(1), consumes_and_sleeps(2)}, sleeping(3)), 0, 0, 0});
  all.push_back({"directly, large, consumer", play({large, produces_directly(1), consumes(2)}, ring(3)), 1, 0});
  // Room.
  all.push_back({"full", play({produces(1), produces(1), consumes(1)}, ring(2, 1))});
  all.push_back({"full of frames", play({produces(2), produces(1), consumes(1)}, ring(0, 1, 340, 2)), 1000, 0});
  all.push_back({"the freed place", play({produces(2), consumes(2, 34)}, ring(1, 2))});
  all.push_back({"a refusal is true", play({rejoins, must_once}, ring(3, 1))});
  all.push_back({"a refusal is true, stale head", play({rejoins, must_once, must_once}, ring(3, 1, 102)), 2, 0});
  // Observers.
  all.push_back({"own LSN is assigned", play({produces_and_asks, produces_and_asks, consumes(1)}, ring(3)), 2, 0});
  all.push_back({"observer", play({produces(2), observes, consumes(2)}, ring(3)), 2, 0});
  all.push_back({"own frame is in flight", play({[](P& p) {
                                                   must(p);
                                                   check(!p.ring.empty(), "empty with a frame in flight");
                                                 },
                                                 produces(1)},
                                                ring(3))});
  // The consumer's sleep.
  all.push_back({"asleep", play({produces(1), consumes_and_sleeps(2)}, sleeping(3))});
  all.push_back({"asleep, two frames", play({produces(2), consumes_and_sleeps(2)}, sleeping(3)), 2, 0});
  all.push_back(
      {"asleep, two producers", play({produces(1), produces(1), consumes_and_sleeps(2)}, sleeping(3)), 0, 0, 0});
  all.push_back({"asleep, something in flight", play({produces(1), consumes_and_sleeps(2)}, sleeping(1, 1)), 1000, 0});
  const Body sleeps_between_polls = [](P& p) {
    p.ring.sleep_between_polls();
    p.sleep_begun.add();
    p.sleep_until_woken();
  };
  const Body produces_into_sleep = [](P& p) {
    p.sleep_begun.await(1);
    p.produce();
  };
  all.push_back(
      {"asleep between polls", play({produces_into_sleep, produces_into_sleep, sleeps_between_polls}, ring(3)), 2, 0});
  const Body produces_directly_into_sleep = [](P& p) {
    p.sleep_begun.await(1);
    p.produce_directly();
  };
  all.push_back({"directly, asleep between polls",
                 play({produces_directly_into_sleep, produces_directly_into_sleep, sleeps_between_polls}, ring(3)), 2,
                 0});
  all.push_back({"asleep until a poll", play({produces(2),
                                              [](P& p) {
                                                p.sleep_between_polls(5'000'000);
                                                p.consume();
                                              }},
                                             sleeping(3))});
  all.push_back({"told to wake up",
                 play({[](P& p) {
                         if (p.ring.end_sleep()) p.work.notify_all();
                       },
                       consumes_and_sleeps(1),
                       [](P& p) {
                         p.produce(P::frame_bytes, 1, P::Wake::nobody);
                         if (p.ring.end_sleep()) p.work.notify_all();
                       }},
                      [] {
                        auto made = std::make_unique<P>(68, 8, 3);
                        made->consumer_may_sleep_when_empty = true;
                        return made;
                      }),
                 2, 0});
  // Those who wait for room.
  all.push_back({"blocked", play({blocks(1), consumes_and_tells(2, 34)}, ring(0, 2)), 2, 0});
  all.push_back(
      {"blocked, two producers", play({blocks(1), blocks(1), consumes_and_tells(2, 34)}, ring(0, 2)), 0, 0, 0, true});
  all.push_back({"blocked, until sealed", play({blocks(1),
                                                [](P& p) {
                                                  p.ring.seal();
                                                  p.room.notify_all();
                                                }},
                                               ring(0, 2))});
  // The seal.
  all.push_back({"sealed", play({produces(1), produces(1), [](P& p) { p.ring.seal(); }}, ring(3)), 1000, 0});
  all.push_back({"sealed and drained", play({produces(1), seals_and_drains}, ring(3))});
  all.push_back(
      {"sealed and drained, two producers", play({produces(1), produces(1), seals_and_drains}, ring(3)), 1, 0});
  // Holds and large frames.
  all.push_back({"held", play({holds, produces(2)}, ring(3)), 1000, 0});
  all.push_back({"held twice", play({holds, holds, produces(1)}, ring(3)), 0, 0, 0});
  all.push_back({"large, consumer", play({large, consumes(2)}, ring(3)), 3});
  all.push_back({"large, small, consumer", play({large, produces(1), consumes(2)}, ring(3)), 1, 0});
  all.push_back({"two large, consumer", play({large, large, consumes(2)}, ring(3)), 1, 0});
  all.push_back({"held for large, small, consumer", play({holds_for_large, produces(1), consumes(2)}, ring(3)), 1, 0});
  all.push_back({"large after large",
                 play({[](P& p) {
                         large(p);
                         large(p);
                       },
                       consumes(3)},
                      ring(3)),
                 3});
  all.push_back({"large, asleep", play({large, consumes_and_sleeps(2)}, sleeping(3)), 3});
  // Writes that end inside a frame.
  const auto cuts_at = [](std::uint64_t buffer) -> Body {
    return [buffer](P& p) {
      for (int i = 0; i < 3; ++i) p.consume_cut(buffer);
    };
  };
  const Body cuts = cuts_at(P::frame_bytes + 2);
  all.push_back({"cut inside a frame", play({produces(3), cuts}, ring(3, 0, 102)), 2});
  all.push_back({"cut inside a frame, two producers", play({produces(1), produces(2), cuts}, ring(3, 0, 102)), 1, 0});
  all.push_back({"not cut, since all fits", play({produces(1), produces(2), cuts_at(104)}, ring(3, 0, 136)), 1, 0});
  all.push_back({"cut inside a frame, in flight before", play({produces(2), cuts}, ring(3, 2, 136)), 2});
  // Two consumers, one after the other.
  all.push_back({"the write lock changes hands",
                 play({produces(2), consumes_with_write_lock, consumes_with_write_lock}, ring(3)), 1, 0});
  // Frames counted apart, as in queues of many MiB.
  all.push_back({"counted apart", play({produces(1), produces(1), consumes(1)}, ring(3, 0, 4u << 20, 16384)), 1, 0});
  all.push_back({"counted apart, full",
                 play({produces(1), produces(1), consumes(1, 34)}, ring(1, 16383, 4u << 20, 16384)), 0, 0, 0, true});
  return all;
}

}  // namespace

const std::vector<Entry>& ring_catalog() {
  static const std::vector<Entry> all = make_catalog();
  return all;
}

}  // namespace rewal_model
