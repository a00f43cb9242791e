// SPDX-License-Identifier: MIT
//
// How a log ends that has failed, or that fails while it drains.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <rewal/wal.hpp>
#include <spec/log_end.hpp>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/errno.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("shutdown after a failed write closes, unlocks and says that error each time, to everyone", "[figures]") {
  Callers row;
  const RecordingStorage disk;
  auto wal = open_on(disk);
  disk.fail(Op::write, 1, ENOSPC);
  must(wal.append("event"));
  CHECK(errno_of(wal.flush()) == ENOSPC);
  std::atomic<int> right{0};
  together(4,
           [&](std::size_t) { right += errno_of(wal.shutdown()) == ENOSPC && errno_of(wal.shutdown(0s)) == ENOSPC; });
  CHECK(right == 4);
  row.count += 4;
  CHECK(wal.state() == State::closed);
  CHECK(disk.count(Op::close) == 1);
}

TEST_CASE("an error while shutdown drains is what shutdown says, each time") {
  const Op op = GENERATE(Op::write, Op::sync, Op::close);
  const RecordingStorage disk;
  auto wal = open_on(disk);
  disk.fail(op, 1, EDQUOT);
  must(wal.append("event"));
  CHECK(errno_of(wal.shutdown()) == EDQUOT);
  CHECK(wal.state() == State::closed);
  CHECK(errno_of(wal.shutdown()) == EDQUOT);
  CHECK(errno_of(wal.shutdown(1h)) == EDQUOT);
  CHECK(disk.count(Op::close) == 1);
}

TEST_CASE("appends blocked by a full queue get the error that ends the log") {
  const Disk disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_capacity(1).build());
  disk.disk().fail(Op::write, 1, ENOSPC);
  Hold hold(disk.writes());
  must(wal.append("1"));
  auto blocked = in_background([&] { return wal.append("2"); });
  CHECK(stays_pending(blocked));
  hold.release();
  CHECK(errno_of(outcome(blocked)) == ENOSPC);
  CHECK(errno_of(wal.shutdown()) == ENOSPC);
}

TEST_CASE("an event larger than the queue that waits for room gets the error that ends the log") {
  const Disk disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_bytes(1000).build());
  disk.disk().fail(Op::write, 1, ENOSPC);
  Hold hold(disk.writes());
  must(wal.append("1"));
  auto larger = in_background([&] { return wal.append(std::string(2000, 'x')); });
  CHECK(stays_pending(larger));
  hold.release();
  CHECK(errno_of(outcome(larger)) == ENOSPC);
}

TEST_CASE("an event larger than the queue that waits for room comes back when the log is closed") {
  const Disk disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_bytes(1000).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  auto flush = in_background([&] { return wal.flush(); });
  hold.await_caller();
  must(wal.append("2"));
  auto larger = in_background([&] { return wal.append(std::string(2000, 'x')); });
  CHECK(stays_pending(larger));
  auto close = in_background([&] { return wal.close(); });
  const std::string answer = said(outcome(larger));
  CHECK((answer == "closed" || answer == "draining"));
  hold.release();
  CHECK(outcome(close));
  static_cast<void>(outcome(flush));
}

TEST_CASE("a log that failed is opened again and holds what the storage has") {
  const RecordingStorage disk;
  {
    auto wal = open_on(disk);
    must(wal.append_durable("kept"));
    disk.fail(Op::write, 1, EIO);
    must(wal.append("lost"));
    CHECK(errno_of(wal.flush()) == EIO);
  }
  disk.start_afresh();
  auto again = open_on(disk);
  CHECK(payloads(again) == std::vector<std::string>{"kept"});
  CHECK(again.append_durable("next") == 2u);
}
