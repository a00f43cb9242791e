// SPDX-License-Identifier: MIT
//
// Sleeping on a word, as this system does it: until the deadline, until it is woken, and not in circles.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <rewal/sync/threads.hpp>
#include <thread>

namespace {

using namespace std::chrono_literals;
using rewal::detail::Parking;

/// Sleeps until `deadline`; returns how often it came back before.
int early_returns(std::atomic<std::uint32_t>& word, Parking::Clock::time_point deadline) {
  int count = 0;
  for (; count < 10'000; ++count) {
    Parking::sleep(word, 0, deadline);
    if (Parking::Clock::now() >= deadline) break;
  }
  return count;
}

}  // namespace

TEST_CASE("a sleeper with a deadline sleeps until it, in whatever part of a second it lies") {
  std::atomic<std::uint32_t> word{0};
  const auto start = Parking::Clock::now();
  // A sleep may end for no reason; one whose deadline is misread ends at once, thousands of times.
  for (const auto part : {150ms, 300ms, 450ms}) CHECK(early_returns(word, start + part) < 100);
}

TEST_CASE("a deadline that has passed, or lies before the clock began, is no sleep") {
  std::atomic<std::uint32_t> word{0};
  Parking::sleep(word, 0, Parking::Clock::now() - 1s);
  Parking::sleep(word, 0, Parking::Clock::time_point(-1s));
  Parking::sleep(word, 0, (Parking::Clock::time_point::min)());
  SUCCEED("came back");
}

TEST_CASE("a word that holds something else is no reason to sleep") {
  std::atomic<std::uint32_t> word{1};
  Parking::sleep(word, 0, (Parking::Clock::time_point::max)());
  SUCCEED("came back");
}

TEST_CASE("a sleeper is woken, with a deadline far away and without one") {
  for (const auto deadline : {(Parking::Clock::time_point::max)(), (Parking::Clock::time_point::max)() - 1s}) {
    std::atomic<std::uint32_t> word{0};
    std::thread sleeper([&] {
      while (word.load() == 0) Parking::sleep(word, 0, deadline);
    });
    std::this_thread::sleep_for(20ms);
    word.store(1);
    Parking::wake_all(word);
    sleeper.join();
  }
  SUCCEED("came back");
}
