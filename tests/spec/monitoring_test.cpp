// SPDX-License-Identifier: MIT
//
// What a monitor is told: the times of fsyncs, the first error, and what has become durable.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <thread>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

std::uint64_t sum(const SyncHistogram& histogram) {
  return std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::uint64_t{0});
}

/// Notes what on_durable says, and what the log says meanwhile.
struct Durable {
  struct State {
    std::mutex mutex;
    std::vector<Lsn> told;
    std::atomic<std::uint64_t> too_early{0};
    std::function<Lsn()> durable_lsn;
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  void on_durable(Lsn lsn) {
    const std::lock_guard lock(state->mutex);
    state->told.push_back(lsn);
    if (state->durable_lsn && state->durable_lsn() < lsn) ++state->too_early;
  }
};

}  // namespace

TEST_CASE("an fsync is counted in the bucket of its time in microseconds, in powers of two") {
  const auto bucket = [](std::uint64_t microseconds) { return SyncHistogram::bucket_of(microseconds * 1000 + 999); };
  CHECK(bucket(0) == 0);
  CHECK(bucket(1) == 0);
  CHECK(bucket(2) == 1);
  CHECK(bucket(3) == 1);
  CHECK(bucket(4) == 2);
  CHECK(bucket((std::uint64_t{1} << 31) - 1) == 30);
  CHECK(bucket(std::uint64_t{1} << 31) == 31);
  CHECK(bucket(std::uint64_t{1} << 40) == 31);
}

TEST_CASE("sync_time holds as many fsyncs as sync_count, and their time") {
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).build());
  CHECK(wal.stats().sync_time == SyncHistogram{});
  for (int i = 0; i < 10; ++i) must(wal.append_durable("event"));
  const Stats stats = wal.stats();
  CHECK(stats.sync_count == 10);
  CHECK(sum(stats.sync_time) == 10);
  CHECK(stats.sync_time.total > 0);
}

TEST_CASE("error() is none while a log is sound, and its first error ever after; the state stays running") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append_durable("event"));
  CHECK_FALSE(wal.error());
  disk.fail(Op::sync, 1, EIO);
  CHECK_FALSE(wal.append_durable("event"));
  REQUIRE(wal.error());
  CHECK(wal.error()->system() == std::errc::io_error);
  CHECK(wal.state() == State::running);
  CHECK_FALSE(wal.shutdown());
  CHECK(wal.error()->system() == std::errc::io_error);
  CHECK_FALSE(Wal<>().error());
}

TEST_CASE("on_durable tells each advance of durable_lsn, after it shows, and never goes back") {
  const Durable hook;
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).hooks(hook).build());
  hook.state->durable_lsn = [&] { return wal.durable_lsn(); };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) must(wal.append_durable("event"));
    });
  }
  for (auto& thread : threads) thread.join();
  must(wal.shutdown());
  const std::lock_guard lock(hook.state->mutex);
  const auto& told = hook.state->told;
  CHECK(hook.state->too_early == 0);
  REQUIRE_FALSE(told.empty());
  CHECK(told.back() == 200);
  for (std::size_t i = 1; i < told.size(); ++i) CHECK(told[i] > told[i - 1]);
  hook.state->durable_lsn = nullptr;
}

TEST_CASE("on_durable is not called for an fsync that makes no event durable, nor by opening") {
  const RecordingStorage disk;
  const Durable hook;
  {
    auto wal = must(Wal<>::open("log").storage(disk).hooks(hook).build());
    must(wal.append_durable("event"));
    must(wal.sync());
    must(wal.wait_durable(1));
  }
  CHECK(hook.state->told == std::vector<Lsn>{1});
  auto again = must(Wal<>::open("log").storage(RecordingStorage(disk.content())).hooks(hook).build());
  CHECK(hook.state->told == std::vector<Lsn>{1});
}

TEST_CASE("after_sync sees the new durable_lsn") {
  struct AfterSync {
    std::shared_ptr<std::pair<std::function<Lsn()>, Lsn>> seen =
        std::make_shared<std::pair<std::function<Lsn()>, Lsn>>();
    void after_sync(std::chrono::nanoseconds) { seen->second = seen->first(); }
  };
  const AfterSync hook;
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).hooks(hook).build());
  hook.seen->first = [&] { return wal.durable_lsn(); };
  must(wal.append_durable("event"));
  CHECK(hook.seen->second == 1);
}
