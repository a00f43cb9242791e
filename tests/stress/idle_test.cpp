// SPDX-License-Identifier: MIT
//
// P12: an idle log uses no processor: its writer thread is never woken, in any mode, new, used or failed. Yet what is
// appended afterwards reaches the storage unasked. Counted by the system, so on Linux alone.

#include <catch2/catch_test_macros.hpp>
#include <rewal/platform.hpp>

#if REWAL_LINUX

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <rewal/wal.hpp>
#include <set>
#include <string>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;

std::set<std::string> threads() {
  std::set<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    ids.insert(entry.path().filename().string());
  }
  return ids;
}

/// How often a thread went to sleep or was put off the processor.
std::uint64_t switches(const std::string& thread) {
  std::ifstream status("/proc/self/task/" + thread + "/status");
  std::uint64_t count = 0;
  bool found = false;
  for (std::string word; status >> word;) {
    if (word != "voluntary_ctxt_switches:" && word != "nonvoluntary_ctxt_switches:") continue;
    std::uint64_t n = 0;
    status >> n;
    count += n;
    found = true;
  }
  if (!found) throw std::runtime_error("the system does not say how often a thread was switched");
  return count;
}

/// Whether a thread sleeps; one that waits for a processor, as on a busy machine, has not come to its sleep yet.
bool sleeps(const std::string& thread) {
  std::ifstream status("/proc/self/task/" + thread + "/status");
  for (std::string word; status >> word;) {
    if (word != "State:") continue;
    status >> word;
    return word == "S";
  }
  return false;
}

/// A log and the thread that it started.
template <class W>
struct Watched {
  template <class Build>
  explicit Watched(Build build) {
    const auto before = threads();
    wal = std::make_unique<W>(must(build()));
    for (const auto& id : threads()) {
      if (!before.contains(id)) writer = id;
    }
    if (writer.empty()) throw std::runtime_error("no writer thread was started");
  }

  /// Returns when the thread sleeps and has not moved for a while.
  void settle() const {
    std::uint64_t last = UINT64_MAX;
    const std::string complaint = "the writer thread never sleeps";
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto now = switches(writer);
      if (now == last && sleeps(writer)) return;
      last = now;
      std::this_thread::sleep_for(60ms);
    }
    throw std::runtime_error(complaint);
  }
  /// How often the thread moves in this time.
  [[nodiscard]] std::uint64_t moves_in(std::chrono::milliseconds time) const {
    const auto before = switches(writer);
    std::this_thread::sleep_for(time);
    return switches(writer) - before;
  }

  std::unique_ptr<W> wal;
  std::string writer;
};

constexpr std::chrono::milliseconds while_idle{200};

template <class W>
void stays_idle(const Watched<W>& log, Row& row) {
  log.settle();
  const auto moves = log.moves_in(while_idle);
  row.count += static_cast<std::uint64_t>(while_idle.count());
  row.violations += moves;
  CHECK(moves == 0);
}

const std::vector<std::pair<std::string, SyncMode>> modes{{"never", SyncMode::never},
                                                          {"batch", SyncMode::batch},
                                                          {"interval(2ms)", SyncMode::interval(2ms)},
                                                          {"interval(20ms)", SyncMode::interval(20ms)}};

}  // namespace

TEST_CASE("an idle log is never woken, new or used, in any mode") {
  Row row("P12", "an idle log's writer thread", "milliseconds");
  const TempDir dir;
  for (const auto& entry : modes) {
    const std::string& name = entry.first;
    const SyncMode mode = entry.second;
    INFO(name);
    const Watched<Wal<>> log([&] { return Wal<>::open(dir.file(name)).sync_mode(mode).build(); });
    stays_idle(log, row);
    // By the writer alone, then by those who wait, then by both; the tail of an interval is fsynced first.
    for (int i = 0; i < 100; ++i) must(log.wal->append("event"));
    CHECK(eventually([&] { return log.wal->last_lsn() == 100; }));
    if (mode.kind() != SyncMode::Kind::never) CHECK(eventually([&] { return log.wal->durable_lsn() == 100; }));
    stays_idle(log, row);
    must(log.wal->append_durable("event"));
    for (int i = 0; i < 100; ++i) must(log.wal->append(std::string(3000, 'x')));
    must(log.wal->flush());
    stays_idle(log, row);
    must(log.wal->replay(0, [](const BorrowedEvent&) {}));
    static_cast<void>(log.wal->stats());
    stays_idle(log, row);
    must(log.wal->shutdown());
  }
}

TEST_CASE("a log with waiting followers is never woken, and neither are they") {
  Row row("P12", "an idle log's writer thread and two followers", "milliseconds");
  const TempDir dir;
  for (const auto& entry : modes) {
    INFO(entry.first);
    const Watched<Wal<>> log([&] { return Wal<>::open(dir.file(entry.first)).sync_mode(entry.second).build(); });
    auto durable = must(log.wal->follow(1));
    auto written = must(log.wal->follow(1, Follow::written));
    std::atomic<Lsn> seen_durable{0};
    std::atomic<Lsn> seen_written{0};
    const auto take = [](auto& follower, std::atomic<Lsn>& seen) {
      while (const auto event = follower.next_borrowed()) seen = event->lsn;
    };
    const auto before = threads();
    auto first = in_background([&] { take(durable, seen_durable); });
    auto second = in_background([&] { take(written, seen_written); });
    std::vector<std::string> idle{log.writer};
    for (const auto& id : threads()) {
      if (!before.contains(id)) idle.push_back(id);
    }
    REQUIRE(idle.size() == 3);
    for (int i = 0; i < 100; ++i) must(log.wal->append("event"));
    CHECK(eventually([&] { return seen_durable == 100 && seen_written == 100; }));
    log.settle();
    std::uint64_t moves = 0;
    for (const auto& id : idle) moves -= switches(id);
    std::this_thread::sleep_for(while_idle);
    for (const auto& id : idle) moves += switches(id);
    row.count += static_cast<std::uint64_t>(while_idle.count());
    row.violations += moves;
    CHECK(moves == 0);
    must(log.wal->shutdown());
    first.wait();
    second.wait();
  }
}

TEST_CASE("a log that failed is never woken") {
  Row row("P12", "a failed log's writer thread", "milliseconds");
  for (const auto& entry : modes) {
    const std::string& name = entry.first;
    const SyncMode mode = entry.second;
    for (const Op op : {Op::write, Op::sync}) {
      if (op == Op::sync && mode.kind() == SyncMode::Kind::never) continue;
      INFO(name << ", failed " << op);
      RecordingStorage disk;
      const Watched<Wal<RecordingStorage>> log(
          [&] { return Wal<>::open("log").storage(disk).sync_mode(mode).build(); });
      disk.fail(op, 1, EIO, Fault::for_ever);
      must(log.wal->append("event"));
      CHECK(eventually([&] { return !log.wal->append("event"); }));
      CHECK(said(log.wal->flush()) == "io");
      stays_idle(log, row);
    }
  }
}

TEST_CASE("a log behind a shutdown that timed out, or a close, ends its thread") {
  const auto before = threads();
  for (int i = 0; i < 3; ++i) {
    auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).build());
    must(wal.append("event"));
    if (i == 0) must(wal.close());
    if (i == 1) must(wal.shutdown());
  }
  CHECK(eventually([&] { return threads().size() <= before.size(); }));
}

TEST_CASE("what is appended to a sleeping log reaches the storage unasked") {
  Row row("P12", "events that woke a sleeping log", "events");
  std::vector<std::chrono::nanoseconds> lags;
  for (const auto& entry : modes) {
    const std::string& name = entry.first;
    const SyncMode mode = entry.second;
    INFO(name);
    const Watched<Wal<MemoryStorage>> log(
        [&] { return Wal<>::open("log").storage(MemoryStorage{}).sync_mode(mode).build(); });
    for (std::uint64_t i = 0; i < 40 / rewal_torture::thinning; ++i) {
      if (i % 4 == 0) log.settle();  // asleep; else between its polls
      const Lsn lsn = must(log.wal->append("event"));
      const auto begin = std::chrono::steady_clock::now();
      const bool written = eventually([&] { return log.wal->last_lsn() >= lsn; });
      lags.push_back(std::chrono::steady_clock::now() - begin);
      ++row.count;
      row.violations += !written;
      REQUIRE(written);
      if (mode.kind() != SyncMode::Kind::never) CHECK(eventually([&] { return log.wal->durable_lsn() >= lsn; }));
    }
  }
  std::sort(lags.begin(), lags.end());
  const auto microseconds = [](std::chrono::nanoseconds lag) { return static_cast<std::uint64_t>(lag.count() / 1000); };
  row.note("p50_us", microseconds(lags[lags.size() / 2]));
  row.note("max_us", microseconds(lags.back()));
}

#endif  // REWAL_LINUX
