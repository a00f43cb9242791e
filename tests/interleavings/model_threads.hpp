// SPDX-License-Identifier: MIT
//
// ModelThreads: in the place of NativeThreads, it puts the library's own code on the model's scheduler and memory.
// Used from inside a scenario. It decides nothing.

#ifndef REWAL_TESTS_INTERLEAVINGS_MODEL_THREADS_HPP
#define REWAL_TESTS_INTERLEAVINGS_MODEL_THREADS_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "scheduler.hpp"

namespace rewal_model {

#define REWAL_MODEL_SITE const char *file = __builtin_FILE(), unsigned line = __builtin_LINE()

template <class T>
class ModelAtomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

 public:
  ModelAtomic() : ModelAtomic(T{}) {}
  ModelAtomic(T value) : atom_{to_word(value), Atom::no_place} {}  // NOLINT: as std::atomic
  ModelAtomic(const ModelAtomic&) = delete;
  ModelAtomic& operator=(const ModelAtomic&) = delete;

  [[nodiscard]] T load(std::memory_order order, REWAL_MODEL_SITE) const {
    return to_value(operation::load(atom_, order, {file, line}));
  }
  void store(T value, std::memory_order order, REWAL_MODEL_SITE) {
    operation::store(atom_, to_word(value), order, {file, line});
  }
  T exchange(T value, std::memory_order order, REWAL_MODEL_SITE) {
    return modify([&](T) { return value; }, order, {file, line});
  }
  T fetch_add(T n, std::memory_order order, REWAL_MODEL_SITE) {
    return modify([&](T old) { return static_cast<T>(old + n); }, order, {file, line});
  }
  T fetch_sub(T n, std::memory_order order, REWAL_MODEL_SITE) {
    return modify([&](T old) { return static_cast<T>(old - n); }, order, {file, line});
  }
  T fetch_or(T bits, std::memory_order order, REWAL_MODEL_SITE) {
    return modify([&](T old) { return static_cast<T>(old | bits); }, order, {file, line});
  }
  T fetch_and(T bits, std::memory_order order, REWAL_MODEL_SITE) {
    return modify([&](T old) { return static_cast<T>(old & bits); }, order, {file, line});
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order, REWAL_MODEL_SITE) {
    return swap(expected, desired, order, failure_of(order), true, {file, line});
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure,
                             REWAL_MODEL_SITE) {
    return swap(expected, desired, success, failure, true, {file, line});
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order, REWAL_MODEL_SITE) {
    return swap(expected, desired, order, failure_of(order), false, {file, line});
  }

  [[nodiscard]] Atom& atom() const noexcept { return atom_; }

 private:
  [[nodiscard]] static std::uint64_t to_word(T value) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof(T));
    return word;
  }
  [[nodiscard]] static T to_value(std::uint64_t word) noexcept {
    T value;
    std::memcpy(&value, &word, sizeof(T));
    return value;
  }
  [[nodiscard]] static std::memory_order failure_of(std::memory_order order) noexcept {
    if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
    if (order == std::memory_order_release) return std::memory_order_relaxed;
    return order;
  }

  template <class F>
  T modify(F&& change, std::memory_order order, Site site) {
    const T old = to_value(operation::begin_modify(atom_, site));
    operation::finish_modify(atom_, to_word(change(old)), order, site);
    return old;
  }
  bool swap(T& expected, T desired, std::memory_order success, std::memory_order failure, bool weak, Site site) {
    std::uint64_t word = to_word(expected);
    const bool done = operation::swap(atom_, word, to_word(desired), success, failure, weak, site);
    if (!done) expected = to_value(word);
    return done;
  }

  mutable Atom atom_;
};

struct ModelThreads {
  template <class T>
  using Atomic = ModelAtomic<T>;

  struct Clock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
  };
  using Time = Clock::time_point;

  static constexpr Time never = (Time::max)();

  [[nodiscard]] static Time now() noexcept { return Time(Clock::duration(operation::now())); }
  static void sleep(Atomic<std::uint32_t>& word, std::uint32_t expected, Time deadline) {
    operation::sleep(word.atom(), expected, deadline.time_since_epoch().count());
  }
  static void wake_all(Atomic<std::uint32_t>& word) { operation::wake_all(word.atom()); }
  static void yield() noexcept { operation::yield(false); }
  static void pause() noexcept { operation::yield(true); }
  [[nodiscard]] static Time after(Time now, std::chrono::nanoseconds duration) noexcept {
    return duration > never - now ? never : now + duration;
  }
};

/// How often something has happened. To wait for it takes no part in the order of memory.
class Tally {
 public:
  void add() { count_.fetch_add(1, std::memory_order_relaxed); }
  void await(std::uint64_t least) { operation::await(count_.atom(), least); }

 private:
  ModelAtomic<std::uint64_t> count_{0};
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_MODEL_THREADS_HPP
