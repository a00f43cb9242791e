// SPDX-License-Identifier: MIT
//
// How long does it take to open a log of 1M events of 256 bytes that is on disk and in the page cache? (P7) The
// yardstick opens and maps the file, and passes over its frames once with the log's own kernel.

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/million_events.hpp"
#include "harness/question.hpp"

void bench::questions() {
  ask({.row = "P7",
       .what = "recovery at open, 1M x 256 B, warm; one checksum pass over the mapping",
       .unit = "ms",
       .bar = 0.7,
       .reach = 0.55},
      [](Notes& notes) -> std::vector<Side> {
        const MillionEvents& events = MillionEvents::instance();
        return {{"rewal",
                 [&events, &notes] {
                   const auto begin = Clock::now();
                   auto wal = must(rewal::Wal<>::open(events.path()).build());
                   const double elapsed = nanoseconds_since(begin);
                   must_be(wal.recovery().events == events.count() && wal.last_lsn() == events.count(),
                           "every event is recovered");
                   must(wal.close());
                   notes.add("GB/s", static_cast<double>(events.bytes()) / elapsed);
                   return elapsed / 1e6;
                 }},
                {"pass", [&events] { return events.checksum_pass(); }}};
      });
}
