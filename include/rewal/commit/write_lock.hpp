// SPDX-License-Identifier: MIT
//
// Pen: whoever holds it, and nobody else, writes, syncs, truncates and closes the storage. Taken by the writer thread,
// or by a caller that would otherwise only wait for it.
// Any thread may try; nobody queues. Who waits for a busy pen, and is told when it is put down, is left to the core.
//
// EDGES
//   P1  take: compare_exchange (acquire), with
//   P2  put down: store, before the notification of those who wait for the pen. Everything its holder did happens
//       before what the next holder does.
//   P2 and is_taken() are seq_cst for the sake of whoever puts the pen down and then looks whether an fsync is wanted: a
//   waiter asks for it first and finds the pen taken after, so one of the two sees the other.

#ifndef REWAL_SYNC_PEN_HPP
#define REWAL_SYNC_PEN_HPP

#include <atomic>

#include <rewal/platform.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads = NativeThreads>
class Pen {
 public:
  [[nodiscard]] bool try_take() noexcept {
    bool expected = false;
    return !taken_.load(std::memory_order_relaxed) &&
           taken_.compare_exchange_strong(expected, true, std::memory_order_seq_cst);  // P1, partner P2
  }
  void put_down() noexcept { taken_.store(false, std::memory_order_seq_cst); }         // P2, partner P1

  [[nodiscard]] bool is_taken() const noexcept { return taken_.load(std::memory_order_seq_cst); }

 private:
  alignas(cache_line_bytes) typename Threads::template Atomic<bool> taken_{false};  // by whoever takes the pen
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_PEN_HPP
