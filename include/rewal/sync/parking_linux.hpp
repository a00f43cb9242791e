// SPDX-License-Identifier: MIT
//
// Sleeping on a 32-bit word, by Linux futexes. Any thread may sleep or wake.
// Who sleeps for what is left to EventCount; here are the system calls alone.

#ifndef REWAL_SYNC_PARKING_LINUX_HPP
#define REWAL_SYNC_PARKING_LINUX_HPP

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <limits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rewal/platform.hpp>

namespace rewal::detail {

class Parking {
 public:
  using Clock = std::chrono::steady_clock;

  /// Sleeps while `word` holds `expected`, until woken or `deadline` has passed (time_point::max(): no deadline).
  /// May also return for no reason: the caller checks again.
  static void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, Clock::time_point deadline) noexcept {
    Until until{};
    bool timed = deadline != (Clock::time_point::max)();
    if (timed) {
      // steady_clock is CLOCK_MONOTONIC, which is the clock of FUTEX_WAIT_BITSET without FUTEX_CLOCK_REALTIME.
      const auto since_epoch = deadline.time_since_epoch();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
      if (seconds.count() < 0) return;
      timed = seconds.count() <= (std::numeric_limits<Number>::max)();  // with 32 bits, the next 68 years
      until.seconds = static_cast<Number>(seconds.count());
      until.nanoseconds =
          static_cast<Number>(std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count());
    }
    futex(word, FUTEX_WAIT_BITSET_PRIVATE, expected, timed ? &until : nullptr);
  }

  static void wake_all(std::atomic<std::uint32_t>& word) noexcept { futex(word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr); }

 private:
  static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "a futex is the atomic itself");

  // The kernel's own timespec. The C library's may be wider where the processor has 32 bits, and the library's
  // functions alone know how to narrow it; the youngest systems of 32 bits have the wide call only.
#if defined(SYS_futex)
  static constexpr long futex_call = SYS_futex;
  using Number = __kernel_long_t;
#else
  static constexpr long futex_call = SYS_futex_time64;
  using Number = std::int64_t;
#endif
  struct Until {
    Number seconds;
    Number nanoseconds;
  };

  static void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const Until* until) noexcept {
    // Every outcome (woken, value changed, interrupted, timed out) is the same to the caller, who checks again.
    const int saved = errno;
    static_cast<void>(::syscall(futex_call, &word, operation, value, until, nullptr, FUTEX_BITSET_MATCH_ANY));
    errno = saved;
  }
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_PARKING_LINUX_HPP
