// SPDX-License-Identifier: MIT
//
// Does a log get slower, or larger in memory, as it grows? (P14) A log and a raw file are written from nothing to 1 GB
// in turn, and timed in steps: behind the first MB, behind 100 MB, and at the end of the GB. What is compared is how
// the ratio of the two at the end stands to their ratio at the beginning. Then the heap of an open log of 1 GB beside
// that of an empty one.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

const std::string piece(64 * 1024, 'r');

/// The page cache takes its next pages from those that were freed last. Of others the host of a virtual machine may
/// have taken the memory back, and the first write to such a page takes ten times as long.
void warm_free_memory(std::uint64_t bytes) {
  RawFile file("warm");
  file.write_in_pieces(piece, bytes + bytes / 4);
}

/// Where it is timed: so many bytes behind the first so many.
struct Stretch {
  std::uint64_t begin;
  std::uint64_t bytes;
};
struct Stretches {
  Stretch small, medium, large;
};

/// Nanoseconds for each stretch, of something that grows by `grow(bytes)`.
struct Times {
  double small, medium, large;
};
template <class Grow>
Times time_growth(const Stretches& stretches, const Grow& grow) {
  std::uint64_t size = 0;
  const auto time = [&](const Stretch& stretch) {
    grow(stretch.begin - size);
    const auto begin = Clock::now();
    grow(stretch.bytes);
    size = stretch.begin + stretch.bytes;
    return nanoseconds_since(begin);
  };
  return {time(stretches.small), time(stretches.medium), time(stretches.large)};
}

/// One round: ratios of the log's times to the raw file's.
class Growth {
 public:
  Growth(const Stretches& stretches, Notes& notes) : stretches_(stretches), notes_(notes) {}

  [[nodiscard]] double at_small() { return take(at_small_); }
  [[nodiscard]] double at_large() { return take(at_large_); }

 private:
  /// Whoever asks first makes the round.
  [[nodiscard]] double take(std::optional<double>& ratio) {
    if (!ratio) round();
    return *std::exchange(ratio, std::nullopt);
  }

  void round() {
    const Times log = time_log();
    const Times raw = time_raw();
    at_small_ = log.small / raw.small;
    at_large_ = log.large / raw.large;
    notes_.add("behind 100 MB, ratio to raw", log.medium / raw.medium);
  }
  [[nodiscard]] Times time_log() const {
    warm_free_memory(whole());
    auto log = fresh_log("log");
    const Times times = time_growth(stretches_, [&](std::uint64_t bytes) { append_bytes(*log, bytes); });
    must_be(log->stats().file_size == log->last_lsn() * frame_bytes, "the file is as long as its frames");
    must_be(log->stats().file_size > whole() - 10 * frame_bytes, "the log has grown to its full size");
    return times;
  }
  [[nodiscard]] Times time_raw() const {
    warm_free_memory(whole());
    RawFile file("raw");
    return time_growth(stretches_, [&](std::uint64_t bytes) { file.write_in_pieces(piece, bytes); });
  }
  [[nodiscard]] std::uint64_t whole() const { return stretches_.large.begin + stretches_.large.bytes; }

  Stretches stretches_;
  Notes& notes_;
  std::optional<double> at_small_;
  std::optional<double> at_large_;
};

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
  const std::uint64_t big = setting().quick ? 40 * MB : 1000 * MB;
  ask({.row = "P14/growth",
       .what = "append at the end of 1 GB as a ratio to `write`; the same at the end of 1 MB",
       .unit = "x raw",
       .bar = 1.1},
      [=](Notes& notes) -> std::vector<Side> {
        const Stretches stretches{{MB, big / 20}, {big / 10, big / 20}, {big - big / 20, big / 20}};
        const auto growth = std::make_shared<Growth>(stretches, notes);
        return {{"at_1GB", [=] { return growth->at_large(); }}, {"at_1MB", [=] { return growth->at_small(); }}};
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
