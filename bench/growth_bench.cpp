// SPDX-License-Identifier: MIT
//
// Does a log get slower, or larger in memory, as it grows? (P14) The same appends at the end of logs of 1 MB, 100 MB
// and 1 GB, each beside `write` in 64 KiB pieces at the end of a file of that size; then the heap of an open log of 1
// GB beside that of an empty one. What is compared is how the ratio at 1 GB stands to the ratio at 1 MB.

#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::uint64_t MB = 1000000;

void append_bytes(rewal::Wal<>& wal, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < bytes / frame_bytes; ++i) must(wal.append(payload));
  must(wal.flush());
}

/// Nanoseconds an append, over so many bytes of them behind `before` bytes of others.
double append_behind(std::uint64_t before, std::uint64_t bytes) {
  auto log = fresh_log("log");
  append_bytes(*log, before);
  const auto begin = Clock::now();
  append_bytes(*log, bytes);
  const double elapsed = nanoseconds_since(begin);
  const std::uint64_t events = bytes / frame_bytes;
  must_be(log->last_lsn() == before / frame_bytes + events, "every append has its LSN");
  must_be(log->stats().file_size == log->last_lsn() * frame_bytes, "the file is as long as its frames");
  return elapsed / static_cast<double>(events);
}

double write_behind(std::uint64_t before, std::uint64_t bytes) {
  RawFile file("raw");
  const std::string piece(64 * 1024, 'r');
  file.write_in_pieces(piece, before);
  const auto begin = Clock::now();
  file.write_in_pieces(piece, bytes);
  return nanoseconds_since(begin) / static_cast<double>(bytes / frame_bytes);
}

/// How the log stands to the raw writes, at the end of that much.
double ratio_behind(std::uint64_t before, std::uint64_t bytes, Notes& notes, const std::string& name) {
  const double raw = write_behind(before, bytes);
  const double ratio = append_behind(before, bytes) / raw;
  notes.add(name + ", ratio to raw", ratio);
  return ratio;
}

std::uint64_t heap_bytes() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

/// MiB that opening takes and keeps.
double heap_of_open_log(const std::string& path, std::uint64_t file_bytes) {
  const std::uint64_t before = heap_bytes();
  auto wal = must(rewal::Wal<>::open(path).build());
  must_be(wal.stats().file_size == file_bytes, "the whole log is open");
  const std::uint64_t after = heap_bytes();
  must(wal.close());
  return static_cast<double>(after - before) / (1024 * 1024);
}

}  // namespace

void bench::questions() {
  const std::uint64_t big = setting().quick ? 10 * MB : 1000 * MB;
  const std::uint64_t timed = setting().quick ? MB : 64 * MB;
  ask({.row = "P14/growth",
       .what = "append behind 1 GB, as a ratio to raw; the same behind 1 MB",
       .unit = "x raw",
       .bar = 1.1},
      [=](Notes& notes) -> std::vector<Side> {
        return {{"behind_1GB", [=, &notes] { return ratio_behind(big, timed, notes, "1 GB"); }},
                {"behind_1MB", [=, &notes] { return ratio_behind(MB, timed, notes, "1 MB"); }},
                {"behind_100MB", [=, &notes] { return ratio_behind(big / 10, timed, notes, "100 MB"); }}};
      });
  ask({.row = "P14/memory",
       .what = "heap of an open log of 1 GB beyond that of an empty one, its index",
       .unit = "MiB",
       .bar = 4.0},
      [=](Notes& notes) -> std::vector<Side> {
        const std::string large = setting().fresh("large");
        {
          auto wal = must(rewal::Wal<>::open(large).build());
          append_bytes(wal, big);
          must(wal.shutdown());
        }
        return {{"rewal", [=, &notes] {
                   const double empty = heap_of_open_log(setting().fresh("empty"), 0);
                   const double full = heap_of_open_log(large, big / frame_bytes * frame_bytes);
                   notes.add("MiB of an empty log", empty);
                   notes.add("MiB of the log of 1 GB", full);
                   return full - empty;
                 }}};
      });
}
