// SPDX-License-Identifier: MIT
//
// The pen: one holder at a time, who sees what those before did.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <rewal/sync/pen.hpp>
#include <support/harness.hpp>

using rewal::detail::Pen;
using namespace rewal_test;

TEST_CASE("a pen is taken by one until it is put down") {
  Pen<> pen;
  CHECK_FALSE(pen.is_taken());
  CHECK(pen.try_take());
  CHECK(pen.is_taken());
  CHECK_FALSE(pen.try_take());
  pen.put_down();
  CHECK_FALSE(pen.is_taken());
  CHECK(pen.try_take());
}

TEST_CASE("a pen may be put down by another thread than the one that took it") {
  Pen<> pen;
  CHECK(pen.try_take());
  auto other = in_background([&] { pen.put_down(); });
  outcome(other);
  CHECK(pen.try_take());
}

TEST_CASE("of many who try at once one gets the pen") {
  for (std::size_t round = 0; round < volume(200); ++round) {
    Pen<> pen;
    std::atomic<int> holders{0};
    together(4, [&](std::size_t) { holders += pen.try_take(); });
    REQUIRE(holders == 1);
  }
}

TEST_CASE("each holder sees what the one before did") {
  Pen<> pen;
  std::size_t written = 0;  // not atomic: the pen alone guards it
  const std::size_t each = volume(20'000);
  together(4, [&](std::size_t) {
    for (std::size_t i = 0; i < each;) {
      if (!pen.try_take()) {
        std::this_thread::yield();
        continue;
      }
      ++written;
      ++i;
      pen.put_down();
    }
  });
  CHECK(written == 4 * each);
}
