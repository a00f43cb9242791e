// SPDX-License-Identifier: MIT
//
// EventCount: a place where threads sleep until a condition, kept elsewhere, has changed. Nobody pays when nobody
// sleeps. Any thread may sleep or notify. What the condition is, and that it is checked again, is left to the caller.
//
//   waiter    key = prepare();  if (condition) cancel(); else sleep(key, deadline);   -- then check again
//   notifier  make the condition true;  notify_all();
//
// EDGES
//   N1 the notifier's change of the condition     W1 sleepers.fetch_add   (prepare)
//   N2 epoch.fetch_add                            W2 epoch.load           (prepare)
//   N3 sleepers.load                              W3 the waiter's check of the condition
//                                                 W4 sleep while the epoch is what W2 read
// NO WAKE-UP IS LOST. N2, N3, W1, W2 are seq_cst and so have one order.
//   - N3 before W1: then N2 is before W2, W2 reads N2's value or a later one and synchronises with N2, so W3 sees N1.
//   - W1 before N3: the notifier sees a sleeper and wakes the word. If W2 read the epoch before N2, W4 does not sleep,
//     or sleeps and is woken: the word changed before the wake-up. If W2 read N2's value, W3 sees N1.
// LIFETIME. A waiter may return, and its caller go on, while the notifier is still inside notify_all. So the object
// must outlive every notifier's call: here it is a member of the log's core, and the core is destroyed only after the
// writer thread has been joined and every call has returned.

#ifndef REWAL_SYNC_EVENT_COUNT_HPP
#define REWAL_SYNC_EVENT_COUNT_HPP

#include <atomic>
#include <cstdint>

#include <rewal/platform.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads = NativeThreads>
class EventCount {
 public:
  using Key = std::uint32_t;

  /// Announces a sleeper. Poll at the condition next, then either cancel() or sleep().
  [[nodiscard]] Key prepare() noexcept {
    sleepers_.fetch_add(1, std::memory_order_seq_cst);  // W1, partner N3
    return epoch_.load(std::memory_order_seq_cst);      // W2, partner N2
  }

  void cancel() noexcept { sleepers_.fetch_sub(1, std::memory_order_relaxed); }

  /// Sleeps until a notification after prepare(), the deadline, or for no reason.
  void sleep(Key key, typename Threads::Time deadline = Threads::never) {
    Threads::sleep(epoch_, key, deadline);  // W4, partner N2
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// Wakes all who prepared before the condition was seen to change.
  void notify_all() {
    epoch_.fetch_add(1, std::memory_order_seq_cst);        // N2, partner W2
    if (sleepers_.load(std::memory_order_seq_cst) != 0) {  // N3, partner W1
      Threads::wake_all(epoch_);
    }
  }

  /// Whether anybody sleeps or is about to. In one order with all that is seq_cst: whoever prepares after this was false
  /// sees what was stored before it.
  [[nodiscard]] bool has_sleepers() const noexcept { return sleepers_.load(std::memory_order_seq_cst) != 0; }

  /// How many sleep or are about to. A hint: it is out of date at once.
  [[nodiscard]] std::uint32_t sleepers() const noexcept { return sleepers_.load(std::memory_order_relaxed); }

 private:
  alignas(cache_line_bytes) typename Threads::template Atomic<std::uint32_t> epoch_{0};  // by notifiers
  typename Threads::template Atomic<std::uint32_t> sleepers_{0};                         // by waiters
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_EVENT_COUNT_HPP
