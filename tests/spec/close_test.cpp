// SPDX-License-Identifier: MIT
//
// How a log ends by close: what is discarded, what is finished, and who is told closed.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <rewal/wal.hpp>
#include <spec/log_end.hpp>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

using namespace rewal_test;

TEST_CASE("close discards what is not yet written and finishes what is") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append("written"));
  must(wal.flush());
  Hold hold(disk.writes());
  auto durable =
      in_background([&] { return wal.append_durable("being written"); });  // and, for one fsync, all there is
  hold.await_caller();
  must(wal.append("discarded"));
  auto close = in_background([&] { return wal.close(); });
  CHECK(stays_pending(close));
  CHECK(said(wal.append("late")) != "ok");
  hold.release();
  CHECK(outcome(close));
  CHECK(said(outcome(durable)) == "closed");
  CHECK(wal.state() == State::closed);
  CHECK(events_in(disk.disk()) == 2);
  CHECK(disk.disk().trespasses().empty());
}

TEST_CASE("close of an idle log does not fsync and does not wait") {
  const RecordingStorage disk;
  auto wal = open_on(disk);
  CHECK(wal.close());
  CHECK(wal.state() == State::closed);
  CHECK(disk.sequence() == "sync close");  // the fsync is build()'s
}

TEST_CASE("a frame that close finds half written is finished or cut away") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append_durable("whole"));
  disk.disk().shorten(1, 10);
  Hold hold(disk.writes());
  must(wal.append("cut in two"));
  auto flush = in_background([&] { return wal.flush(); });
  hold.await_caller();
  auto close = in_background([&] { return wal.close(); });
  CHECK(stays_pending(close));
  hold.release();
  CHECK(outcome(close));
  static_cast<void>(outcome(flush));
  CHECK_NOTHROW(frames_in(disk.disk().content()));
  CHECK(events_in(disk.disk()) >= 1);
}

TEST_CASE("close gives closed to all who wait and to a shutdown that it overtakes") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append_durable("durable"));
  Hold hold(disk.syncs());
  must(wal.append("never"));
  auto leader = in_background([&] { return wal.wait_durable(2); });
  hold.await_caller();
  must(wal.append("never written"));
  auto waiting = in_background([&] { return wal.wait_durable(3); });
  auto flushing = in_background([&] { return wal.flush(); });
  CHECK(stays_pending(waiting));
  CHECK(stays_pending(flushing));
  auto shut = in_background([&] { return wal.shutdown(); });
  CHECK(eventually([&] { return wal.state() == State::draining; }));
  auto close = in_background([&] { return wal.close(); });
  CHECK(stays_pending(close));
  hold.release();
  CHECK(outcome(close));
  CHECK(said(outcome(waiting)) == "closed");
  CHECK(said(outcome(flushing)) == "closed");
  CHECK(said(outcome(shut)) == "closed");
  static_cast<void>(outcome(leader));  // its fsync was in progress: either answer is true
  CHECK(said(wal.shutdown()) == "closed");
  CHECK(events_in(disk.disk()) == 2);
}

TEST_CASE("a blocked append comes back when the log is closed") {
  const Disk disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_capacity(1).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  auto blocked = in_background([&] { return wal.append("2"); });
  CHECK(stays_pending(blocked));
  auto close = in_background([&] { return wal.close(); });
  const std::string answer = said(outcome(blocked));
  CHECK((answer == "closed" || answer == "draining"));
  hold.release();
  CHECK(outcome(close));
}

TEST_CASE("close again is fine, from any number of threads") {
  const RecordingStorage disk;
  auto wal = open_on(disk);
  must(wal.append_durable("event"));
  std::atomic<int> successes{0};
  together(8, [&](std::size_t) { successes += wal.close().has_value() && wal.close().has_value(); });
  CHECK(successes == 8);
  CHECK(disk.count(Op::close) == 1);
}

TEST_CASE("close after shutdown is fine, and shutdown still says that all went well") {
  auto wal = open_on(RecordingStorage());
  must(wal.append("event"));
  CHECK(wal.shutdown());
  CHECK(wal.close());
  CHECK(wal.shutdown());
}

TEST_CASE("shutdown and close at once end the log once, whoever is first") {
  for (std::size_t round = 0; round < volume(60); ++round) {
    const RecordingStorage disk;
    auto wal = open_on(disk);
    for (int i = 0; i < 50; ++i) must(wal.append("event"));
    std::atomic<int> drained{0};
    std::atomic<int> overtaken{0};
    std::atomic<int> wrong{0};
    together(6, [&](std::size_t thread) {
      if (thread % 2 == 0) {
        const auto shut = wal.shutdown();
        if (shut) ++drained;
        if (said(shut) == "closed") ++overtaken;
      } else if (!wal.close()) {
        ++wrong;
      }
    });
    REQUIRE(wrong == 0);
    REQUIRE((drained == 3 || overtaken == 3));
    REQUIRE(disk.count(Op::close) == 1);
    REQUIRE(disk.trespasses().empty());
    if (drained == 3) REQUIRE(events_in(disk) == 50);
  }
}
