// SPDX-License-Identifier: MIT
//
// G18: with interval(d) the fsync for an event starts within d of its append, or when the one then running ends, also
// on an idle tail. By a clock that the test controls, exactly.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <stress/append_schedule.hpp>
#include <stress/interval_run.hpp>
#include <string>
#include <support/harness.hpp>
#include <torture/report.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;
using rewal_torture::thinning;
using Time = VirtualClock::Time;
using std::chrono::nanoseconds;

/// An event that waited for a long fsync may wait for the writer's next poll too.
[[nodiscard]] nanoseconds one_poll(nanoseconds interval) { return (std::min<nanoseconds>)(400us, interval / 8) + 40us; }

void every_schedule(bool is_new, Row& row, std::string& first) {
  std::uint64_t syncs = 0;
  std::uint64_t runs = 0;
  nanoseconds worst{};
  for (const nanoseconds interval : std::initializer_list<nanoseconds>{200us, 1ms, 7ms, 50ms, 1s}) {
    for (const double cost : {0.001, 0.4, 2.5}) {  // of an fsync, in intervals
      const nanoseconds sync_cost(static_cast<std::int64_t>(cost * static_cast<double>(interval.count())));
      for (const nanoseconds write_cost : std::initializer_list<nanoseconds>{1us, interval / 3}) {
        for (const AppendSchedule& schedule : append_schedules()) {
          if (runs++ % thinning != 0) continue;
          IntervalRun run(interval, sync_cost, write_cost);
          if (!is_new) run.grow_beyond_the_first_sector();
          run.run(schedule);
          syncs += run.syncs();
          for (std::size_t event = 0; event < run.events(); ++event) {
            const nanoseconds late = run.lateness(event);
            worst = (std::max)(worst, late);
            ++row.count;
            if (late <= one_poll(interval)) continue;
            if (row.violations++ == 0) {
              std::ostringstream text;
              text << schedule.name << ", interval " << interval.count() << " ns, fsync " << sync_cost.count()
                   << " ns, write " << write_cost.count() << " ns: event " << event + 1 << " is "
                   << (late == nanoseconds::max() ? "never fsynced" : std::to_string(late.count()) + " ns late");
              first = text.str();
            }
          }
          // And the interval is used: an event that is alone costs one fsync, not two.
          if (schedule.name == "one event") CHECK(run.syncs() == 1);
        }
      }
    }
  }
  row.note("runs", runs / thinning);
  row.note("syncs", syncs);
  row.note("worst_lateness_ns", static_cast<std::uint64_t>(worst.count()));
}

}  // namespace

TEST_CASE("by a clock that the test controls, every event's fsync begins in time, idle tail included") {
  Row row("G18", "events whose fsync began within d, or when the one then running ended; virtual clock", "events");
  std::string first;
  every_schedule(false, row, first);
  CHECK(first == "");
  CHECK(row.count > 1000);
}

TEST_CASE("by a clock that the test controls, a backlog that takes many intervals to write is fsynced once in each") {
  Row row("G18", "fsyncs of a backlog that takes many intervals to write; virtual clock", "fsyncs");
  for (const nanoseconds interval : std::initializer_list<nanoseconds>{1ms, 20ms, 1s}) {
    for (const double cost : {0.001, 0.4}) {
      const nanoseconds sync_cost(static_cast<std::int64_t>(cost * static_cast<double>(interval.count())));
      const nanoseconds write_cost = interval / 3;
      IntervalRun run(interval, sync_cost, write_cost);
      run.grow_beyond_the_first_sector();
      run.run({"backlog", std::vector<double>(4000, 1.0)});
      const auto syncs = run.sync_begins();
      REQUIRE(syncs.size() > 3);
      // One write that was begun in time, and the rest of the frame that it ended in; and no more than an fsync beyond.
      const nanoseconds late = 2 * write_cost + sync_cost + one_poll(interval);
      auto since = run.first_append();
      for (const Time begin : syncs) {
        ++row.count;
        row.violations += begin > since + interval + late;  // however much there still is to write
        if (begin != syncs.back()) row.violations += begin < since + interval - one_poll(interval);  // and no more
        since = begin;
      }
      CHECK(run.lateness(run.events() - 1) < nanoseconds::max());
    }
  }
  CHECK(row.violations == 0);
}

TEST_CASE("by a clock that the test controls, the fsyncs of a new log begin in time") {
  Row row("G18", "the same, from a new log's first sector on", "events");
  std::string first;
  every_schedule(true, row, first);
  CHECK(first == "");
}

TEST_CASE("by a clock that the test controls, the fsyncs of a producer that never pauses begin in time") {
  Row row("G18", "the same, of a producer that never pauses", "events");
  std::uint64_t ready = 0;
  rewal::detail::Options options;
  options.queue_bytes = 64 * 1024;
  options.buffer_capacity = 8 * 1024;
  for (const nanoseconds interval : std::initializer_list<nanoseconds>{1ms, 50ms}) {
    const auto part = [&](double of) {
      return nanoseconds(static_cast<std::int64_t>(of * static_cast<double>(interval.count())));
    };
    for (const double sync_cost : {0.01, 0.3, 0.8, 2.5}) {
      for (const double write_cost : {0.01, 0.1}) {
        for (const bool is_new : {true, false}) {
          IntervalRun run(interval, part(sync_cost), part(write_cost), options);
          if (!is_new) run.grow_beyond_the_first_sector();
          run.run_without_gap(6, part(write_cost) / 3);
          for (std::size_t event = 0; event < run.events(); ++event) {
            ++row.count;
            row.violations += run.lateness(event) > one_poll(interval);
            // What was ready waits for the write that is going on, and for the rest of the frame that it ended in.
            if (!run.was_ready(event)) continue;
            ++ready;
            row.violations += run.writes_waited_for(event) > 2;
          }
        }
      }
    }
  }
  CHECK(ready > 1000);
  CHECK(row.violations == 0);
}

TEST_CASE("by a clock that the test controls, a sleeping log does not stir") {
  for (const nanoseconds interval : std::initializer_list<nanoseconds>{1ms, 50ms}) {
    // 60 intervals and 10,000: the difference is slept through in one piece.
    IntervalRun near(interval, 10us, 1us);
    near.run({"near", {1, 60}});
    IntervalRun far(interval, 10us, 1us);
    far.run({"far", {1, 10'000}});
    CHECK(far.sleeps() <= near.sleeps() + 2);
  }
}
