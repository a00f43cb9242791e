// SPDX-License-Identifier: MIT
//
// BackOff: how a thread waits for another that nobody makes tell it: it yields a number of times, then it sleeps, longer
// each time up to a limit. Used by one thread, on its stack. What is waited for is left to the caller: it checks again.
//
// WHY IT SLEEPS. A thread of real-time priority that yields gives the processor to none of a lower one: if the other has
// the same processor and is an ordinary thread, only sleep lets it go on. And a producer that the system has put aside
// between claim and publish may be away for long.

#ifndef REWAL_SYNC_BACK_OFF_HPP
#define REWAL_SYNC_BACK_OFF_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads = NativeThreads>
class BackOff {
 public:
  static constexpr unsigned yields_before_sleeping = 64;
  static constexpr std::chrono::microseconds first_sleep{50};
  static constexpr std::chrono::microseconds longest_sleep{400};

  void wait() noexcept(noexcept(Threads::yield())) {
    if (yields_ < yields_before_sleeping) {
      ++yields_;
      return Threads::yield();
    }
    Threads::sleep(nobody_wakes_, 0, Threads::after(Threads::now(), sleep_));
    sleep_ = (std::min)(2 * sleep_, longest_sleep);
  }

  /// The other thread has come on.
  void reset() noexcept {
    yields_ = 0;
    sleep_ = first_sleep;
  }

 private:
  unsigned yields_ = 0;
  std::chrono::microseconds sleep_ = first_sleep;
  typename Threads::template Atomic<std::uint32_t> nobody_wakes_{0};
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_BACK_OFF_HPP
