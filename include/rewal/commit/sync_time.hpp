// SPDX-License-Identifier: MIT
//
// SyncTime: how long a log's fsyncs took, counted in powers of two.
// Added to by the write lock's holder, read by anybody; a snapshot may lie between two fsyncs' numbers. Which fsyncs count
// is left to the writer.

#ifndef REWAL_COMMIT_SYNC_TIME_HPP
#define REWAL_COMMIT_SYNC_TIME_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <rewal/stats.hpp>

namespace rewal::detail {

template <class Threads>
class SyncTime {
 public:
  void add(std::chrono::nanoseconds took) noexcept {
    const auto nanoseconds = static_cast<std::uint64_t>((std::max)(took.count(), std::chrono::nanoseconds::rep{0}));
    increase(counts_[SyncHistogram::bucket_of(nanoseconds)], 1);
    increase(total_, nanoseconds);
  }

  [[nodiscard]] SyncHistogram snapshot() const noexcept {
    SyncHistogram histogram;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
      histogram.counts[i] = counts_[i].load(std::memory_order_relaxed);
    }
    histogram.total = total_.load(std::memory_order_relaxed);
    return histogram;
  }

 private:
  // Not the model's: nothing is ordered by these numbers, so no interleaving of them tells anything.
  using Counter = std::atomic<std::uint64_t>;

  /// One writer: no swap needed.
  static void increase(Counter& counter, std::uint64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  Counter counts_[SyncHistogram{}.counts.size()]{};
  Counter total_{0};
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_SYNC_TIME_HPP
