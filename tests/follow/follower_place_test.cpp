// SPDX-License-Identifier: MIT
//
// Where a follower stands: seek and lag, each with a place of its own, moved and far behind.

#include <catch2/catch_test_macros.hpp>
#include <follow/next_events.hpp>
#include <memory>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

TEST_CASE("seek goes on elsewhere, backwards and forwards, and each event comes once") {
  auto wal = memory_log();
  for (int i = 0; i < 10; ++i) must(wal.append("event"));
  must(wal.flush());
  auto follower = must(wal.follow(1));
  CHECK(next_lsns(follower, 6) == range(1, 6));
  must(follower.seek(3));
  CHECK(next_lsns(follower, 8) == range(3, 10));
  must(follower.seek(9));
  CHECK(next_lsns(follower, 2) == range(9, 10));
  must(follower.seek(0));
  CHECK(next_lsns(follower, 10) == range(1, 10));
  must(follower.seek(12));
  for (int i = 0; i < 3; ++i) must(wal.append("event"));
  CHECK(next_lsns(follower, 2) == range(12, 13));
}

TEST_CASE("seek into the middle of a batch") {
  auto wal = memory_log();
  auto batch = Batch::with_capacity(5);
  for (int i = 0; i < 5; ++i) batch.add("event");
  must(wal.append_batch(batch));
  auto follower = must(wal.follow(2));
  CHECK(next_lsns(follower, 1) == range(2, 2));
  must(follower.seek(4));
  CHECK(next_lsns(follower, 2) == range(4, 5));
}

TEST_CASE("lag counts what could be handed out") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).start_lsn(100).build());
  auto durable = must(wal.follow(0));
  auto written = must(wal.follow(102, Follow::written));
  CHECK(durable.lag() == 0);
  for (int i = 0; i < 5; ++i) must(wal.append("event"));
  must(wal.flush());
  CHECK(durable.lag() == 0);
  CHECK(written.lag() == 3);
  must(wal.sync());
  CHECK(durable.lag() == 5);
  CHECK(next_lsns(durable, 2) == range(100, 101));
  CHECK(durable.lag() == 3);
  must(durable.seek(104));
  CHECK(durable.lag() == 1);
  must(durable.seek(1000));
  CHECK(durable.lag() == 0);
}

// ---- what is read --------------------------------------------------------------------------------------------------

TEST_CASE("a view stays until the follower's next call, whatever is appended") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append("the first"));
  auto follower = must(wal.follow(1));
  const BorrowedEvent event = must(follower.next_borrowed());
  for (int i = 0; i < 100; ++i) must(wal.append(std::string(10'000, 'x')));
  must(wal.sync());
  CHECK(as_text(event.payload) == "the first");
}

TEST_CASE("a follower far behind, one that keeps up, and large events: all bytes come back") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  const auto payload_of = [](Lsn lsn) {
    return std::string(lsn % 50 == 0 ? 300'000 : lsn % 97, static_cast<char>('a' + lsn % 26));
  };
  auto keeps_up = must(wal.follow(1));
  constexpr Lsn last = 1000;
  for (Lsn lsn = 1; lsn <= last; ++lsn) {
    must(wal.append(payload_of(lsn)));
    if (lsn % 10 != 0) continue;
    for (Lsn due = lsn - 9; due <= lsn; ++due) REQUIRE(text_of_next(keeps_up) == payload_of(due));
  }
  auto far_behind = must(wal.follow(1));
  for (Lsn lsn = 1; lsn <= last; ++lsn) REQUIRE(text_of_next(far_behind) == payload_of(lsn));
  must(wal.append("at the end"));
  CHECK(text_of_next(far_behind) == "at the end");
}

TEST_CASE("any number of followers, each with its own place") {
  auto wal = memory_log();
  std::vector<Memory::Follower> followers;
  for (Lsn from = 1; from <= 8; ++from)
    followers.push_back(must(wal.follow(from, from % 2 == 0 ? Follow::durable : Follow::written)));
  for (int i = 0; i < 10; ++i) must(wal.append("event"));
  for (Lsn from = 1; from <= 8; ++from) CHECK(next_lsns(followers[from - 1], 11 - from) == range(from, 10));
  for (auto& follower : followers) CHECK(has_nothing(follower));
}

TEST_CASE("a log that is moved goes on being followed") {
  auto wal = std::make_unique<Memory>(memory_log());
  auto follower = must(wal->follow(1));
  auto waiting = in_background([&] { return text_of_next(follower); });
  Memory moved = std::move(*wal);
  wal.reset();
  must(moved.append("later"));
  CHECK(outcome(waiting) == "later");
}

TEST_CASE("a follower that is moved goes on where it was, and what it leaves is closed") {
  auto wal = memory_log();
  for (int i = 0; i < 3; ++i) must(wal.append("event"));
  auto follower = must(wal.follow(1));
  CHECK(next_lsns(follower, 1) == range(1, 1));
  auto moved = std::move(follower);
  CHECK(next_lsns(moved, 2) == range(2, 3));
  CHECK(said(follower.next()) == "closed");
  CHECK(said(follower.seek(1)) == "closed");
  CHECK(follower.lag() == 0);
  follower.stop();
}
