// SPDX-License-Identifier: MIT
//
// How long does one append take its caller? In bursts into a queue with room (P2), beside one copy-and-checksum of the
// same frame; and as percentiles, each call recorded, of `append`, of `append` and `flush`, and of `append_durable`.
//
// A burst is timed as a whole and holds nothing but appends; what it left in the queue is written before the next one,
// outside the timed part. Both sides' memory is gone through once before. The writer thread sleeps meanwhile: no burst
// fills half of the queue. "After idle", it has fallen asleep before each burst, whose first call then wakes it.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <rewal/crc32c/crc32c.hpp>
#include <rewal/options.hpp>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/leader_commit.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::uint64_t in_burst = 512;

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Nanoseconds an append, over so many bursts. `rest` comes before each.
template <class Rest>
double append_bursts(std::uint64_t bursts, Notes& notes, const Rest& rest) {
  auto log = fresh_log("log");
  const std::uint64_t cold = rewal::detail::Options{}.queue_bytes / (in_burst * frame_bytes) + 1;
  for (std::uint64_t burst = 0; burst < cold; ++burst) {
    for (std::uint64_t i = 0; i < in_burst; ++i) must(log->append(payload));
    must(log->flush());
  }
  std::vector<double> each;
  double elapsed = 0;
  for (std::uint64_t burst = 0; burst < bursts; ++burst) {
    rest();
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < in_burst; ++i) must(log->append(payload));
    each.push_back(nanoseconds_since(begin));
    elapsed += each.back();
    must(log->flush());
  }
  log.must_hold((cold + bursts) * in_burst);
  notes.add("median burst, ns a call", median_of(each) / in_burst);
  return elapsed / static_cast<double>(bursts * in_burst);
}

/// Frames copied and checksummed one after the other into memory that the cache holds, as much as a burst takes. With
/// `claims`, each after a compare-and-swap and before a store that publishes it: what no queue for several threads can
/// do without, since the processor does not look beyond a locked instruction for work.
double copy_bursts(std::uint64_t bursts, bool claims, Notes& notes) {
  std::vector<std::byte> memory(in_burst * frame_bytes);
  std::array<std::byte, frame_bytes> frame{};
  constexpr std::size_t covered = frame_bytes - 4;
  std::atomic<std::uint64_t> head{0};
  std::vector<std::atomic<std::uint32_t>> marks(in_burst);
  std::vector<double> each;
  double elapsed = 0;
  for (std::uint64_t burst = 0; burst <= bursts; ++burst) {
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < in_burst; ++i) {
      std::uint64_t at = i;
      if (claims) {
        at = head.load(std::memory_order_relaxed);
        while (!head.compare_exchange_weak(at, (at + 1) % in_burst)) {
        }
      }
      std::byte* const to = memory.data() + at * frame_bytes;
      const std::uint32_t crc = rewal::detail::crc32c_copy(0, to, frame.data(), covered);
      std::memcpy(to + covered, &crc, sizeof crc);
      if (claims) marks[at].store(frame_bytes, std::memory_order_release);
    }
    benchmark::ClobberMemory();
    if (burst == 0) continue;  // it warmed the memory
    each.push_back(nanoseconds_since(begin));
    elapsed += each.back();
  }
  if (!claims) notes.add("median burst of copies, ns a call", median_of(each) / in_burst);
  return elapsed / static_cast<double>(bursts * in_burst);
}

void ask_for_bursts() {
  ask({.row = "P2",
       .what = "append of 128 B in bursts of 512, a call; one copy-and-checksum of the frame",
       .unit = "ns",
       .bar = 1.7,
       .reach = 1.3},
      [](Notes& notes) -> std::vector<Side> {
        const std::uint64_t bursts = setting().count(1000);
        return {{"rewal", [=, &notes] { return append_bursts(bursts, notes, [] {}); }},
                {"copy_checksum", [=, &notes] { return copy_bursts(bursts, false, notes); }},
                {"claim_copy_publish", [=, &notes] { return copy_bursts(bursts, true, notes); }}};
      });
  ask({.row = "P2/after-idle",
       .what = "the same, each burst finding the writer asleep; one copy-and-checksum of the frame",
       .unit = "ns",
       .bar = 3.0},
      [](Notes& notes) -> std::vector<Side> {
        const std::uint64_t bursts = setting().count(30);
        const auto rest = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
        return {{"rewal", [=, &notes] { return append_bursts(bursts, notes, rest); }},
                {"copy_checksum", [=, &notes] { return copy_bursts(1000, false, notes); }}};
      });
}

/// Each call is timed from the end of the one before, so that a call costs one reading of the clock. Returns the
/// median.
template <class Call>
double record(std::uint64_t calls, Latencies& into, const Call& call) {
  Latencies mine;
  mine.reserve(calls);
  auto before = Clock::now();
  for (std::uint64_t i = 0; i < calls; ++i) {
    call();
    const auto after = Clock::now();
    mine.add(std::chrono::duration<double, std::nano>(after - before).count());
    before = after;
  }
  into.add(mine);
  return mine.percentile(0.5);
}

template <class Call>
double record_on(unsigned threads, std::uint64_t calls, Latencies& into, const Call& call) {
  std::vector<Latencies> each(threads);
  on_threads(threads, [&](unsigned i) { record(calls / threads, each[i], call); });
  Latencies all;
  for (const auto& one : each) all.add(one);
  into.add(all);
  return all.percentile(0.5);
}

void ask_for_percentiles(unsigned threads) {
  const std::string row = "/threads:" + std::to_string(threads);
  const std::string by =
      " by " + std::to_string(threads) + " threads, each call recorded, the clock's reading included; ";
  ask({.row = "latency/append" + row, .what = "append of 128 B" + by + "`write` of each frame", .unit = "ns"},
      [threads](Notes& notes) -> std::vector<Side> {
        const std::uint64_t calls = setting().count(200000);
        return {{"rewal",
                 [=, &notes] {
                   auto log = fresh_log("log");
                   const double median =
                       record_on(threads, calls, notes.latencies("rewal"), [&] { must(log->append(payload)); });
                   must(log->flush());
                   log.must_hold(calls / threads * threads);
                   return median;
                 }},
                {"raw",
                 [=, &notes] {
                   RawFile file("raw");
                   const std::string frame(frame_bytes, 'r');
                   std::mutex mutex;
                   return record_on(threads, calls, notes.latencies("raw"), [&] {
                     const std::lock_guard lock(mutex);
                     file.write(frame.data(), frame.size());
                   });
                 }},
                {"clock", [=, &notes] { return record_on(threads, calls, notes.latencies("clock"), [] {}); }}};
      });
  ask({.row = "latency/durable" + row,
       .what = "append_durable of 128 B" + by + "leader group commit with plain calls",
       .unit = "ns"},
      [threads](Notes& notes) -> std::vector<Side> {
        const std::uint64_t calls = setting().count(threads == 1 ? 1000 : 5000);
        return {{"rewal",
                 [=, &notes] {
                   auto log = fresh_log("log");
                   const double median =
                       record_on(threads, calls, notes.latencies("rewal"), [&] { must(log->append_durable(payload)); });
                   must_be(log->durable_lsn() == calls / threads * threads, "every append is durable");
                   return median;
                 }},
                {"leader", [=, &notes] {
                   RawFile file("raw", 4 << 20);
                   LeaderCommit leader(file);
                   const std::string frame(frame_bytes, 'r');
                   return record_on(threads, calls, notes.latencies("leader"),
                                    [&] { leader.commit(frame.data(), frame.size()); });
                 }}};
      });
}

void ask_for_flush_percentiles() {
  ask({.row = "latency/flush/threads:1",
       .what = "append of 128 B and flush by 1 thread, each pair recorded, the clock's reading included; `write` of "
               "the frame",
       .unit = "ns"},
      [](Notes& notes) -> std::vector<Side> {
        const std::uint64_t calls = setting().count(50000);
        return {{"rewal",
                 [=, &notes] {
                   auto log = fresh_log("log");
                   const double median = record(calls, notes.latencies("rewal"), [&] {
                     must(log->append(payload));
                     must(log->flush());
                   });
                   log.must_hold(calls);
                   return median;
                 }},
                {"raw", [=, &notes] {
                   RawFile file("raw");
                   const std::string frame(frame_bytes, 'r');
                   return record(calls, notes.latencies("raw"), [&] { file.write(frame.data(), frame.size()); });
                 }}};
      });
}

}  // namespace

void bench::questions() {
  ask_for_bursts();
  ask_for_flush_percentiles();
  for (const unsigned threads : {1u, 8u}) ask_for_percentiles(threads);
}
