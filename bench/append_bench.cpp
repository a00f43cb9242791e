// SPDX-License-Identifier: MIT
//
// What does an append cost when threads append as fast as they can? (P1) And do many threads get in each other's way?
// Timed from the first append to the return of `flush`, with default options. The yardstick writes the same bytes in
// 64 KiB pieces into a file as fresh as the log's. Two more figures say what the pieces have to do with it: pieces of
// whole frames, which end between two pages, and pieces into reserved space.

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

/// Nanoseconds an append, all threads together.
double append(unsigned threads, std::uint64_t events) {
  auto log = fresh_log("log");
  const std::uint64_t each = events / threads;
  double elapsed = on_threads(threads, [&](unsigned) {
    for (std::uint64_t i = 0; i < each; ++i) must(log->append(payload));
  });
  const auto begin = Clock::now();
  must(log->flush());
  elapsed += nanoseconds_since(begin);
  log.must_hold(each * threads);
  return elapsed / static_cast<double>(each * threads);
}

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t whole_frames_bytes = piece_bytes / frame_bytes * frame_bytes;

double write(std::uint64_t events, std::size_t size, bool reserved) {
  RawFile file("raw", reserved ? events * frame_bytes : 0);
  const std::string piece(size, 'r');
  const auto begin = Clock::now();
  file.write_in_pieces(piece, events * frame_bytes);
  return nanoseconds_since(begin) / static_cast<double>(events);
}

}  // namespace

void bench::questions() {
  const std::uint64_t events = setting().count(1000000);
  for (const unsigned threads : {1u, 2u, 4u, 8u}) {
    ask({.row = "P1/threads:" + std::to_string(threads),
         .what = "append of 128 B by " + std::to_string(threads) + " threads, flush included; `write` in 64 KiB pieces",
         .unit = "ns",
         .bar = 1.25,
         .reach = 1.1},
        [=](Notes&) -> std::vector<Side> {
          return {{"rewal", [=] { return append(threads, events); }},
                  {"raw", [=] { return write(events, piece_bytes, false); }},
                  {"raw_whole_frames", [=] { return write(events, whole_frames_bytes, false); }},
                  {"raw_reserved", [=] { return write(events, piece_bytes, true); }}};
        });
  }
  for (const unsigned threads : {16u, 32u, 64u}) {
    ask({.row = "contention/threads:" + std::to_string(threads),
         .what = "append of 128 B by " + std::to_string(threads) + " threads, flush included; by 4 threads",
         .unit = "ns",
         .bar = 2.0},
        [=](Notes&) -> std::vector<Side> {
          return {{"rewal", [=] { return append(threads, events); }},
                  {"four_threads", [=] { return append(4, events); }}};
        });
  }
}
