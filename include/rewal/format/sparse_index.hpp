// SPDX-License-Identifier: MIT
//
// SparseIndex: where in the file to begin reading for a given LSN.
// Not thread-safe: whoever owns it guards it. It knows frames by offset and LSN only, and never reads the file.
//
// INVARIANTS
//   1. An entry (below, offset) means: a frame begins at offset, and every frame before it has LSNs < below only.
//   2. Entries ascend in offset, and never descend in `below`: it is the highest LSN seen so far, plus one. So the
//      answer stays right for files whose LSNs jump or are out of order.
//   3. Entries are at least `stride` bytes of file apart. When there are max_entries of them, every second one is
//      dropped and the stride doubles: the memory is bounded whatever the file's size.

#ifndef REWAL_FORMAT_SPARSE_INDEX_HPP
#define REWAL_FORMAT_SPARSE_INDEX_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include <rewal/lsn.hpp>

namespace rewal::detail {

class SparseIndex {
 public:
  static constexpr std::size_t max_entries = 16 * 1024;  // 256 KiB
  static constexpr std::uint64_t first_stride = 32 * 1024;

  SparseIndex() = default;
  SparseIndex(const SparseIndex&) = delete;
  SparseIndex& operator=(const SparseIndex&) = delete;

  /// Told of every frame in file order, before the index hears of the next. Allocation failure costs an entry only.
  void frame(std::uint64_t offset, Lsn last_lsn) noexcept {
    if (offset >= next_entry_at_ && offset > 0) add_entry(offset);
    highest_ = (std::max)(highest_, last_lsn);
  }

  /// Frames up to this LSN have passed that the index was not told of.
  void pass(Lsn last_lsn) noexcept { highest_ = (std::max)(highest_, last_lsn); }

  /// The best offset to begin reading at for events with `lsn >= from`: no such event lies before it. O(log entries).
  [[nodiscard]] std::uint64_t seek(Lsn from) const noexcept {
    // The last entry with below <= from.
    const Entry* const first = entries_.get();
    const Entry* const after =
        std::upper_bound(first, first + count_, from, [](Lsn lsn, const Entry& entry) { return lsn < entry.below; });
    return after == first ? 0 : (after - 1)->offset;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return entries_ == nullptr ? 0 : max_entries * sizeof(Entry);
  }

 private:
  struct Entry {
    Lsn below;
    std::uint64_t offset;
  };

  void add_entry(std::uint64_t offset) noexcept {
    if (entries_ == nullptr) entries_.reset(new (std::nothrow) Entry[max_entries]);  // a growing log allocates no more
    if (count_ == max_entries) thin_out();
    if (entries_ != nullptr) entries_[count_++] = {highest_ + 1, offset};
    next_entry_at_ = offset + stride_;
  }

  void thin_out() noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; i += 2) entries_[kept++] = entries_[i];
    count_ = kept;
    stride_ *= 2;
  }

  std::unique_ptr<Entry[]> entries_;  // max_entries of them, once there is one
  std::size_t count_ = 0;
  std::uint64_t stride_ = first_stride;
  std::uint64_t next_entry_at_ = first_stride;
  Lsn highest_ = 0;
};

}  // namespace rewal::detail

#endif  // REWAL_FORMAT_SPARSE_INDEX_HPP
