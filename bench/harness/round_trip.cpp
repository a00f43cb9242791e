// SPDX-License-Identifier: MIT
//
// Two pinned threads count up one number in turn. Timed in short batches, of which the median does not see those in
// which one of the two was not running: there are many, however busy the machine.

#include "round_trip.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "clock.hpp"

namespace bench {
namespace {

constexpr std::uint32_t batch = 32;
constexpr std::size_t least_batches = 100;
constexpr std::uint32_t over = ~0u;

std::vector<std::size_t> allowed_processors() {
  cpu_set_t set;
  std::vector<std::size_t> all;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return all;
  for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) all.push_back(i);
  }
  return all;
}

void pin_to(std::size_t processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

/// The number is even when the first may count, odd when the second may.
struct alignas(128) Ball {
  std::atomic<std::uint32_t> number{0};
};

void return_each(Ball& ball) {
  for (std::uint32_t next = 1;; next += 2) {
    std::uint32_t seen = 0;
    while ((seen = ball.number.load(std::memory_order_acquire)) != next) {
      if (seen == over) return;
    }
    ball.number.store(next + 1, std::memory_order_release);
  }
}

std::vector<double> play(Ball& ball, double seconds) {
  std::vector<double> each;
  std::uint32_t number = 0;
  const auto begin = Clock::now();
  do {
    const auto at = Clock::now();
    for (std::uint32_t i = 0; i < batch; ++i) {
      ball.number.store(++number, std::memory_order_release);
      ++number;
      while (ball.number.load(std::memory_order_acquire) != number) {
      }
    }
    each.push_back(nanoseconds_since(at) / batch);
  } while (each.size() < least_batches || nanoseconds_since(begin) < seconds * 1e9);
  ball.number.store(over, std::memory_order_release);
  return each;
}

}  // namespace

std::optional<RoundTrip> measure_round_trip(double seconds) {
  const auto processors = allowed_processors();
  if (processors.size() < 2) return std::nullopt;
  Ball ball;
  std::vector<double> each;
  std::thread second([&] {
    pin_to(processors[1]);
    return_each(ball);
  });
  std::thread first([&] {
    pin_to(processors[0]);
    each = play(ball, seconds);
  });
  first.join();
  second.join();
  const auto middle = each.begin() + static_cast<std::ptrdiff_t>(each.size() / 2);
  std::nth_element(each.begin(), middle, each.end());
  return RoundTrip{processors[0], processors[1], *middle};
}

}  // namespace bench
