// SPDX-License-Identifier: MIT
//
// Followers of a running log, sentence by sentence: what is handed out, when, and how long a call waits.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <follow/next_events.hpp>
#include <optional>
#include <rewal/wal.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <type_traits>
#include <utility>

namespace {

using namespace rewal_test;

using Blocked = Wal<BlockingStorage>;

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
