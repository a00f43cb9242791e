// SPDX-License-Identifier: MIT
//
// G18: with interval(d) the fsync for an event starts within d of its append, or when the one then running ends, also
// on an idle tail. By the real clock, with the machine's own lateness measured beside.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Random;
using rewal_torture::Row;
using std::chrono::nanoseconds;
using Steady = std::chrono::steady_clock;

/// A storage that notes when each fsync began, how long it took, and what it covered.
template <class S>
struct Timed {
  struct Sync {
    Steady::time_point begin;
    Steady::time_point end;
    std::uint64_t covers;
  };
  struct Tape {
    std::mutex mutex;
    std::vector<Sync> syncs;
  };
  S disk;
  nanoseconds extra{};
  std::shared_ptr<Tape> tape = std::make_shared<Tape>();

  Result<std::size_t> write(Bytes bytes) { return disk.write(bytes); }
  Result<void> sync() {
    const auto covers = must(disk.size());
    const auto begin = Steady::now();
    auto result = disk.sync();
    if (extra.count() > 0) std::this_thread::sleep_for(extra);
    const std::lock_guard lock(tape->mutex);
    tape->syncs.push_back({begin, Steady::now(), covers});
    return result;
  }
  Result<void> close() { return disk.close(); }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t at) { return disk.read_at(into, at); }
};

/// How late this machine wakes a thread that sleeps.
class WakeUpLateness {
 public:
  explicit WakeUpLateness(nanoseconds period)
      : thread_([this, period] {
          while (!over_) {
            const auto due = Steady::now() + period;
            std::this_thread::sleep_until(due);
            worst_ = (std::max)(worst_.load(), nanoseconds(Steady::now() - due).count());
          }
        }) {}
  WakeUpLateness(const WakeUpLateness&) = delete;
  WakeUpLateness& operator=(const WakeUpLateness&) = delete;
  ~WakeUpLateness() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] nanoseconds worst() const { return nanoseconds(worst_.load()); }

 private:
  std::atomic<bool> over_{false};
  std::atomic<std::int64_t> worst_{0};
  std::thread thread_;
};

template <class S>
void real_lag(Timed<S> disk, nanoseconds interval, std::chrono::milliseconds length, const std::string& where,
              bool is_judged) {
  Row row("G18", "lag from append to the start of its fsync, real clock, " + where, "events");
  const WakeUpLateness lateness(interval / 8);
  struct Appended {
    Steady::time_point returned;
    std::uint64_t end;
  };
  std::vector<Appended> appended;
  const auto tape = disk.tape;
  auto wal = must(Wal<>::open("log").sync_mode(SyncMode::interval(interval)).storage(std::move(disk)).build());
  Random random(rewal_torture::seed());
  const std::string payload(300, 'x');
  std::uint64_t end = 0;
  for (const auto stop = Steady::now() + length; Steady::now() < stop;) {
    const auto size = static_cast<std::size_t>(random.below(300));
    must(wal.append(std::string_view(payload).substr(0, size)));
    appended.push_back({Steady::now(), end += frame_bytes(size)});
    // Close together, apart, or so far apart that the log falls asleep.
    const auto kind = random.below(20);
    const auto most = kind == 0 ? 5 * interval : kind < 10 ? interval / 2 : interval / 50;
    std::this_thread::sleep_for(nanoseconds(random.below(static_cast<std::uint64_t>(most.count()) + 1)));
  }
  // The tail, unasked.
  const bool all = eventually([&] { return wal.durable_lsn() == appended.size(); });
  CHECK(all);
  std::vector<nanoseconds> lags;
  nanoseconds longest_sync{};
  std::vector<typename Timed<S>::Sync> syncs;
  {
    const std::lock_guard lock(tape->mutex);
    syncs = tape->syncs;
  }
  for (const auto& sync : syncs) longest_sync = (std::max)(longest_sync, nanoseconds(sync.end - sync.begin));
  for (const auto& event : appended) {
    const auto sync =
        std::find_if(syncs.begin(), syncs.end(), [&](const auto& one) { return one.covers >= event.end; });
    if (sync != syncs.end()) lags.push_back(sync->begin - event.returned);
  }
  REQUIRE(lags.size() == appended.size());
  std::sort(lags.begin(), lags.end());
  const auto microseconds = [](nanoseconds span) {
    return span.count() < 0 ? 0 : static_cast<std::uint64_t>(span.count() / 1000);
  };
  const nanoseconds fair = interval + longest_sync + lateness.worst();
  row.count = lags.size();
  row.note("interval_us", microseconds(interval));
  row.note("p50_us", microseconds(lags[lags.size() / 2]));
  row.note("p99_us", microseconds(lags[lags.size() * 99 / 100]));
  row.note("max_us", microseconds(lags.back()));
  row.note("longest_fsync_us", microseconds(longest_sync));
  row.note("worst_wakeup_us", microseconds(lateness.worst()));
  row.note("beyond_d_and_fsync_and_wakeup",
           static_cast<std::uint64_t>(std::count_if(lags.begin(), lags.end(), [&](auto lag) { return lag > fair; })));
  // A loaded machine may be late for one event or another, but not for the half of them.
  const bool is_late = is_judged && lags[lags.size() / 2] > fair;
  row.violations = !all || is_late;
  CHECK_FALSE(is_late);
  must(wal.shutdown());
}

}  // namespace

// How long it took is judged by the long run alone, on a machine that does nothing else.
TEST_CASE("by the real clock, every event becomes durable unasked") {
  const TempDir dir;
  const auto length = std::chrono::milliseconds(1200 / (sanitized ? 2 : 1));
  real_lag(Timed<MemoryStorage>{MemoryStorage{}, 0us}, 5ms, length, "memory", false);
  real_lag(Timed<MemoryStorage>{MemoryStorage{}, 3ms}, 2ms, length, "memory, fsync of 3 ms", false);
  real_lag(Timed<FileStorage>{must(FileStorage::open(dir.file("log")))}, 20ms, length, "file", false);
}

TEST_CASE("by the real clock, for as long as there is time", "[.torture]") {
  const TempDir dir;
  const auto seconds = std::chrono::seconds(rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20));
  real_lag(Timed<MemoryStorage>{MemoryStorage{}, 0us}, 5ms, seconds / 3, "memory, the long run", true);
  real_lag(Timed<FileStorage>{must(FileStorage::open(dir.file("short")))}, 10ms, seconds / 3, "file, the long run",
           true);
  real_lag(Timed<FileStorage>{must(FileStorage::open(dir.file("log")))}, 50ms, seconds / 3, "file, the long run", true);
}
