// SPDX-License-Identifier: MIT
//
// How a log ends: shutdown, close and the destructor, alone, together, against a storage that blocks or fails.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <limits>
#include <optional>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/errno.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Disk = Blocking<RecordingStorage>;

template <class S>
Wal<S> open_on(const S& disk, SyncMode mode = SyncMode::never) {
  return must(Wal<>::open("log").storage(disk).sync_mode(mode).build());
}

Wal<> open_file(const TempDir& dir) { return must(Wal<>::open(dir.file("log")).build()); }

std::size_t events_in(const RecordingStorage& disk) {
  std::size_t events = 0;
  for (const WrittenFrame& frame : frames_in(disk.content())) events += frame.count;
  return events;
}

// Rows of the table.
struct Ends : rewal_torture::Row {
  Ends() : Row("G17", "logs drained, fsynced, closed once, unlocked, silent afterwards", "logs") {}
};
struct Callers : rewal_torture::Row {
  Callers() : Row("G17", "callers of shutdown told the same at once", "callers") {}
};

bool ends_with_sync_and_close(const RecordingStorage& disk) { return disk.sequence().ends_with("sync close"); }

}  // namespace

// ---- shutdown ------------------------------------------------------------------------------------------------------

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

// ---- the lock -----------------------------------------------------------------------------------------------------

TEST_CASE("a file is free for the next log as soon as shutdown, close or the destructor returns", "[figures]") {
  Ends row;
  const TempDir dir;
  for (std::size_t round = 0; round < volume(16); ++round) {
    auto wal = open_file(dir);
    must(wal.append_durable("event"));
    CHECK(said(Wal<>::open(dir.file("log")).build()) == "file_locked");
    if (round % 3 == 0) must(wal.shutdown());
    if (round % 3 == 1) must(wal.close());
    if (round % 3 == 2) const Wal<> gone = std::move(wal);
    REQUIRE(said(Wal<>::open(dir.file("log")).build()) == "ok");
    ++row.count;
  }
  CHECK(open_file(dir).recovery().events == volume(16));
}

TEST_CASE("whichever of several callers of shutdown returns first finds the file free", "[figures]") {
  Callers row;
  const TempDir dir;
  for (std::size_t round = 0; round < volume(16); ++round) {
    auto wal = open_file(dir);
    must(wal.append("event"));
    std::atomic<bool> first{true};
    std::atomic<int> locked{0};
    together(4, [&](std::size_t) {
      must(wal.shutdown());
      if (first.exchange(false)) locked += !Wal<>::open(dir.file("log")).build().has_value();
    });
    REQUIRE(locked == 0);
    row.count += 4;
  }
}

TEST_CASE("a clean end leaves a file of exactly its frames") {
  const TempDir dir;
  auto wal = open_file(dir);
  for (int i = 0; i < 10; ++i) must(wal.append("12345"));
  must(wal.shutdown());
  CHECK(std::filesystem::file_size(dir.file("log")) == 10 * frame_bytes(5));
  CHECK(wal.stats().file_size == 10 * frame_bytes(5));
}

// ---- close --------------------------------------------------------------------------------------------------------

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

// ---- the destructor -----------------------------------------------------------------------------------------------

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

// ---- errors -------------------------------------------------------------------------------------------------------

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
