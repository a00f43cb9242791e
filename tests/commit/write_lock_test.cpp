// SPDX-License-Identifier: MIT
//
// The write lock: one holder at a time, who sees what those before did.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <rewal/commit/write_lock.hpp>
#include <support/harness.hpp>

using rewal::detail::WriteLock;
using namespace rewal_test;

TEST_CASE("a write lock is held by one until it is put down") {
  WriteLock<> write_lock;
  CHECK_FALSE(write_lock.is_held());
  CHECK(write_lock.try_acquire());
  CHECK(write_lock.is_held());
  CHECK_FALSE(write_lock.try_acquire());
  write_lock.release();
  CHECK_FALSE(write_lock.is_held());
  CHECK(write_lock.try_acquire());
}

TEST_CASE("a write lock may be put down by another thread than the one that took it") {
  WriteLock<> write_lock;
  CHECK(write_lock.try_acquire());
  auto other = in_background([&] { write_lock.release(); });
  outcome(other);
  CHECK(write_lock.try_acquire());
}

TEST_CASE("of many who try at once one gets the write lock") {
  for (std::size_t round = 0; round < volume(200); ++round) {
    WriteLock<> write_lock;
    std::atomic<int> holders{0};
    together(4, [&](std::size_t) { holders += write_lock.try_acquire(); });
    REQUIRE(holders == 1);
  }
}

TEST_CASE("each holder sees what the one before did") {
  WriteLock<> write_lock;
  std::size_t written = 0;  // not atomic: the write lock alone guards it
  const std::size_t each = volume(20'000);
  together(4, [&](std::size_t) {
    for (std::size_t i = 0; i < each;) {
      if (!write_lock.try_acquire()) {
        std::this_thread::yield();
        continue;
      }
      ++written;
      ++i;
      write_lock.release();
    }
  });
  CHECK(written == 4 * each);
}
