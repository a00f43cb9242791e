// SPDX-License-Identifier: MIT
//
// G26 on the model: every interleaving of a follower with one and two threads that write and sync; the whole log with
// followers, its schedules with few deviations and at random; and the checker's teeth.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../torture/report.hpp"
#include "catalog.hpp"
#include "follower_play.hpp"
#include "scheduler.hpp"

namespace {

using namespace rewal_model;
using rewal::Follow;
bool play(rewal_torture::Row& row, const std::string& name, const Make& make, const Limits& limits) {
  const Explored explored = explore(limits, make);
  row.count += explored.interleavings;
  INFO(name << "\n" << explored.schedule);
  if (!explored.violation.empty()) ++row.violations;
  CHECK(explored.violation == "");
  return explored.exhausted;
}

TEST_CASE("followers: every interleaving with one and two producers") {
  rewal_torture::Row row("G26", "all interleavings of a follower", "interleavings");
  std::uint64_t scenarios = 0;
  for (const Entry& entry : follower_catalog()) {
    if (entry.is_long) continue;
    INFO(entry.name);
    CHECK(play(row, entry.name, entry.make, limits_of(entry)));
    ++scenarios;
  }
  row.note("scenarios", scenarios);
}

// ---- the whole log -------------------------------------------------------------------------------------------------

using L = FollowedLog;

struct Composition {
  std::string name;
  Make make;
};

/// Callers end the log when the last of them has ended; others run on to its end.
Composition log_of(std::string name, Follow what, std::vector<L::Body> callers, std::vector<L::Body> others,
                   L::Setting setting, bool loses) {
  setting.callers = static_cast<unsigned>(callers.size());
  std::vector<L::Body> bodies;
  for (L::Body& caller : callers) {
    bodies.push_back([caller](L& l) {
      caller(l);
      l.leave();
    });
  }
  for (L::Body& other : others) bodies.push_back(other);
  bodies.push_back([](L& l) { l.writer_thread(); });
  auto make = [setting, what, loses] { return std::make_unique<L>(setting, what, loses); };
  return {std::move(name), [bodies = std::make_shared<std::vector<L::Body>>(std::move(bodies)), make] {
            auto play = make();
            play->set_bodies(bodies);
            return play;
          }};
}

std::vector<Composition> all_compositions(bool loses = false) {
  const auto follows = [](unsigned events) { return L::Body([=](L& l) { l.follow(events); }); };
  const L::Body to_the_end = [](L& l) { l.follow_to_the_end(*l.shared_follower); };
  const L::Body appends = [](L& l) { l.must_append(); };
  const L::Body appends_twice = [](L& l) {
    l.must_append();
    l.must_append();
  };
  const L::Body tries_to_append = [](L& l) {
    const auto lsn = l.append();
    if (!lsn) l.allow(lsn.error());
  };
  const L::Body flushes = [](L& l) { l.append_and_flush(); };
  const L::Body durable = [](L& l) { l.append_durable(); };
  const L::Body pauses_and_appends = [](L& l) {
    l.pause_a_second();
    l.must_append();
  };
  const L::Body pauses_and_follows = [](L& l) {
    l.pause_a_second();
    l.follow(1);
  };
  const L::Body closes = [](L& l) {
    if (const auto done = l.close(); !done) l.allow(done.error());
  };
  const L::Body stops = [](L& l) { l.stop(); };
  const L::Body polls = [](L& l) { l.poll(1); };
  const L::Body back_and_forth = [](L& l) { l.follow_back_and_forth(2); };
  L::Setting plain;
  L::Setting two_frames = plain;  // of 38 bytes
  two_frames.queue_bytes = 76;
  L::Setting interval = plain;
  interval.sync_mode = rewal::SyncMode::interval(std::chrono::milliseconds(5));
  std::vector<Composition> all;
  for (const Follow what : {Follow::durable, Follow::written}) {
    const std::string kind = what == Follow::durable ? "durable: " : "written: ";
    all.push_back(log_of(kind + "one event", what, {follows(1), appends}, {}, plain, loses));
    all.push_back(log_of(kind + "two producers", what, {follows(2), appends, appends}, {}, plain, loses));
    all.push_back(log_of(kind + "two followers", what, {follows(1), follows(1), appends}, {}, plain, loses));
    all.push_back(log_of(kind + "a flush", what, {follows(1), flushes}, {}, plain, loses));
    all.push_back(log_of(kind + "a durable append", what, {follows(1), durable}, {}, plain, loses));
    all.push_back(log_of(kind + "an interval", what, {follows(2), appends_twice}, {}, interval, loses));
    all.push_back(log_of(kind + "a full queue", what, {follows(3), appends_twice, appends}, {}, two_frames, loses));
    all.push_back(log_of(kind + "to the end", what, {appends_twice}, {to_the_end}, plain, loses));
    all.push_back(log_of(kind + "close", what, {tries_to_append, closes}, {to_the_end}, plain, loses));
    all.push_back(log_of(kind + "stop", what, {appends, stops}, {to_the_end}, plain, loses));
    all.push_back(
        log_of(kind + "a long pause, then an event", what, {follows(1), pauses_and_appends}, {}, plain, loses));
    all.push_back(log_of(kind + "a follower that comes late", what, {pauses_and_follows, flushes}, {}, plain, loses));
    all.push_back(log_of(kind + "polling", what, {polls, appends}, {}, plain, loses));
    all.push_back(log_of(kind + "back and forth", what, {back_and_forth, appends_twice}, {}, plain, loses));
    for (unsigned k = 1; k <= 2; ++k) {
      L::Setting broken = plain;
      broken.fails_at = k;
      all.push_back(log_of(kind + "call " + std::to_string(k) + " fails", what, {follows(2), flushes, durable}, {},
                           broken, loses));
    }
  }
  return all;
}

TEST_CASE("followers of the whole log: every schedule with few deviations") {
  rewal_torture::Row row("G26", "schedules of a followed log with up to 1 deviation", "interleavings");
  for (const Composition& composition : all_compositions()) {
    Limits limits;
    limits.search = Limits::Search::deviations;
    limits.deviations = 1;
    CHECK(play(row, composition.name, composition.make, limits));
  }
}

TEST_CASE("followers of the whole log: schedules drawn at random") {
  rewal_torture::Row row("G26", "random schedules of a followed log", "interleavings");
  std::uint64_t seed = rewal_torture::seed();
  for (const Composition& composition : all_compositions()) {
    Limits limits;
    limits.search = Limits::Search::random;
    limits.seed = ++seed;
    limits.stale_reads = 8;
    limits.most_runs = 1000;
    play(row, composition.name, composition.make, limits);
  }
}

TEST_CASE("followers of the whole log: where they hear no wake-up some thread hangs") {
  rewal_torture::Row row("G26", "planted lost wake-ups of followers found", "scenarios");
  for (const Composition& composition : all_compositions(true)) {
    if (composition.name.find(": one event") == std::string::npos) continue;
    Limits limits;
    limits.search = Limits::Search::deviations;
    limits.deviations = 1;
    const std::string found = explore(limits, composition.make).violation;
    INFO(composition.name);
    CHECK(found == "all threads sleep: a wake-up is lost");
    ++row.count;
    if (found.empty()) ++row.violations;
  }
}

TEST_CASE("followers: the long scenarios, more deviations, and more schedules at random", "[.torture]") {
  const rewal_torture::Budget budget;
  const double third = static_cast<double>(rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20)) / 3;
  const auto compositions = all_compositions();
  {
    rewal_torture::Row row("G26", "interleavings of a follower, long", "interleavings");
    std::uint64_t exhausted = 0;
    for (const Entry& entry : follower_catalog()) {
      Limits limits;
      limits.seconds = third / static_cast<double>(follower_catalog().size());
      exhausted += play(row, entry.name, entry.make, limits) ? 1u : 0u;
    }
    row.note("exhausted", exhausted);
    row.note("scenarios", follower_catalog().size());
  }
  {
    rewal_torture::Row row("G26", "schedules of a followed log with up to 2 deviations", "interleavings");
    std::uint64_t exhausted = 0;
    for (const Composition& composition : compositions) {
      Limits limits;
      limits.search = Limits::Search::deviations;
      limits.seconds = third / static_cast<double>(compositions.size());
      exhausted += play(row, composition.name, composition.make, limits) ? 1u : 0u;
    }
    row.note("exhausted", exhausted);
    row.note("scenarios", compositions.size());
  }
  rewal_torture::Row row("G26", "random schedules of a followed log, at length", "interleavings");
  for (std::uint64_t round = 1; budget.left(); ++round) {
    for (const Composition& composition : compositions) {
      Limits limits;
      limits.search = Limits::Search::random;
      limits.seed = rewal_torture::seed() + round * 7919;
      limits.stale_reads = 8;
      limits.most_runs = 2000;
      limits.seconds = 1;
      play(row, composition.name, composition.make, limits);
      if (!budget.left()) break;
    }
  }
}

}  // namespace
