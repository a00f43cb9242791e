// SPDX-License-Identifier: MIT
//
// How a log ends by shutdown: alone, raced, with a limit, against a storage that blocks.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <limits>
#include <rewal/wal.hpp>
#include <spec/log_end.hpp>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("shutdown writes and fsyncs every accepted event in every mode, then closes", "[figures]") {
  Ends row;
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1h));
  const RecordingStorage disk;
  auto wal = open_on(disk, mode);
  for (int i = 0; i < 1000; ++i) must(wal.append("event"));
  CHECK(wal.shutdown());
  CHECK(wal.state() == State::closed);
  CHECK(events_in(disk) == 1000);
  CHECK(disk.synced_bytes() == disk.content().size());
  CHECK(wal.durable_lsn() == 1000);
  CHECK(disk.sequence().ends_with("close"));
  CHECK(disk.count(Op::close) == 1);
  ++row.count;
}

TEST_CASE("shutdown of a log without events closes it") {
  const RecordingStorage disk;
  auto wal = open_on(disk);
  CHECK(wal.shutdown());
  CHECK(disk.content().empty());
  CHECK(disk.count(Op::close) == 1);
}

TEST_CASE("all who call shutdown at once get the same success", "[figures]") {
  Callers row;
  for (std::size_t round = 0; round < volume(50); ++round) {
    const RecordingStorage disk;
    auto wal = open_on(disk);
    for (int i = 0; i < 100; ++i) must(wal.append("event"));
    std::atomic<int> successes{0};
    together(8, [&](std::size_t) { successes += wal.shutdown().has_value(); });
    REQUIRE(successes == 8);
    REQUIRE(disk.count(Op::close) == 1);
    REQUIRE(events_in(disk) == 100);
    row.count += 8;
  }
}

TEST_CASE("shutdown with a timeout of 0 or less looks once, and the log goes on draining") {
  const auto look = GENERATE(0s, -1s, std::chrono::seconds::min());
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append("event"));
  Hold hold(disk.writes());
  CHECK(timed_out(wal.shutdown(look)));
  CHECK(wal.state() == State::draining);
  CHECK(said(wal.append("late")) == "draining");
  hold.release();
  CHECK(wal.shutdown());
  CHECK(events_in(disk.disk()) == 1);
}

TEST_CASE("shutdown with a timeout comes back although the storage does not") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append("event"));
  const Hold hold(disk.writes());
  const auto before = std::chrono::steady_clock::now();
  CHECK(timed_out(wal.shutdown(30ms)));
  CHECK(std::chrono::steady_clock::now() - before >= 30ms);
  CHECK(timed_out(wal.shutdown(1ms)));
  CHECK(wal.state() == State::draining);
}

TEST_CASE("any duration is a legal timeout") {
  const auto shut = [](auto timeout) {
    auto wal = open_on(RecordingStorage());
    must(wal.append("event"));
    return said(wal.shutdown(timeout));
  };
  CHECK(shut(std::chrono::hours::max()) == "ok");
  CHECK(shut(std::chrono::nanoseconds::max()) == "ok");
  CHECK(shut(std::chrono::duration<double>(1e300)) == "ok");
  CHECK(shut(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == "ok");
  CHECK(shut(std::chrono::duration<int, std::ratio<86400>>(1'000'000)) == "ok");
  CHECK(shut(std::chrono::duration<unsigned, std::milli>(60'000u)) == "ok");
}

TEST_CASE("the shortest of durations is a legal timeout") {
  auto wal = open_on(RecordingStorage());
  const auto first = wal.shutdown(std::chrono::hours::min());
  CHECK((first || timed_out(first)));
  CHECK(wal.shutdown());
}

TEST_CASE("a shutdown that timed out is finished by the next one, nothing lost") {
  const Disk disk;
  auto wal = open_on(disk);
  Hold hold(disk.writes());
  for (int i = 0; i < 100; ++i) must(wal.append("event"));
  CHECK(timed_out(wal.shutdown(1ms)));
  auto second = in_background([&] { return wal.shutdown(); });
  CHECK(stays_pending(second));
  hold.release();
  CHECK(outcome(second));
  CHECK(wal.shutdown(0s));
  CHECK(events_in(disk.disk()) == 100);
  CHECK(ends_with_sync_and_close(disk.disk()));
}

TEST_CASE("shutdown is no success before the storage is closed") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append("event"));
  Hold hold(disk.closes());
  auto shut = in_background([&] { return wal.shutdown(); });
  hold.await_caller();
  CHECK(stays_pending(shut));
  CHECK(wal.state() == State::draining);
  CHECK(timed_out(wal.shutdown(0s)));
  hold.release();
  CHECK(outcome(shut));
}

TEST_CASE("who waits for what the fsync of shutdown covers does not wait for the storage to be closed") {
  const Disk disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  Hold syncs(disk.syncs());
  Hold closes(disk.closes());
  const Lsn lsn = must(wal.append("event"));
  auto ended = in_background([&] { return wal.shutdown(); });
  syncs.await_caller();
  auto durable = in_background([&] { return wal.wait_durable(lsn); });
  CHECK(stays_pending(durable));
  syncs.release();
  closes.await_caller();
  CHECK(outcome(durable));
  CHECK_FALSE(is_done(ended));
  closes.release();
  CHECK(outcome(ended));
}

TEST_CASE("while the log drains, flush, sync, wait_durable, replay and iterator still work") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append_durable("first"));
  Hold hold(disk.writes());
  must(wal.append("second"));
  CHECK(timed_out(wal.shutdown(0s)));
  auto flushed = in_background([&] { return wal.flush(); });
  auto durable = in_background([&] { return wal.wait_durable(2); });
  CHECK(stays_pending(flushed));
  CHECK(stays_pending(durable));
  CHECK(wal.sync());  // of what is written: the first
  CHECK(payloads(wal) == std::vector<std::string>{"first"});
  CHECK(must(wal.iterator(1)).next()->value().lsn == 1);
  hold.release();
  CHECK(outcome(flushed));
  CHECK(outcome(durable));
  CHECK(wal.shutdown());
}

TEST_CASE("appends blocked by a full queue are refused when shutdown begins") {
  const Disk disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_capacity(2).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  must(wal.append("2"));
  std::vector<std::future<Result<Lsn>>> blocked;
  for (int i = 0; i < 3; ++i) blocked.push_back(in_background([&] { return wal.append("late"); }));
  CHECK(stays_pending(blocked.front()));
  CHECK(timed_out(wal.shutdown(0s)));
  for (auto& append : blocked) CHECK(said(outcome(append)) == "draining");
  hold.release();
  CHECK(wal.shutdown());
  CHECK(events_in(disk.disk()) == 2);
}

TEST_CASE("an append that races shutdown is in the log exactly if it got an LSN") {
  for (std::size_t round = 0; round < volume(40); ++round) {
    const RecordingStorage disk;
    auto wal = must(Wal<>::open("log").storage(disk).queue_capacity(8).build());
    std::atomic<std::size_t> accepted{0};
    std::atomic<std::size_t> wrong{0};
    together(4, [&](std::size_t thread) {
      if (thread == 0) {
        while (accepted < 20) std::this_thread::yield();
        if (!wal.shutdown()) ++wrong;
        return;
      }
      for (;;) {
        const auto lsn = wal.append("event");
        if (!lsn) {
          if (said(lsn) != "draining" && said(lsn) != "closed") ++wrong;
          return;
        }
        ++accepted;
      }
    });
    REQUIRE(wrong == 0);
    REQUIRE(events_in(disk) == accepted);
  }
}
