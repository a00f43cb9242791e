// SPDX-License-Identifier: MIT
//
// Sleeping and waking without a lost wake-up.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <rewal/sync/event_count.hpp>
#include <support/harness.hpp>

using rewal::detail::EventCount;
using rewal::detail::NativeThreads;
using namespace rewal_test;

namespace {

auto in(std::chrono::nanoseconds time) { return NativeThreads::after(NativeThreads::now(), time); }

}  // namespace

TEST_CASE("a notification with nobody asleep is forgotten by those who come later") {
  EventCount<> place;
  place.notify_all();
  const auto key = place.prepare();
  const auto before = NativeThreads::now();
  place.sleep(key, in(5ms));
  CHECK(NativeThreads::now() - before >= 4ms);
}

TEST_CASE("a notification between prepare and sleep is not lost") {
  EventCount<> place;
  const auto key = place.prepare();
  place.notify_all();
  place.sleep(key);  // with no deadline: would sleep for ever
  CHECK(place.sleepers() == 0);
}

TEST_CASE("a deadline that has passed does not sleep") {
  EventCount<> place;
  place.sleep(place.prepare(), in(-1s));
  place.sleep(place.prepare(), NativeThreads::Time{});
  CHECK(place.sleepers() == 0);
}

TEST_CASE("a deadline before the clock began does not sleep") {
  EventCount<> place;
  const auto key = place.prepare();
  place.sleep(key, std::chrono::steady_clock::time_point(-std::chrono::hours(1)));
  CHECK(place.sleepers() == 0);
}

TEST_CASE("a notification touches nothing of a waiter that has gone") {
  EventCount<> place;
  const auto waits_in_vain = [&] { place.sleep(place.prepare(), in(-1s)); };
  waits_in_vain();
  place.notify_all();  // a use of the waiter's stack would be AddressSanitizer's to see
  CHECK(place.sleepers() == 0);
}

TEST_CASE("sleepers are counted from prepare to cancel or waking") {
  EventCount<> place;
  CHECK(place.sleepers() == 0);
  static_cast<void>(place.prepare());
  CHECK(place.sleepers() == 1);
  place.cancel();
  CHECK(place.sleepers() == 0);
}

TEST_CASE("all who sleep are woken by one notification") {
  EventCount<> place;
  std::atomic<bool> open{false};
  auto sleepers = in_background([&] {
    together(4, [&](std::size_t) {
      for (;;) {
        const auto key = place.prepare();
        if (open) return place.cancel();
        place.sleep(key);
      }
    });
  });
  CHECK(eventually([&] { return place.sleepers() == 4; }));
  open = true;
  place.notify_all();
  outcome(sleepers);
}

TEST_CASE("two threads that wake one another in turn never both sleep") {
  EventCount<> place;
  std::atomic<std::size_t> turn{0};
  const std::size_t rounds = volume(20'000);
  together(2, [&](std::size_t me) {
    for (std::size_t round = 0; round < rounds; ++round) {
      while (turn.load(std::memory_order_relaxed) % 2 != me) {
        const auto key = place.prepare();
        if (turn.load(std::memory_order_relaxed) % 2 == me) {
          place.cancel();
        } else {
          place.sleep(key);
        }
      }
      turn.fetch_add(1, std::memory_order_relaxed);
      place.notify_all();
    }
  });
  CHECK(turn == 2 * rounds);
}

TEST_CASE("what the notifier did before is seen by whom it wakes") {
  EventCount<> place;
  std::size_t data = 0;  // not atomic: a race here is the sanitizer's to see
  std::atomic<std::size_t> published{0};
  const std::size_t rounds = volume(5000);
  together(2, [&](std::size_t me) {
    for (std::size_t round = 1; round <= rounds; ++round) {
      const std::size_t mine = me == 0 ? 2 * round - 2 : 2 * round - 1;
      while (published.load(std::memory_order_acquire) != mine) {
        const auto key = place.prepare();
        if (published.load(std::memory_order_acquire) == mine) {
          place.cancel();
        } else {
          place.sleep(key);
        }
      }
      ++data;
      published.store(mine + 1, std::memory_order_release);
      place.notify_all();
    }
  });
  CHECK(data == 2 * rounds);
}
