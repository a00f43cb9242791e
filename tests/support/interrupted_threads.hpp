// SPDX-License-Identifier: MIT
//
// Interrupted: in the place of NativeThreads, it lets a test do something in the middle of a claim.

#ifndef REWAL_TESTS_SUPPORT_INTERRUPTED_THREADS_HPP
#define REWAL_TESTS_SUPPORT_INTERRUPTED_THREADS_HPP

#include <atomic>
#include <functional>
#include <rewal/sync/threads.hpp>
#include <utility>

namespace rewal_test {

/// Threads whose next compare-and-swap is preceded by whatever a test makes happen between a claim's check and its
/// swap.
struct Interrupted : rewal::detail::NativeThreads {
  static inline std::function<void()> interruption;

  template <class T>
  struct Atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    template <class... Orders>
    bool compare_exchange_weak(T& expected, T desired, Orders... orders) {
      if (auto happens = std::exchange(interruption, nullptr)) happens();
      return std::atomic<T>::compare_exchange_weak(expected, desired, orders...);
    }
  };
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_INTERRUPTED_THREADS_HPP
