// SPDX-License-Identifier: MIT
//
// NativeThreads: atomics, sleeping, yielding and the clock as the queue and the writer use them, under one name.
// Everything above takes it as a template parameter, so that a test can put a scheduler or a clock of its own there
// and run the same code. It decides nothing about who waits for whom.

#ifndef REWAL_SYNC_THREADS_HPP
#define REWAL_SYNC_THREADS_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include <rewal/platform.hpp>
#if REWAL_LINUX
#include <rewal/sync/parking_linux.hpp>
#elif REWAL_WINDOWS
#include <rewal/sync/parking_windows.hpp>
#else
#include <rewal/sync/parking_portable.hpp>
#endif

namespace rewal::detail {

struct NativeThreads {
  template <class T>
  using Atomic = std::atomic<T>;
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  static constexpr Time never = (Time::max)();

  [[nodiscard]] static Time now() noexcept { return Clock::now(); }

  static void sleep(Atomic<std::uint32_t>& word, std::uint32_t expected, Time deadline) {
    Parking::sleep(word, expected, deadline);
  }
  static void wake_all(Atomic<std::uint32_t>& word) { Parking::wake_all(word); }

  static void yield() noexcept { std::this_thread::yield(); }

  /// Tells the processor that this is a spin loop.
  static void pause() noexcept {
#if REWAL_GNU && REWAL_X86_64
    __builtin_ia32_pause();
#elif REWAL_GNU && REWAL_ARM64
    asm volatile("yield" ::: "memory");
#endif
  }

  /// `now + duration`, or `never` where that does not fit.
  [[nodiscard]] static Time after(Time now, std::chrono::nanoseconds duration) noexcept {
    return duration > never - now ? never : now + std::chrono::duration_cast<Clock::duration>(duration);
  }
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_THREADS_HPP
