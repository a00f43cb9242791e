// SPDX-License-Identifier: MIT
//
// VirtualThreads: in the place of NativeThreads, it gives the log a clock that the test controls. The log's writer runs
// on the test's own thread; what other threads would do happens, at its appointed time, inside the writer's sleeps,
// spins, reads of the clock and calls of the storage. So a run of seconds takes milliseconds and is the same every
// time. It models no races: that is done elsewhere.

#ifndef REWAL_TESTS_STRESS_VIRTUAL_THREADS_HPP
#define REWAL_TESTS_STRESS_VIRTUAL_THREADS_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <utility>

namespace rewal_test {

/// The time, and what is going to happen. One at a time, used by one thread.
class VirtualClock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::nanoseconds;

  VirtualClock() { current_ = this; }
  VirtualClock(const VirtualClock&) = delete;
  VirtualClock& operator=(const VirtualClock&) = delete;
  ~VirtualClock() { current_ = nullptr; }
  [[nodiscard]] static VirtualClock& current() { return *current_; }

  [[nodiscard]] Time now() const { return now_; }

  /// Another thread does `f` at that time, or as soon as the one before is done.
  void at(Time time, std::function<void()> f) { plan_.emplace(time, std::move(f)); }

  /// Time passes, and what is due by then happens. Inside such a happening time only passes.
  void pass(Span span) {
    const Time until = now_ + span;
    if (!happening_) {
      while (!plan_.empty() && plan_.begin()->first <= until) happen();
    }
    now_ = (std::max)(now_, until);
  }

  /// Sleeps until `deadline`, or until `woken` comes true by something that happens.
  template <class F>
  void sleep(Time deadline, F woken) {
    ++sleeps_;
    while (!woken()) {
      if (happening_) throw std::logic_error("what happens while the writer is held up must not wait for it");
      if (!plan_.empty() && plan_.begin()->first <= deadline) {
        happen();
      } else if (deadline == (Time::max)()) {
        throw std::logic_error("the writer sleeps for ever and nothing is going to happen");
      } else {
        now_ = (std::max)(now_, deadline);
        return;
      }
    }
  }

  [[nodiscard]] std::uint64_t sleeps() const { return sleeps_; }

 private:
  void happen() {
    const auto next = plan_.extract(plan_.begin());
    now_ = (std::max)(now_, next.key());
    happening_ = true;
    next.mapped()();
    happening_ = false;
  }

  static inline VirtualClock* current_ = nullptr;

  Time now_{std::chrono::hours(1)};
  std::multimap<Time, std::function<void()>> plan_;
  bool happening_ = false;
  std::uint64_t sleeps_ = 0;
};

struct VirtualThreads {
  template <class T>
  using Atomic = std::atomic<T>;
  using Clock = std::chrono::steady_clock;
  using Time = VirtualClock::Time;

  static constexpr Time never = (Time::max)();

  [[nodiscard]] static Time now() {
    VirtualClock::current().pass(std::chrono::nanoseconds(20));
    return VirtualClock::current().now();
  }
  static void sleep(Atomic<std::uint32_t>& word, std::uint32_t expected, Time deadline) {
    VirtualClock::current().sleep(deadline, [&] { return word.load(std::memory_order_seq_cst) != expected; });
  }
  static void wake_all(Atomic<std::uint32_t>&) {}
  static void yield() { VirtualClock::current().pass(std::chrono::nanoseconds(200)); }
  static void pause() { VirtualClock::current().pass(std::chrono::nanoseconds(2)); }
  [[nodiscard]] static Time after(Time from, std::chrono::nanoseconds duration) {
    return duration > never - from ? never : from + duration;
  }
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_STRESS_VIRTUAL_THREADS_HPP
