// SPDX-License-Identifier: MIT
//
// How many events a second become durable, when one producer appends without waiting and is told by the hook
// `on_durable`? (P17) Timed from the first append until the last event is told, with SyncMode::batch and a queue that holds
// what is appended during an fsync: with the default one the producer would wait for room. The yardstick is the same
// producer with nothing durable, as P1 measures it. What the disk can take in a second bounds the one and not the other.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <rewal/wal.hpp>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::size_t queue_capacity = 64 * 1024;
constexpr std::size_t queue_bytes = 16 * 1024 * 1024;

/// What was told: written by whichever thread fsynced.
struct Told {
  std::atomic<rewal::Lsn> durable{0};
  std::atomic<std::uint64_t> times{0};
};

struct Acknowledging {
  std::shared_ptr<Told> told;
  void on_durable(rewal::Lsn lsn) const {
    told->durable.store(lsn, std::memory_order_release);
    told->durable.notify_all();
    told->times.fetch_add(1, std::memory_order_relaxed);
  }
};

/// Events a second.
double durable(std::uint64_t events, Notes& notes) {
  const auto told = std::make_shared<Told>();
  auto log = fresh_log("durable", [&](auto builder) {
    return std::move(builder)
        .sync_mode(rewal::SyncMode::batch)
        .queue_capacity(queue_capacity)
        .queue_bytes(queue_bytes)
        .hooks(Acknowledging{told});
  });
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < events; ++i) must(log->append(payload));
  for (rewal::Lsn seen = 0; seen < events; seen = told->durable.load(std::memory_order_acquire)) {
    told->durable.wait(seen, std::memory_order_acquire);
  }
  const double elapsed = nanoseconds_since(begin);
  must_be(log->durable_lsn() == events, "what was told is durable");
  log.must_hold(events);
  notes.add("events an fsync", static_cast<double>(events) / static_cast<double>(told->times));
  return static_cast<double>(events) / (elapsed / 1e9);
}

double written(std::uint64_t events) {
  auto log = fresh_log("written");
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < events; ++i) must(log->append(payload));
  must(log->flush());
  const double elapsed = nanoseconds_since(begin);
  log.must_hold(events);
  return static_cast<double>(events) / (elapsed / 1e9);
}

}  // namespace

void bench::questions() {
  const std::uint64_t events = setting().count(1'000'000);
  ask({.row = "P17",
       .what = "durable events by one producer that is told by on_durable; appends alone, flush included",
       .unit = "events/s",
       .better = Better::more,
       .bar = 0.8,
       .reach = 0.95},
      [=](Notes& notes) -> std::vector<Side> {
        return {{"told", [=, &notes] { return durable(events, notes); }}, {"written", [=] { return written(events); }}};
      });
}
