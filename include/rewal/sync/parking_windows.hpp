// SPDX-License-Identifier: MIT
//
// Sleeping on a 32-bit word, by the SRW locks and condition variables of kernel32 (WaitOnAddress would need a library
// of its own, and std::atomic::wait has been seen to hang). Any thread may sleep or wake.
// Words are spread over a small table of locks, so a wake-up may wake sleepers of other words; they check again.

#ifndef REWAL_SYNC_PARKING_WINDOWS_HPP
#define REWAL_SYNC_PARKING_WINDOWS_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

// The three things needed of kernel32, declared here so that windows.h and its macros stay out of public headers.
extern "C" {
struct _RTL_SRWLOCK;
struct _RTL_CONDITION_VARIABLE;
__declspec(dllimport) void __stdcall AcquireSRWLockExclusive(_RTL_SRWLOCK*);
__declspec(dllimport) void __stdcall ReleaseSRWLockExclusive(_RTL_SRWLOCK*);
__declspec(dllimport) int __stdcall SleepConditionVariableSRW(_RTL_CONDITION_VARIABLE*, _RTL_SRWLOCK*, unsigned long,
                                                              unsigned long);
__declspec(dllimport) void __stdcall WakeAllConditionVariable(_RTL_CONDITION_VARIABLE*);
}

namespace rewal::detail {

class Parking {
 public:
  using Clock = std::chrono::steady_clock;

  /// Sleeps while `word` holds `expected`, until woken or `deadline` has passed (time_point::max(): no deadline).
  /// May also return for no reason: the caller checks again.
  static void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, Clock::time_point deadline) noexcept {
    unsigned long milliseconds = 0xFFFFFFFFul;  // INFINITE
    if (deadline != (Clock::time_point::max)()) {
      const auto now = Clock::now();
      if (deadline <= now) return;  // first: the difference to one before the clock began may not fit
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
      milliseconds = left < 0x7FFFFFFF ? static_cast<unsigned long>(left) : 0x7FFFFFFFul;
    }
    Lot& lot = lot_of(word);
    AcquireSRWLockExclusive(lot.lock());
    // Under the lock: a waker changes the word first and takes the lock after, so it cannot pass between.
    if (word.load(std::memory_order_acquire) == expected) {
      SleepConditionVariableSRW(lot.changed(), lot.lock(), milliseconds, 0);
    }
    ReleaseSRWLockExclusive(lot.lock());
  }

  static void wake_all(std::atomic<std::uint32_t>& word) noexcept {
    Lot& lot = lot_of(word);
    AcquireSRWLockExclusive(lot.lock());
    ReleaseSRWLockExclusive(lot.lock());
    WakeAllConditionVariable(lot.changed());
  }

 private:
  /// SRWLOCK and CONDITION_VARIABLE are one pointer each, zero to begin with, and need no destruction. No initializers
  /// here: the table below needs them before the enclosing class is complete, which g++ refuses.
  struct Lot {
    void* lock_word;
    void* changed_word;
    _RTL_SRWLOCK* lock() noexcept { return reinterpret_cast<_RTL_SRWLOCK*>(&lock_word); }
    _RTL_CONDITION_VARIABLE* changed() noexcept { return reinterpret_cast<_RTL_CONDITION_VARIABLE*>(&changed_word); }
  };

  static constexpr std::size_t lot_count = 64;
  static constinit inline Lot lots_[lot_count]{};

  static Lot& lot_of(const std::atomic<std::uint32_t>& word) noexcept {
    return lots_[(reinterpret_cast<std::uintptr_t>(&word) >> 7) % lot_count];
  }
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_PARKING_WINDOWS_HPP
