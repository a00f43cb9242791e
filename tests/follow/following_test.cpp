// SPDX-License-Identifier: MIT
//
// Followers of a running log, sentence by sentence: what is handed out, when, how long a call waits, where it goes on.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;

using Memory = Wal<MemoryStorage>;
using Blocked = Wal<BlockingStorage>;

Memory memory_log() { return must(Wal<>::open("log").storage(MemoryStorage{}).build()); }

/// What is handed out next, as text.
template <class F>
std::string text_of_next(F& follower) {
  return text_of(must(follower.next()).payload);
}

template <class F>
std::vector<Lsn> next_lsns(F& follower, std::size_t count) {
  std::vector<Lsn> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(must(follower.next_borrowed()).lsn);
  return all;
}

template <class F>
bool has_nothing(F& follower) {
  return !must(follower.next_borrowed(0ms)).has_value();
}

std::vector<Lsn> range(Lsn from, Lsn to) {
  std::vector<Lsn> all;
  for (Lsn lsn = from; lsn <= to; ++lsn) all.push_back(lsn);
  return all;
}

}  // namespace

static_assert(!std::is_copy_constructible_v<Wal<>::Follower>);
static_assert(std::is_nothrow_move_constructible_v<Wal<>::Follower>);
static_assert(std::is_nothrow_move_assignable_v<Wal<>::Follower>);
static_assert(std::is_same_v<decltype(std::declval<Wal<>::Follower&>().next()), Result<Event>>);
static_assert(std::is_same_v<decltype(std::declval<Wal<>::Follower&>().next_borrowed()), Result<BorrowedEvent>>);
static_assert(std::is_same_v<decltype(std::declval<Wal<>::Follower&>().next(1s)), Result<std::optional<Event>>>);
static_assert(
    std::is_same_v<decltype(std::declval<Wal<>::Follower&>().next_borrowed(1s)), Result<std::optional<BorrowedEvent>>>);

TEST_CASE("a follower hands out what is there, then what comes") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append_with_meta("one", "meta"));
  must(wal.append("two"));
  auto follower = must(wal.follow(1));
  const Event first = must(follower.next());
  CHECK(first.lsn == 1);
  CHECK(text_of(first.payload) == "one");
  CHECK(text_of(first.meta.value()) == "meta");
  CHECK(text_of_next(follower) == "two");
  must(wal.append("three"));
  CHECK(text_of_next(follower) == "three");
}

TEST_CASE("a follower begins at its LSN, also at one to come") {
  auto wal = memory_log();
  for (int i = 0; i < 5; ++i) must(wal.append("event"));
  auto later = must(wal.follow(4));
  auto to_come = must(wal.follow(8));
  CHECK(next_lsns(later, 2) == range(4, 5));
  for (int i = 0; i < 5; ++i) must(wal.append("event"));
  CHECK(next_lsns(to_come, 3) == range(8, 10));
}

TEST_CASE("a call waits for the next event, however long") {
  auto wal = memory_log();
  for (const Follow what : {Follow::durable, Follow::written}) {
    auto follower = must(wal.follow(wal.last_lsn() + 1, what));
    auto waiting = in_background([&] { return text_of_next(follower); });
    CHECK(stays_pending(waiting));
    must(wal.append("came"));
    CHECK(outcome(waiting) == "came");
  }
}

TEST_CASE("a follower is handed out what is durable, and not before") {
  BlockingStorage disk;
  Blocked wal = must(Wal<>::open("log").storage(disk).build());
  auto follower = must(wal.follow(1));
  {
    Hold syncs(disk.syncs());
    must(wal.append("event"));
    must(wal.flush());
    auto waiting = in_background([&] { return must(follower.next_borrowed()).lsn; });
    syncs.await_caller();
    CHECK(stays_pending(waiting));
    syncs.release();
    CHECK(outcome(waiting) == 1);
  }
  CHECK(wal.durable_lsn() == 1);
}

TEST_CASE("a follower of what is written waits for no fsync") {
  BlockingStorage disk;
  Blocked wal = must(Wal<>::open("log").storage(disk).build());
  auto follower = must(wal.follow(1, Follow::written));
  const Hold syncs(disk.syncs());
  must(wal.append("event"));
  CHECK(must(follower.next_borrowed()).lsn == 1);
  CHECK(wal.last_lsn() == 1);
  CHECK(wal.durable_lsn() == 0);
}

TEST_CASE("a waiting follower causes the write and the fsync, in every mode") {
  for (const SyncMode mode : {SyncMode::never, SyncMode::batch, SyncMode::interval(1h)}) {
    auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).sync_mode(mode).build());
    auto follower = must(wal.follow(1));
    for (Lsn lsn = 1; lsn <= 20; ++lsn) {
      must(wal.append("event"));
      CHECK(must(follower.next_borrowed()).lsn == lsn);
      CHECK(wal.durable_lsn() >= lsn);
    }
  }
}

TEST_CASE("a follower that comes to a sleeping log has what is written there fsynced") {
  auto wal = memory_log();
  must(wal.append("event"));
  must(wal.flush());
  std::this_thread::sleep_for(100ms);  // asleep, or near it; right in either case
  CHECK(wal.durable_lsn() == 0);
  auto follower = must(wal.follow(1));
  CHECK(must(follower.next_borrowed()).lsn == 1);
}

TEST_CASE("what others flush reaches a waiting follower, too") {
  auto wal = memory_log();
  auto follower = must(wal.follow(1));
  for (Lsn lsn = 1; lsn <= 50; ++lsn) {
    auto waiting = in_background([&] { return must(follower.next_borrowed()).lsn; });
    must(wal.append("event"));
    must(wal.flush());
    REQUIRE(outcome(waiting) == lsn);
  }
}

TEST_CASE("a log that nobody follows is not fsynced for followers") {
  auto wal = memory_log();
  {
    auto follower = must(wal.follow(1));
    must(wal.append("event"));
    CHECK(must(follower.next_borrowed()).lsn == 1);
  }
  const auto syncs = wal.stats().sync_count;
  for (int i = 0; i < 100; ++i) must(wal.append("event"));
  must(wal.flush());
  CHECK(wal.stats().sync_count == syncs);
}

// ---- time-outs -----------------------------------------------------------------------------------------------------

TEST_CASE("none comes when the time is over") {
  auto wal = memory_log();
  auto follower = must(wal.follow(1));
  CHECK(!must(follower.next_borrowed(2ms)).has_value());
  CHECK(!must(follower.next(2ms)).has_value());
  must(wal.append("event"));
  CHECK(must(follower.next(1h)).value().lsn == 1);
}

TEST_CASE("a timeout of 0 or less looks once, and has what it did not find fsynced") {
  auto wal = memory_log();
  auto follower = must(wal.follow(1));
  CHECK(!must(follower.next(0s)).has_value());
  CHECK(!must(follower.next_borrowed(-1h)).has_value());
  CHECK(!must(follower.next_borrowed(std::chrono::hours::min())).has_value());
  must(wal.append("event"));
  CHECK(eventually([&] { return must(follower.next(0s)).has_value(); }));
}

TEST_CASE("any timeout is legal") {
  auto wal = memory_log();
  auto follower = must(wal.follow(1));
  for (Lsn lsn = 1; lsn <= 3; ++lsn) {
    auto waiting = in_background([&] {
      return lsn == 1   ? must(follower.next_borrowed(std::chrono::hours::max())).value().lsn
             : lsn == 2 ? must(follower.next_borrowed(std::chrono::nanoseconds::max())).value().lsn
                        : must(follower.next_borrowed(std::chrono::duration<double>(1e300))).value().lsn;
    });
    must(wal.append("event"));
    CHECK(outcome(waiting) == lsn);
  }
}

// ---- seek and lag --------------------------------------------------------------------------------------------------

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
