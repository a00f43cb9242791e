// SPDX-License-Identifier: MIT
//
// Sleeping on a 32-bit word, by the standard library's mutex and condition variable: for systems without a file of
// their own. Any thread may sleep or wake.
// All words share one mutex and one condition variable, so every wake-up wakes every sleeper of the process's logs;
// they check again and sleep on. Correct everywhere, quick nowhere.

#ifndef REWAL_SYNC_PARKING_PORTABLE_HPP
#define REWAL_SYNC_PARKING_PORTABLE_HPP

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace rewal::detail {

class Parking {
 public:
  using Clock = std::chrono::steady_clock;

  /// Sleeps while `word` holds `expected`, until woken or `deadline` has passed (time_point::max(): no deadline).
  /// May also return for no reason: the caller checks again.
  static void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, Clock::time_point deadline) {
    Lot& lot = the_lot();
    std::unique_lock lock(lot.mutex);
    // Under the mutex: a waker changes the word first and takes the mutex after, so it cannot pass between.
    if (word.load(std::memory_order_acquire) != expected) return;
    if (deadline == (Clock::time_point::max)()) {
      lot.changed.wait(lock);
    } else {
      lot.changed.wait_until(lock, deadline);
    }
  }

  static void wake_all(std::atomic<std::uint32_t>&) {
    Lot& lot = the_lot();
    { const std::lock_guard lock(lot.mutex); }
    lot.changed.notify_all();
  }

 private:
  struct Lot {
    std::mutex mutex;
    std::condition_variable changed;
  };

  /// Never destroyed: a log with static storage duration may still be shutting down at exit.
  static Lot& the_lot() {
    static Lot* const lot = new Lot;
    return *lot;
  }
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_PARKING_PORTABLE_HPP
