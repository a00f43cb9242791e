// SPDX-License-Identifier: MIT
//
// Time as the benches measure it, and work on several threads between two readings of it.

#ifndef REWAL_BENCH_CLOCK_HPP
#define REWAL_BENCH_CLOCK_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <thread>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

inline double nanoseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}

/// `work(i)` on each of so many threads, one of them without a thread of its own. Nanoseconds from the moment that all
/// are there to the moment that the last is done.
template <class Work>
double on_threads(unsigned threads, const Work& work) {
  if (threads == 1) {
    const auto begin = Clock::now();
    work(0);
    return nanoseconds_since(begin);
  }
  std::latch gate(threads + 1);
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&work, &gate, i] {
      gate.arrive_and_wait();
      work(i);
    });
  }
  const auto begin = Clock::now();
  gate.arrive_and_wait();
  for (auto& thread : running) thread.join();
  return nanoseconds_since(begin);
}

/// `work(i)` again and again on each of so many threads; how often a second.
template <class Work>
double closed_loop(unsigned threads, double seconds, const Work& work) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> done{0};
  const double elapsed = on_threads(threads + 1, [&](unsigned i) {
    if (i == threads) {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      stop.store(true, std::memory_order_relaxed);
      return;
    }
    std::uint64_t mine = 0;
    do {
      work(i);
      ++mine;
    } while (!stop.load(std::memory_order_relaxed));
    done.fetch_add(mine, std::memory_order_relaxed);
  });
  return static_cast<double>(done.load()) * 1e9 / elapsed;
}

}  // namespace bench

#endif  // REWAL_BENCH_CLOCK_HPP
