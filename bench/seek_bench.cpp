// SPDX-License-Identifier: MIT
//
// How long does it take to find an event in a log of 1M? (P10) From `iterator(from)` to its first event. The yardstick
// opens and maps that file and touches one byte.

#include <benchmark/benchmark.h>

#include <memory>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/million_events.hpp"
#include "harness/question.hpp"

namespace {

using namespace bench;

/// Microseconds to the first event of an iterator that begins `from_end` events before the end.
double seek(rewal::Wal<>& wal, std::uint64_t from_end, std::uint64_t times) {
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) {
    const rewal::Lsn from = wal.last_lsn() - from_end - i;
    auto it = must(wal.iterator(from));
    must_be(must(it.next_borrowed())->lsn == from, "the seek finds its event");
  }
  return nanoseconds_since(begin) / 1e3 / static_cast<double>(times);
}

double open_and_map(const MillionEvents& events, std::uint64_t times) {
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) {
    const MappedFile file(events.path());
    benchmark::DoNotOptimize(file.data()[file.size() - 10 * MillionEvents::event_frame_bytes]);
  }
  return nanoseconds_since(begin) / 1e3 / static_cast<double>(times);
}

}  // namespace

void bench::questions() {
  const auto sides = [](std::uint64_t share_from_end) {
    return [share_from_end](Notes&) -> std::vector<Side> {
      const MillionEvents& events = MillionEvents::instance();
      const std::uint64_t times = setting().count(1000);
      const auto wal = std::make_shared<rewal::Wal<>>(must(rewal::Wal<>::open(events.path()).build()));
      const std::uint64_t from_end = share_from_end == 0 ? 10 : events.count() / share_from_end;
      return {{"rewal", [=] { return seek(*wal, from_end, times); }},
              {"map", [=, &events] { return open_and_map(events, times); }}};
    };
  };
  ask({.row = "P10",
       .what = "iterator near the end of 1M events, to its first event; opening and mapping the file",
       .unit = "us",
       .bar = 0.5},
      sides(0));
  ask({.row = "seek/middle", .what = "iterator in the middle of 1M events; opening and mapping the file", .unit = "us"},
      sides(2));
}
