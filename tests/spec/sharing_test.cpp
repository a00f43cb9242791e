// SPDX-License-Identifier: MIT
//
// One fsync for all who wait meanwhile, none lost among them.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <rewal/wal.hpp>
#include <spec/recorded_log.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("those who wait while an fsync runs share the next one") {
  const Disk disk;
  auto wal = must(on(disk).build());
  const auto before = disk.syncs().passed();
  Hold hold(disk.syncs());
  auto leader = in_background([&] { return wal.append_durable("event"); });
  hold.await_caller();
  std::vector<std::future<Result<Lsn>>> others;
  for (int i = 0; i < 7; ++i) others.push_back(in_background([&] { return wal.append_durable("event"); }));
  CHECK(eventually([&] { return wal.stats().queue_len == 7; }));
  hold.release();
  CHECK(outcome(leader));
  for (auto& other : others) CHECK(outcome(other));
  CHECK(disk.syncs().passed() - before == 2);
}

TEST_CASE("concurrent callers of sync share one fsync") {
  const Disk disk;
  auto wal = must(on(disk).build());
  must(wal.append("event"));
  must(wal.flush());
  const auto before = disk.syncs().passed();
  Hold hold(disk.syncs());
  std::vector<std::future<Result<void>>> callers;
  for (int i = 0; i < 8; ++i) callers.push_back(in_background([&] { return wal.sync(); }));
  hold.await_caller();
  hold.release();
  for (auto& caller : callers) CHECK(outcome(caller));
  CHECK(disk.syncs().passed() - before <= 2);
}

TEST_CASE("no wait is satisfied by an fsync that began before its bytes were written") {
  const Disk disk;
  auto wal = must(on(disk).build());
  Hold hold(disk.syncs());
  auto first = in_background([&] { return wal.append_durable("first"); });
  hold.await_caller();
  must(wal.append("second"));
  auto second = in_background([&] { return wal.wait_durable(2); });
  hold.let_one_through();
  CHECK(outcome(first));
  hold.await_caller();
  CHECK(stays_pending(second));
  CHECK(wal.durable_lsn() == 1);
  hold.release();
  CHECK(outcome(second));
}

TEST_CASE("a wait for what is durable does nothing") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  must(wal.append_durable("event"));
  const auto before = disk.operations().size();
  CHECK(wal.wait_durable(1));
  CHECK(wal.wait_durable(0));
  CHECK(wal.sync());
  CHECK(wal.flush());
  CHECK(disk.operations().size() == before);
}

namespace {

/// A storage whose fsync takes its time: a millisecond, the least that every system sleeps.
struct SlowSync : RecordingStorage {
  Result<void> sync() {
    std::this_thread::sleep_for(1ms);
    return RecordingStorage::sync();
  }
};

}  // namespace

TEST_CASE("many durable appends from many threads need far fewer fsyncs than appends") {
  const SlowSync disk;
  auto wal = must(on(disk).build());
  const std::size_t each = volume(100);
  together(8, [&](std::size_t) {
    for (std::size_t i = 0; i < each; ++i) must(wal.append_durable("event"));
  });
  CHECK(disk.count(Op::sync) < 8 * each / 2);
  CHECK(wal.durable_lsn() == 8 * each);
}

TEST_CASE("no wake-up is lost among writers, flushers and waiters") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch);
  auto wal = must(on(RecordingStorage(), mode).queue_capacity(4).build());
  together(6, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(300); ++i) {
      const Lsn lsn = must(wal.append("event"));
      if (thread % 3 == 0) must(wal.flush());
      if (thread % 3 == 1) must(wal.wait_durable(lsn));
    }
  });
  CHECK(wal.shutdown());
}
