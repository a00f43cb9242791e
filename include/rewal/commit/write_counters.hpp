// SPDX-License-Identifier: MIT
//
// WriteCounters: what a log counts of its writing.
// Each is stored by the write lock's holder and read by anybody; together they are no snapshot. Putting them beside the
// rest of what a log tells of itself is left to the log.

#ifndef REWAL_COMMIT_WRITE_COUNTERS_HPP
#define REWAL_COMMIT_WRITE_COUNTERS_HPP

#include <atomic>
#include <chrono>
#include <cstdint>

#include <rewal/commit/sync_time.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

template <class Threads>
struct WriteCounters {
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;

  Atomic<std::uint64_t> events_written{0};
  Atomic<std::uint64_t> batches_written{0};
  Atomic<std::uint64_t> bytes_written{0};
  Atomic<std::uint64_t> bytes_synced{0};
  Atomic<std::uint64_t> sync_count{0};
  SyncTime<Threads> sync_time;

  void wrote(std::uint64_t events, std::uint64_t frames, std::uint64_t bytes) noexcept {
    add(events_written, events);
    add(batches_written, frames);
    add(bytes_written, bytes);
  }
  void synced(std::uint64_t bytes) noexcept { add(bytes_synced, bytes); }
  void synced(std::uint64_t bytes, std::chrono::nanoseconds took) noexcept {
    synced(bytes);
    sync_time.add(took);
    add(sync_count, 1);
  }

 private:
  static void add(Atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
    // One writer: no swap needed. Release, with acquire: whoever sees it sees what was counted before.
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_release);
  }
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_WRITE_COUNTERS_HPP
