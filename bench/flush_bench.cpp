// SPDX-License-Identifier: MIT
//
// What does it cost one thread to append an event and have it written before it goes on? (P4) The yardstick is one
// `write` of the frame, into a file as fresh as the log's.

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

void bench::questions() {
  ask({.row = "P4",
       .what = "append of 128 B and flush, one thread; `write` of the frame",
       .unit = "ns",
       .bar = 1.35,
       .reach = 1.2},
      [](Notes&) -> std::vector<Side> {
        const std::uint64_t times = setting().count(50000);
        return {{"rewal",
                 [=] {
                   auto log = fresh_log("log");
                   const auto begin = Clock::now();
                   for (std::uint64_t i = 0; i < times; ++i) {
                     must(log->append(payload));
                     must(log->flush());
                   }
                   const double elapsed = nanoseconds_since(begin);
                   log.must_hold(times);
                   return elapsed / static_cast<double>(times);
                 }},
                {"raw", [=] {
                   RawFile file("raw");
                   const std::string frame(frame_bytes, 'r');
                   const auto begin = Clock::now();
                   for (std::uint64_t i = 0; i < times; ++i) file.write(frame.data(), frame.size());
                   return nanoseconds_since(begin) / static_cast<double>(times);
                 }}};
      });
}
