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
using rewal::detail::Ending;
using F = FollowedFile;

Make file_of(Follow what, std::vector<F::Body> bodies) {
  return F::of(std::move(bodies), [what] { return std::make_unique<F>(what); });
}

const std::vector<Entry>& file_catalog() {
  const auto takes = [](unsigned events) { return F::Body([=](F& f) { f.take(events); }); };
  const F::Body takes_all = [](F& f) { f.take_all(); };
  const F::Body writes = [](F& f) { f.write(); };
  const F::Body writes_two = [](F& f) { f.write(2); };
  const F::Body writes_twice = [](F& f) {
    f.write();
    f.write();
  };
  const F::Body writes_and_ends = [](F& f) {
    f.write();
    f.end(Ending::finished);
  };
  const F::Body syncs = [](F& f) { f.write_and_sync(); };
  const F::Body syncs_and_ends = [](F& f) {
    f.write_and_sync();
    f.end(Ending::finished);
  };
  const F::Body syncs_for_followers = [](F& f) { f.sync_for_followers(); };
  const F::Body stops = [](F& f) { f.follower->stop(); };
  const F::Body fails = [](F& f) { f.fail(); };
  const F::Body discards = [](F& f) { f.end(Ending::discarded); };
  const F::Body polls = [](F& f) { f.poll_until(1); };
  static const std::vector<Entry> all{
      {"written, one producer", file_of(Follow::written, {takes(1), writes})},
      {"written, one producer, two events in one write", file_of(Follow::written, {takes(2), writes_two})},
      {"written, one producer twice", file_of(Follow::written, {takes(2), writes_twice}), 2, 1, 1},
      {"written, two producers", file_of(Follow::written, {takes(2), writes, writes}), 0, 0, 0},
      {"written, to the end", file_of(Follow::written, {takes_all, writes_and_ends}), 2, 1, 1},
      {"durable, one producer who syncs", file_of(Follow::durable, {takes(1), syncs}), 2, 1, 1},
      {"durable, two producers who sync", file_of(Follow::durable, {takes(2), syncs, syncs}), 0, 0, 0, true},
      {"durable, to the end", file_of(Follow::durable, {takes_all, syncs_and_ends}), 1, 0, 1},
      {"durable, one producer who writes alone", file_of(Follow::durable, {takes(1), writes, syncs_for_followers}), 0,
       0, 0},
      {"durable, polling", file_of(Follow::durable, {polls, writes, syncs_for_followers}), 0, 0, 0, true},
      {"stopped", file_of(Follow::durable, {takes_all, stops})},
      {"stopped beside a producer", file_of(Follow::written, {takes_all, writes, stops}), 0, 0, 0},
      {"failed", file_of(Follow::written, {takes_all, fails})},
      {"discarded", file_of(Follow::durable, {takes_all, discards})},
  };
  return all;
}

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
  for (const Entry& entry : file_catalog()) {
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
                   L::Setting setting) {
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
  auto make = [setting, what] { return std::make_unique<L>(setting, what); };
  return {std::move(name), [bodies = std::make_shared<std::vector<L::Body>>(std::move(bodies)), make] {
            auto play = make();
            play->set_bodies(bodies);
            return play;
          }};
}

std::vector<Composition> all_compositions() {
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
  const L::Body rests_and_appends = [](L& l) {
    l.pause_a_second();
    l.must_append();
  };
  const L::Body rests_and_follows = [](L& l) {
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
    all.push_back(log_of(kind + "one event", what, {follows(1), appends}, {}, plain));
    all.push_back(log_of(kind + "two producers", what, {follows(2), appends, appends}, {}, plain));
    all.push_back(log_of(kind + "two followers", what, {follows(1), follows(1), appends}, {}, plain));
    all.push_back(log_of(kind + "a flush", what, {follows(1), flushes}, {}, plain));
    all.push_back(log_of(kind + "a durable append", what, {follows(1), durable}, {}, plain));
    all.push_back(log_of(kind + "an interval", what, {follows(2), appends_twice}, {}, interval));
    all.push_back(log_of(kind + "a full queue", what, {follows(3), appends_twice, appends}, {}, two_frames));
    all.push_back(log_of(kind + "to the end", what, {appends_twice}, {to_the_end}, plain));
    all.push_back(log_of(kind + "close", what, {tries_to_append, closes}, {to_the_end}, plain));
    all.push_back(log_of(kind + "stop", what, {appends, stops}, {to_the_end}, plain));
    all.push_back(log_of(kind + "a long rest, then an event", what, {follows(1), rests_and_appends}, {}, plain));
    all.push_back(log_of(kind + "a follower that comes late", what, {rests_and_follows, flushes}, {}, plain));
    all.push_back(log_of(kind + "polling", what, {polls, appends}, {}, plain));
    all.push_back(log_of(kind + "back and forth", what, {back_and_forth, appends_twice}, {}, plain));
    for (unsigned k = 1; k <= 2; ++k) {
      L::Setting broken = plain;
      broken.fails_at = k;
      all.push_back(
          log_of(kind + "call " + std::to_string(k) + " fails", what, {follows(2), flushes, durable}, {}, broken));
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

}  // namespace
