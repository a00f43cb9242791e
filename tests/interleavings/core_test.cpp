// SPDX-License-Identifier: MIT
//
// The whole log on the model: threads that append, wait and end it, beside its writer thread. Every schedule with a few
// deviations from the usual one is played; in the long run more of them, and then schedules drawn at random.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../torture/report.hpp"
#include "core_play.hpp"
#include "scheduler.hpp"

namespace {

using namespace rewal_model;
using namespace std::chrono_literals;
using P = CorePlay;
using Body = P::Body;
using rewal::Backpressure;
using rewal::SyncMode;

struct Composition {
  std::string name;
  Make make;
};

Composition log_of(std::string name, std::vector<Body> callers, P::Setting setting) {
  setting.callers = static_cast<unsigned>(callers.size());
  std::vector<Body> bodies;
  for (Body& caller : callers) {
    bodies.push_back([caller](P& p) {
      caller(p);
      p.leave();
    });
  }
  bodies.push_back([](P& p) { p.writer_thread(); });
  return {std::move(name), P::of(std::move(bodies), [setting] { return std::make_unique<P>(setting); })};
}

std::vector<Composition> all_compositions(int losing_place = -1) {
  const Body flushes = [](P& p) { p.append_and_flush(); };
  const Body durable = [](P& p) { p.append_durable(); };
  const Body waits_durable = [](P& p) { p.append_durable(rewal::detail::Append::queued); };
  const Body appends_twice = [](P& p) {
    p.must_append();
    p.must_append();
  };
  const Body appends = [](P& p) { p.must_append(); };
  const Body tries_to_append = [](P& p) {
    const auto lsn = p.append();
    if (!lsn) p.allow(lsn.error());
  };
  const Body fills = [=](P& p) {
    for (int i = 0; i < 3; ++i) tries_to_append(p);
  };
  const Body tries_large = [](P& p) {
    const auto lsn = p.append(300);
    if (!lsn) p.allow(lsn.error());
  };
  const Body syncs = [](P& p) {
    p.must_append();
    p.sync();
  };
  const Body shuts_down = [](P& p) {
    if (const auto done = p.shutdown(); !done) p.allow(done.error());
  };
  const Body shuts_down_soon = [](P& p) {
    auto done = p.shutdown(1ms);
    while (!done && done.error().system() == std::errc::timed_out) done = p.shutdown(1ms);
    if (!done) p.allow(done.error());
  };
  const Body closes = [](P& p) {
    if (const auto done = p.close(); !done) p.allow(done.error());
  };
  const Body appends_large = [](P& p) { p.must_append(300); };
  const Body pauses_and_appends = [](P& p) {
    p.pause_a_second();
    p.must_append();
  };
  const Body pauses_and_flushes = [](P& p) {
    p.pause_a_second();
    p.append_and_flush();
  };
  P::Setting plain;
  plain.losing_place = losing_place;
  P::Setting two_frames = plain;  // of 38 bytes
  two_frames.queue_bytes = 76;
  P::Setting small = plain;  // no frame takes the queue for itself
  small.queue_bytes = 160;
  P::Setting batch = plain;
  batch.sync_mode = SyncMode::batch;
  P::Setting interval = plain;
  interval.sync_mode = SyncMode::interval(5ms);
  P::Setting tiny_buffer = plain;
  tiny_buffer.buffer_capacity = 38;
  std::vector<Composition> all;
  all.push_back(log_of("append, then shutdown", {appends}, plain));
  all.push_back(log_of("two flushes", {flushes, flushes}, plain));
  all.push_back(log_of("two flushes in batch mode", {flushes, flushes}, batch));
  all.push_back(log_of("two durable appends", {durable, durable}, plain));
  all.push_back(log_of("three durable appends", {durable, durable, durable}, plain));
  all.push_back(log_of("durable append, flush", {durable, flushes}, plain));
  all.push_back(log_of("wait_durable, flush", {waits_durable, flushes}, plain));
  all.push_back(log_of("sync, durable append", {syncs, durable}, plain));
  all.push_back(log_of("blocked on room", {appends_twice, appends_twice}, two_frames));
  all.push_back(log_of("blocked on room, small frames", {appends_twice, appends_twice, appends_twice}, small));
  all.push_back(log_of("blocked on room, flush", {appends_twice, flushes}, two_frames));
  all.push_back(log_of("small writes", {appends_twice, flushes}, tiny_buffer));
  all.push_back(log_of("interval", {appends_twice, durable}, interval));
  all.push_back(log_of("large, small", {appends_large, appends}, two_frames));
  all.push_back(log_of("large, large", {appends_large, appends_large}, two_frames));
  all.push_back(log_of("large, flush", {appends_large, flushes}, two_frames));
  all.push_back(log_of("shutdown, append", {tries_to_append, shuts_down}, plain));
  all.push_back(log_of("shutdown, blocked appends", {fills, shuts_down}, two_frames));
  all.push_back(log_of("shutdown, flush", {flushes, shuts_down}, plain));
  all.push_back(log_of("shutdown, durable append", {durable, shuts_down}, plain));
  all.push_back(log_of("shutdown, large", {tries_large, shuts_down}, two_frames));
  all.push_back(log_of("two shutdowns, one with a limit", {shuts_down, shuts_down_soon}, plain));
  all.push_back(log_of("long pause, append", {pauses_and_appends, pauses_and_appends}, plain));
  all.push_back(log_of("long pause, flush", {pauses_and_appends, pauses_and_flushes}, plain));
  all.push_back(log_of("close, flush", {flushes, closes}, plain));
  all.push_back(log_of("close, durable append", {durable, closes}, plain));
  all.push_back(log_of("close, blocked appends", {fills, closes}, two_frames));
  all.push_back(log_of("close, shutdown",
                       {[=](P& p) {
                          tries_to_append(p);
                          shuts_down(p);
                        },
                        closes},
                       plain));
  all.push_back(log_of("close, large", {tries_large, closes}, two_frames));
  const Body durable_twice = [=](P& p) {
    durable(p);
    durable(p);
  };
  for (unsigned k = 3; k <= 4; ++k) {  // beyond the first event's write and fsync
    P::Setting broken = plain;
    broken.fails_at = k;
    all.push_back(
        log_of("three durable appends, call " + std::to_string(k) + " fails", {durable, durable_twice}, broken));
  }
  for (unsigned k = 1; k <= 3; ++k) {
    P::Setting broken = plain;
    broken.fails_at = k;
    all.push_back(log_of("durable appends, call " + std::to_string(k) + " fails", {durable, durable}, broken));
    broken.queue_bytes = 76;
    all.push_back(log_of("blocked appends, call " + std::to_string(k) + " fails", {fills, flushes}, broken));
  }
  return all;
}

const std::vector<Composition>& compositions() {
  static const std::vector<Composition> all = all_compositions();
  return all;
}

/// True where the search has seen all there is in it.
bool play(rewal_torture::Row& row, const Composition& composition, const Limits& limits) {
  const Explored explored = explore(limits, composition.make);
  row.count += explored.interleavings;
  INFO(composition.name << "\n" << explored.schedule);
  if (!explored.violation.empty()) ++row.violations;
  CHECK(explored.violation == "");
  if (limits.seconds > 1e8 && limits.search != Limits::Search::random) CHECK(explored.exhausted);
  return explored.exhausted;
}

TEST_CASE("the log: every schedule with few deviations") {
  rewal_torture::Row row("G13", "schedules of the log with up to 1 deviation", "interleavings");
  for (const Composition& composition : compositions()) {
    Limits limits;
    limits.search = Limits::Search::deviations;
    limits.deviations = 1;
    play(row, composition, limits);
  }
}

// To spin on to the sleep is one deviation, so that it takes two to fall asleep while somebody stands still.
TEST_CASE("the log: two deviations, where threads wait for an fsync") {
  rewal_torture::Row row("G13", "schedules of waits for an fsync with up to 2 deviations", "interleavings");
  for (const Composition& composition : compositions()) {
    const bool waits = composition.name == "two durable appends" || composition.name == "durable append, flush" ||
                       composition.name == "three durable appends, call 3 fails";
    if (!waits) continue;
    Limits limits;
    limits.search = Limits::Search::deviations;
    limits.deviations = 2;
    play(row, composition, limits);
  }
}

TEST_CASE("the log: schedules drawn at random") {
  rewal_torture::Row row("G13", "random schedules of the log", "interleavings");
  std::uint64_t seed = rewal_torture::seed();
  for (const Composition& composition : compositions()) {
    Limits limits;
    limits.search = Limits::Search::random;
    limits.seed = ++seed;
    limits.stale_reads = 8;
    limits.most_runs = 2000;
    play(row, composition, limits);
  }
}

TEST_CASE("the log: a place where nobody hears a wake-up hangs some thread") {
  rewal_torture::Row row("G13", "planted lost wake-ups of the log found", "places");
  for (int losing_place = 0; losing_place < 5; ++losing_place) {
    std::string found;
    for (const Composition& composition : all_compositions(losing_place)) {
      Limits limits;
      limits.search = Limits::Search::deviations;
      limits.deviations = 1;
      limits.most_runs = 5000;
      limits.most_steps = 60'000;
      found = explore(limits, composition.make).violation;
      if (!found.empty()) break;
      limits.search = Limits::Search::random;
      found = explore(limits, composition.make).violation;
      if (!found.empty()) break;
    }
    INFO("place " << losing_place);
    CHECK(found != "");
    ++row.count;
    if (found.empty()) ++row.violations;
  }
}

// All with one deviation more, each as far as its share of the time goes; the rest of the time at random.
TEST_CASE("the log: more deviations, and more schedules at random", "[.torture]") {
  const rewal_torture::Budget budget;
  const double share = static_cast<double>(rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20)) / 2 /
                       static_cast<double>(compositions().size());
  {
    rewal_torture::Row row("G13", "schedules of the log with up to 2 deviations", "interleavings");
    std::uint64_t exhausted = 0;
    for (const Composition& composition : compositions()) {
      Limits limits;
      limits.search = Limits::Search::deviations;
      limits.deviations = 2;
      limits.seconds = share;
      exhausted += play(row, composition, limits) ? 1u : 0u;
    }
    row.note("exhausted", exhausted);
    row.note("scenarios", compositions().size());
  }
  rewal_torture::Row row("G13", "random schedules of the log, at length", "interleavings");
  for (std::uint64_t round = 1; budget.left(); ++round) {
    for (const Composition& composition : compositions()) {
      Limits limits;
      limits.search = Limits::Search::random;
      limits.seed = rewal_torture::seed() + round * 7919;
      limits.stale_reads = 8;
      limits.most_runs = 2000;
      limits.seconds = 1;
      play(row, composition, limits);
      if (!budget.left()) break;
    }
  }
}

}  // namespace
