// SPDX-License-Identifier: MIT
//
// How following ends: stop, shutdown, close, destruction, an error of the log, damage, and calls that are refused.

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;

using Memory = Wal<MemoryStorage>;

template <class F>
auto say_next(F& follower) {
  return in_background([&] { return said(follower.next_borrowed()); });
}

/// The LSNs up to an error, and the error.
template <class F>
std::pair<std::vector<Lsn>, std::string> rest_of(F& follower) {
  std::vector<Lsn> all;
  for (;;) {
    const auto event = follower.next_borrowed();
    if (!event) return {all, said(event)};
    all.push_back(event->lsn);
  }
}

using Rest = std::pair<std::vector<Lsn>, std::string>;

}  // namespace

TEST_CASE("stop ends the call that waits and all later ones, from any thread") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).build());
  for (const Follow what : {Follow::durable, Follow::written}) {
    auto follower = must(wal.follow(wal.last_lsn() + 1, what));
    auto other = must(wal.follow(wal.last_lsn() + 1, what));
    auto waiting = say_next(follower);
    auto going_on = say_next(other);
    CHECK(stays_pending(waiting));
    follower.stop();
    CHECK(outcome(waiting) == "closed");
    CHECK(stays_pending(going_on));
    must(wal.append("event"));
    CHECK(outcome(going_on) == "ok");
    CHECK(said(follower.next(0ms)) == "closed");
    CHECK(said(follower.seek(1)) == "closed");
    follower.stop();
  }
}

TEST_CASE("after shutdown everything there is comes, then closed") {
  const TempDir dir;
  for (const bool far_behind : {false, true}) {
    for (const bool in_memory : {false, true}) {
      const std::size_t bytes = far_behind && !in_memory ? 30'000 : 300;  // of a file, 3 MB: mapped
      const auto run = [&](auto wal) {
        auto follower = must(wal.follow(1));
        must(wal.append(std::string(bytes, 'x')));
        must(wal.append(std::string(bytes, 'y')));
        if (!far_behind) CHECK(must(follower.next_borrowed()).lsn == 1);
        for (int i = 0; i < 98; ++i) must(wal.append(std::string(bytes, 'z')));
        must(wal.shutdown());
        std::vector<Lsn> expected;
        for (Lsn lsn = far_behind ? 1 : 2; lsn <= 100; ++lsn) expected.push_back(lsn);
        CHECK(rest_of(follower) == Rest{expected, "closed"});
        CHECK(said(follower.next(0ms)) == "closed");
        must(follower.seek(99));
        CHECK(rest_of(follower) == Rest{{99, 100}, "closed"});
      };
      if (in_memory) {
        run(must(Wal<>::open("log").storage(MemoryStorage{}).build()));
      } else {
        run(must(Wal<>::open(dir.file(far_behind ? "far" : "near")).build()));
      }
    }
  }
}

TEST_CASE("a view handed out before shutdown stays, and so does the rest of its batch, without the log") {
  const TempDir dir;
  auto wal = std::make_unique<Wal<>>(must(Wal<>::open(dir.file("log")).build()));
  auto batch = Batch::with_capacity(3);
  for (const char* text : {"one", "two", "three"}) batch.add(text);
  must(wal->append_batch(batch));
  must(wal->append("four"));
  auto follower = must(wal->follow(1));
  const BorrowedEvent first = must(follower.next_borrowed());
  must(wal->shutdown());
  wal.reset();
  CHECK(as_text(first.payload) == "one");
  CHECK(text_of(must(follower.next()).payload) == "two");
  CHECK(rest_of(follower) == Rest{{3, 4}, "closed"});
}

TEST_CASE("a follower that waits hears of the end") {
  for (const bool closes : {false, true}) {
    for (const Follow what : {Follow::durable, Follow::written}) {
      auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).build());
      auto follower = must(wal.follow(1, what));
      auto waiting = say_next(follower);
      CHECK(stays_pending(waiting));
      must(closes ? wal.close() : wal.shutdown());
      CHECK(outcome(waiting) == "closed");
    }
  }
}

TEST_CASE("a follower keeps neither shutdown nor the lock waiting") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append("one"));
  must(wal.append("two"));
  auto follower = must(wal.follow(1));
  const BorrowedEvent event = must(follower.next_borrowed());
  must(wal.shutdown(patience));
  auto again = must(Wal<>::open(dir.file("log")).build());
  must(again.append("three"));
  must(again.shutdown());
  CHECK(as_text(event.payload) == "one");
  CHECK(rest_of(follower) == Rest{{2}, "closed"});
}

TEST_CASE("while a log drains, a follower goes on") {
  BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append_durable("one"));
  auto follower = must(wal.follow(1));
  Hold writes(disk.writes());
  must(wal.append("two"));
  writes.await_caller();
  auto ending = in_background([&] { return said(wal.shutdown()); });
  CHECK(eventually([&] { return wal.state() == State::draining; }));
  CHECK(must(follower.next_borrowed()).lsn == 1);
  auto late = must(wal.follow(2));
  writes.release();
  CHECK(rest_of(follower) == Rest{{2}, "closed"});
  CHECK(rest_of(late) == Rest{{2}, "closed"});
  CHECK(outcome(ending) == "ok");
}

TEST_CASE("after close and after destruction: what was handed out stays, then closed") {
  const TempDir dir;
  for (const bool closes : {false, true}) {
    auto wal = std::make_unique<Wal<>>(must(Wal<>::open(dir.file(closes ? "closed" : "gone")).build()));
    must(wal->append("one"));
    must(wal->append("two"));
    auto follower = must(wal->follow(1));
    const BorrowedEvent event = must(follower.next_borrowed());
    if (closes) must(wal->close());
    if (!closes) wal.reset();
    CHECK(as_text(event.payload) == "one");
    CHECK(said(follower.next()) == "closed");
    CHECK(said(follower.seek(1)) == "closed");
    CHECK(said(follower.next(0ms)) == "closed");
  }
}

TEST_CASE("a follower outlives a log that it waits for") {
  auto wal = std::make_unique<Memory>(must(Wal<>::open("log").storage(MemoryStorage{}).build()));
  auto follower = must(wal->follow(1));
  auto waiting = say_next(follower);
  CHECK(stays_pending(waiting));
  wal.reset();
  CHECK(outcome(waiting) == "closed");
}

TEST_CASE("a closed log is not followed") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).build());
  must(wal.shutdown());
  CHECK(said(wal.follow(1)) == "closed");
  CHECK(said(Memory().follow(1)) == "not_running");
}

TEST_CASE("after an error of the log what is durable comes, then the error") {
  for (const Op op : {Op::write, Op::sync}) {
    RecordingStorage disk;
    auto wal = must(Wal<>::open("log").storage(disk).build());
    for (int i = 0; i < 3; ++i) must(wal.append_durable("event"));
    auto follower = must(wal.follow(1));
    auto late = must(wal.follow(1));
    auto at_end = must(wal.follow(4));
    auto waiting = in_background([&] { return errno_of(at_end.next_borrowed()); });
    disk.fail(op, 1, ENOSPC, Fault::for_ever);
    must(wal.append("lost"));
    CHECK(errno_of(wal.wait_durable(4)) == ENOSPC);
    CHECK(outcome(waiting) == ENOSPC);
    CHECK(rest_of(follower) == Rest{{1, 2, 3}, "io"});
    CHECK(errno_of(follower.next(0ms)) == ENOSPC);
    auto after = must(wal.follow(3));
    CHECK(rest_of(after) == Rest{{3}, "io"});
    CHECK(errno_of(wal.shutdown()) == ENOSPC);
    CHECK(errno_of(follower.next()) == ENOSPC);
    CHECK(rest_of(late) == Rest{{1, 2, 3}, "io"});
  }
}

TEST_CASE("a written event whose fsync failed comes to those who follow what is written") {
  RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append_durable("one"));
  disk.fail(Op::sync, 1, EIO, Fault::for_ever);
  auto written = must(wal.follow(1, Follow::written));
  auto durable = must(wal.follow(1));
  CHECK(errno_of(wal.append_durable("two")) == EIO);
  CHECK(rest_of(written) == Rest{{1, 2}, "io"});
  CHECK(rest_of(durable) == Rest{{1}, "io"});
}

TEST_CASE("damage behind the end is corrupted, for this and every later call") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  for (int i = 0; i < 3; ++i) must(wal.append_durable("event"));
  auto follower = must(wal.follow(1));
  {
    std::fstream file(dir.file("log"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(frame_bytes(5) + 30));
    file.put('X');
  }
  CHECK(must(follower.next_borrowed()).lsn == 1);
  const auto damaged = follower.next_borrowed();
  CHECK(said(damaged) == "corrupted");
  CHECK(damaged.error().offset() == frame_bytes(5));
  must(wal.append_durable("event"));
  for (int i = 0; i < 3; ++i) CHECK(said(follower.next_borrowed()) == "corrupted");
  CHECK(said(follower.next(0ms)) == "corrupted");
  must(wal.shutdown());
  CHECK(said(follower.next()) == "corrupted");
}

namespace {

/// Does something inside a hook.
struct InsideHook {
  std::shared_ptr<std::function<void()>> act = std::make_shared<std::function<void()>>([] {});
  void after_write(std::size_t) { (*act)(); }
};

}  // namespace

TEST_CASE("inside a policy of the same log a follower refuses, and goes on afterwards") {
  InsideHook hooks;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(hooks).build());
  auto follower = must(wal.follow(1));
  std::vector<std::string> heard;
  *hooks.act = [&] { heard = {said(follower.next()), said(follower.seek(1)), said(wal.follow(1))}; };
  must(wal.append_durable("event"));
  CHECK(heard == std::vector<std::string>(3, "invalid_state"));
  CHECK(must(follower.next_borrowed()).lsn == 1);
  must(wal.shutdown());
}
