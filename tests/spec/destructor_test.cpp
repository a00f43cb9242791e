// SPDX-License-Identifier: MIT
//
// How a log ends by its destructor, and that the storage hears nothing after it.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <optional>
#include <rewal/wal.hpp>
#include <spec/log_end.hpp>
#include <spec/recorded_log.hpp>
#include <support/blocking_storage.hpp>
#include <support/errno.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

using namespace rewal_test;

TEST_CASE("the destructor drains, fsyncs and closes, and nothing happens after it", "[figures]") {
  Ends row;
  for (std::size_t round = 0; round < volume(30); ++round) {
    const RecordingStorage disk;
    {
      auto wal = open_on(disk);
      for (int i = 0; i < 100; ++i) must(wal.append("event"));
    }
    REQUIRE(events_in(disk) == 100);
    REQUIRE(ends_with_sync_and_close(disk));
    REQUIRE(disk.synced_bytes() == disk.content().size());
    REQUIRE(disk.trespasses().empty());
    ++row.count;
  }
}

TEST_CASE("the destructor waits as long as the storage does, also after a shutdown that timed out") {
  const Disk disk;
  std::optional<Wal<Disk>> wal(open_on(disk));
  must(wal->append("event"));
  Hold hold(disk.writes());
  CHECK(timed_out(wal->shutdown(0s)));
  auto gone = in_background([&] { wal.reset(); });
  CHECK(stays_pending(gone));
  hold.release();
  outcome(gone);
  CHECK(events_in(disk.disk()) == 1);
  CHECK(ends_with_sync_and_close(disk.disk()));
}

TEST_CASE("the storage hears nothing after the log is gone, however it went", "[figures]") {
  Ends row;
  const int end = GENERATE(0, 1, 2, 3);
  const RecordingStorage disk;
  {
    auto wal = open_on(disk, SyncMode::interval(1ms));
    for (int i = 0; i < 100; ++i) must(wal.append("event"));
    if (end == 1) must(wal.close());
    if (end == 2) static_cast<void>(wal.shutdown(0s));
    if (end == 3) {
      disk.fail(Op::sync, 1, EIO);
      CHECK_FALSE(wal.append_durable("event"));
    }
  }
  const auto operations = disk.operations().size();
  std::this_thread::sleep_for(10ms);  // several intervals: whoever were still there would show
  CHECK(disk.operations().size() == operations);
  CHECK(disk.operations().back().op == Op::close);
  CHECK(disk.trespasses().empty());
  ++row.count;
}
