// SPDX-License-Identifier: MIT
//
// MemoryBound: what a log took of the heap, held against what the contract lets it take.

#ifndef REWAL_TESTS_MEMORY_MEMORY_BOUND_HPP
#define REWAL_TESTS_MEMORY_MEMORY_BOUND_HPP

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory/counted_heap.hpp>
#include <rewal/format/sparse_index.hpp>
#include <string>
#include <support/harness.hpp>
#include <torture/report.hpp>
#include <utility>

namespace rewal_test {

using rewal_torture::Row;

inline constexpr std::uint64_t kib = 1024;
inline constexpr std::uint64_t mib = 1024 * kib;
inline constexpr std::uint64_t slack_bytes = mib;  // the contract's
inline constexpr std::uint64_t default_queue_bytes = 2112 * kib;

/// What the sparse index may take of the peak.
[[nodiscard]] constexpr std::uint64_t index_bytes() {
  constexpr std::uint64_t entry_bytes = 16;
  return rewal::detail::SparseIndex::max_entries * entry_bytes;
}

class MemoryBound {
 public:
  explicit MemoryBound(std::uint64_t queue_bytes) : queue_bytes_(queue_bytes), start_(heap::begin()) {}

  /// After the work, with the log still open.
  void peak(Row& row, std::uint64_t largest_frame) {
    const std::uint64_t used = above_start(heap::peak.load());
    const std::uint64_t most = (std::max)(queue_bytes_, largest_frame) + slack_bytes + index_bytes();
    row.note("peak_kib_" + label_, used / kib);
    row.violations += used > most;
    UNSCOPED_INFO(label_ << ": peak of " << used << " bytes, at most " << most << " are allowed");
    CHECK(used <= most);
  }
  /// When all is written. What is there from the start on belongs to the log for as long as it is open.
  void idle(Row& row, std::uint64_t most) {
    std::uint64_t used = 0;
    static_cast<void>(eventually([&] { return (used = above_start(heap::bytes.load())) <= most; }));
    row.note("idle_kib_" + label_, used / kib);
    row.violations += used > most;
    UNSCOPED_INFO(label_ << ": " << used << " bytes when idle, at most " << most << " are allowed");
    CHECK(used <= most);
  }
  /// From here on `label` names the figures, and the peak is counted anew.
  MemoryBound& now(std::string label) {
    label_ = std::move(label);
    static_cast<void>(heap::begin());
    return *this;
  }

 private:
  [[nodiscard]] std::uint64_t above_start(std::int64_t bytes) const {
    return bytes > start_ ? static_cast<std::uint64_t>(bytes - start_) : 0;
  }

  std::uint64_t queue_bytes_;
  std::int64_t start_;
  std::string label_;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_MEMORY_MEMORY_BOUND_HPP
