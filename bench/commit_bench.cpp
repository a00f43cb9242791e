// SPDX-License-Identifier: MIT
//
// How long does a durable append take one thread (P5), and how many commits a second do several make together (P6)?
// The yardsticks are `write` and `fdatasync` into reserved space, and a leader group commit with plain calls into the
// same. Both sides have made one commit before time is taken, so that neither pays for the beginning of its file.

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/leader_commit.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::uint64_t reserved_bytes = 32 << 20;

const std::string frame(frame_bytes, 'r');

/// Microseconds a commit.
double append_durable(std::uint64_t times) {
  auto log = fresh_log("log");
  must(log->append_durable(payload));
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) must(log->append_durable(payload));
  const double elapsed = nanoseconds_since(begin);
  must_be(log->durable_lsn() == times + 1, "what was acknowledged is durable");
  must_be(log->stats().sync_count == times + 1, "every commit has its own fsync");
  log.must_hold(times + 1);
  return elapsed / 1e3 / static_cast<double>(times);
}

double write_and_sync(std::uint64_t times, std::uint64_t reserve) {
  RawFile file("raw", reserve);
  const auto commit = [&] {
    file.write(frame.data(), frame.size());
    file.sync();
  };
  commit();
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) commit();
  return nanoseconds_since(begin) / 1e3 / static_cast<double>(times);
}

/// Commits a second. `covered` becomes the events that each fsync covered.
double append_together(unsigned threads, double seconds, double& covered) {
  auto log = fresh_log("log");
  must(log->append_durable(payload));
  const auto before = log->stats();
  const double rate = closed_loop(threads, seconds, [&](unsigned) { must(log->append_durable(payload)); });
  const auto after = log->stats();
  must_be(after.durable_lsn == after.last_lsn, "what was acknowledged is durable");
  log.must_hold(after.last_lsn);
  covered = static_cast<double>(after.durable_lsn - before.durable_lsn) /
            static_cast<double>(after.sync_count - before.sync_count);
  return rate;
}

double lead_together(unsigned threads, double seconds, double& covered) {
  RawFile file("raw", reserved_bytes);
  LeaderCommit leader(file);
  leader.commit(frame.data(), frame.size());
  const double rate = closed_loop(threads, seconds, [&](unsigned) { leader.commit(frame.data(), frame.size()); });
  must_be(file.written() < reserved_bytes, "the reserved space was enough");
  covered = static_cast<double>(file.written() / frame_bytes - 1) / static_cast<double>(leader.groups() - 1);
  return rate;
}

void ask_for_groups(unsigned threads, bool has_bar) {
  const std::string row = "/threads:" + std::to_string(threads);
  const std::string by = " by " + std::to_string(threads) + " threads in a closed loop";
  Question how_many{.row = (has_bar ? "P6" : "commit") + row,
                    .what = "append_durable of 128 B" + by + "; leader group commit with plain calls",
                    .unit = "/s",
                    .better = Better::more};
  Question covered{.row = (has_bar ? "P6/covered" : "covered") + row,
                   .what = "events that an fsync covers," + by + "; the number of threads",
                   .unit = "events",
                   .better = Better::more};
  if (has_bar) {
    how_many.bar = 1.1;
    how_many.reach = 1.25;
    covered.bar = 0.95;
    covered.reach = 0.98;
  }
  ask(how_many, [threads](Notes& notes) -> std::vector<Side> {
    const double seconds = setting().seconds(0.3);
    return {{"rewal",
             [=, &notes] {
               double events = 0;
               const double rate = append_together(threads, seconds, events);
               notes.add("events a fsync", events);
               return rate;
             }},
            {"leader", [=, &notes] {
               double events = 0;
               const double rate = lead_together(threads, seconds, events);
               notes.add("events a fsync, leader", events);
               return rate;
             }}};
  });
  if (!has_bar) return;
  ask(covered, [threads](Notes&) -> std::vector<Side> {
    return {{"rewal",
             [=] {
               double events = 0;
               append_together(threads, setting().seconds(0.3), events);
               return events;
             }},
            {"threads", [=] { return static_cast<double>(threads); }}};
  });
}

}  // namespace

void bench::questions() {
  ask({.row = "P5",
       .what = "append_durable of 128 B, one thread; `write` and `fdatasync` into reserved space",
       .unit = "us",
       .bar = 1.03,
       .reach = 1.0},
      [](Notes&) -> std::vector<Side> {
        const std::uint64_t times = setting().count(1000);
        return {{"rewal", [=] { return append_durable(times); }},
                {"raw_reserved", [=] { return write_and_sync(times, reserved_bytes); }},
                {"raw_growing", [=] { return write_and_sync(times, 0); }}};
      });
  for (const unsigned threads : {2u, 4u}) ask_for_groups(threads, false);
  for (const unsigned threads : {8u, 32u}) ask_for_groups(threads, true);
  ask_for_groups(64, false);
}
