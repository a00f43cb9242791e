// SPDX-License-Identifier: MIT
//
// What the threads of a RingPlay do, and the queues that they do it on. The capacity is two frames of 34 bytes in 128
// bytes of memory, unless said otherwise.

#ifndef REWAL_TESTS_INTERLEAVINGS_RING_BODIES_HPP
#define REWAL_TESTS_INTERLEAVINGS_RING_BODIES_HPP

#include <cstdint>
#include <functional>
#include <memory>
#include <rewal/lsn.hpp>

#include "ring_play.hpp"
#include "scheduler.hpp"

namespace rewal_model::ring_bodies {

using P = RingPlay;
using Refusal = P::Refusal;
using Body = P::Body;

/// `used`: frames that went through before; 3 of them, and the next frame goes over the end of the memory.
inline std::function<std::unique_ptr<P>()> ring(unsigned used, unsigned in_flight = 0, std::uint64_t bytes = 68,
                                                std::uint64_t frames = 8) {
  return [=] { return std::make_unique<P>(bytes, frames, used, in_flight); };
}
inline std::function<std::unique_ptr<P>()> sleeping(unsigned used, unsigned in_flight = 0) {
  return [=] {
    auto play = std::make_unique<P>(68, 8, used, in_flight);
    play->consumer_may_sleep_when_empty = true;
    return play;
  };
}

inline Body produces(unsigned n, std::uint32_t records = 1) {
  return [=](P& p) {
    for (unsigned i = 0; i < n; ++i) p.produce(P::frame_bytes, records);
  };
}
inline Body produces_directly(unsigned n) {
  return [=](P& p) {
    for (unsigned i = 0; i < n; ++i) p.produce_directly();
  };
}
inline Body consumes(unsigned n, std::uint64_t most = UINT64_MAX) {
  return [=](P& p) {
    for (unsigned i = 0; i < n; ++i) p.consume(most);
  };
}
inline void must(P& p, std::uint32_t records = 1) {
  check(p.produce(P::frame_bytes, records) == Refusal::none, "refused although there is room");
}
inline Body blocks(unsigned n) {
  return [=](P& p) {
    for (unsigned i = 0; i < n; ++i) p.produce_blocking();
  };
}
inline Body consumes_and_tells(unsigned n, std::uint64_t most = UINT64_MAX) {
  return [=](P& p) {
    for (unsigned i = 0; i < n; ++i) p.consume(most, true);
  };
}
inline Body consumes_and_sleeps(unsigned n) {
  return [=](P& p) {
    for (unsigned i = 0; i < n; ++i) {
      p.consume();
      p.sleep_if_empty();
    }
  };
}

/// Sees that what this thread appended counts as assigned, and that observers stay within bounds.
inline void produces_and_asks(P& p) {
  if (p.produce() != Refusal::none) return;
  const rewal::Lsn last = p.ring.last_assigned_lsn();
  check(last >= 1 && last <= 8, "last_assigned_lsn is out of bounds");
  p.own_is_assigned(last);
}
inline void observes(P& p) {
  rewal::Lsn last = 0;
  for (int i = 0; i < 2; ++i) {
    const rewal::Lsn now = p.ring.last_assigned_lsn();
    check(now >= last && now <= 8, "last_assigned_lsn goes back or too far");
    last = now;
  }
  check(p.ring.frames_in_flight() <= 2, "more frames in flight than there is room for");
}
inline void seals_and_drains(P& p) {
  p.ring.seal();
  check(p.produce() == Refusal::sealed, "a claim succeeds after the seal");
  check(!p.ring.fall_asleep(), "the consumer falls asleep on a sealed queue");
  p.consume();
  p.consume();
  if (p.ring.empty()) p.nothing_more();
}
inline void holds(P& p) {
  if (p.ring.try_hold() != Refusal::none) return;
  p.consecutive([&] {
    p.produce_held();
    p.produce_held();
  });
  p.ring.release_hold();
}
inline void large(P& p) { p.produce_large(200); }
inline void holds_for_large(P& p) {
  if (p.ring.try_hold() != Refusal::none) return;
  if (p.produce_large(200, true) != Refusal::none) p.ring.release_hold();
}
inline void consumes_with_write_lock(P& p) {
  for (int i = 0; i < 2; ++i) {
    if (!p.write_lock.try_acquire()) continue;
    p.consume();
    p.write_lock.release();
  }
}

}  // namespace rewal_model::ring_bodies

#endif  // REWAL_TESTS_INTERLEAVINGS_RING_BODIES_HPP
