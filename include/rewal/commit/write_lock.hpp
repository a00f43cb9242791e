// SPDX-License-Identifier: MIT
//
// WriteLock: whoever holds it, and nobody else, writes, syncs, truncates and closes the storage. Taken by the writer
// thread, or by a caller that would otherwise only wait for it. Any thread may try; nobody queues. Who waits for a busy
// write lock, and is told when it is put down, is left to the core.
//
// EDGES
//   P1  take: compare_exchange (acquire), with
//   P2  put down: store, before the notification of those who wait for the write lock. Everything its holder did
//       happens before what the next holder does.
//   P2 and is_held() are seq_cst for the sake of whoever releases the write lock and then checks whether an fsync is
//       wanted: a
//   waiter asks for it first and finds the write lock held after, so one of the two sees the other.

#ifndef REWAL_COMMIT_WRITE_LOCK_HPP
#define REWAL_COMMIT_WRITE_LOCK_HPP

#include <atomic>
#include <cstdint>

#include <rewal/platform.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads = NativeThreads>
class WriteLock {
 public:
  [[nodiscard]] bool try_acquire() noexcept {
    std::uint32_t expected = 0;
    return held_.load(std::memory_order_relaxed) == 0 &&
           held_.compare_exchange_strong(expected, 1, std::memory_order_seq_cst);  // P1, partner P2
  }
  void release() noexcept { held_.store(0, std::memory_order_seq_cst); }  // P2, partner P1

  [[nodiscard]] bool is_held() const noexcept { return held_.load(std::memory_order_seq_cst) != 0; }

 private:
  // By whoever takes the write lock. A word: some processors exchange no bytes by themselves.
  alignas(cache_line_bytes) typename Threads::template Atomic<std::uint32_t> held_{0};
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_WRITE_LOCK_HPP
