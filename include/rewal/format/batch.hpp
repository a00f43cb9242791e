// SPDX-License-Identifier: MIT
//
// Batch: records gathered by the caller, to be appended as one frame, all or nothing.
// Used by one thread at a time. It holds its records already encoded, so that appending it is one copy.

#ifndef REWAL_FORMAT_BATCH_HPP
#define REWAL_FORMAT_BATCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/records.hpp>

namespace rewal {

namespace detail {
struct BatchAccess;
}

/// Records for one `append_batch`. Reusable: `clear()` keeps the memory, so that a steady state allocates nothing.
class Batch {
 public:
  Batch() = default;
  Batch(const Batch&) = default;
  Batch& operator=(const Batch&) = default;
  /// A batch that was moved from is empty, and usable.
  Batch(Batch&& other) noexcept
      : region_(std::exchange(other.region_, {})),
        count_(std::exchange(other.count_, 0)),
        spoiled_(std::exchange(other.spoiled_, false)) {}
  Batch& operator=(Batch&& other) noexcept {
    region_ = std::exchange(other.region_, {});
    count_ = std::exchange(other.count_, 0);
    spoiled_ = std::exchange(other.spoiled_, false);
    return *this;
  }
  ~Batch() = default;

  /// An empty batch with memory for about `records` small records; it grows as needed.
  [[nodiscard]] static Batch with_capacity(std::size_t records) {
    constexpr std::size_t typical_record_bytes = 64;
    constexpr std::size_t most_records = 16 * 1024;
    Batch batch;
    batch.region_.reserve((std::min)(records, most_records) * typical_record_bytes);
    return batch;
  }

  /// Copies one record into the batch. A record over the format's limits (meta of more than 65,535 bytes, a frame of
  /// 4 GiB) spoils the batch: append_batch then returns `invalid_record` until `clear()`.
  void add(BytesArg payload) { add_with_meta(payload, BytesArg{}); }

  /// As `add`; an empty meta reads back as "no meta".
  void add_with_meta(BytesArg payload, BytesArg meta) {
    const std::uint64_t bytes = detail::record_bytes(payload.bytes(), meta.bytes());
    const std::uint64_t room = detail::format::max_frame_bytes - detail::format::frame_overhead - region_.size();
    if (spoiled_ || meta.size() > detail::format::max_meta_bytes || bytes > room) {
      spoiled_ = true;
      return;
    }
    std::byte record_header[detail::format::record_header_bytes];
    detail::store_record_header(record_header, payload.bytes(), meta.bytes());
    make_room(static_cast<std::size_t>(bytes));
    region_.insert(region_.end(), std::begin(record_header), std::end(record_header));
    region_.insert(region_.end(), meta.bytes().begin(), meta.bytes().end());
    region_.insert(region_.end(), payload.bytes().begin(), payload.bytes().end());
    ++count_;
  }

  /// Records added since the last `clear()`.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// Forgets the records and keeps the memory.
  void clear() noexcept {
    region_.clear();
    count_ = 0;
    spoiled_ = false;
  }

 private:
  friend struct detail::BatchAccess;

  /// Grows once for the whole record, so that a failed allocation leaves the batch as it was.
  void make_room(std::size_t bytes) {
    const std::size_t needed = region_.size() + bytes;
    if (needed > region_.capacity()) region_.reserve((std::max)(needed, 2 * region_.capacity()));
  }

  std::vector<std::byte> region_;  // the records region of the frame to be
  std::uint32_t count_ = 0;        // records in region_
  bool spoiled_ = false;
};

namespace detail {

/// What the log reads of a batch.
struct BatchAccess {
  [[nodiscard]] static Bytes region(const Batch& batch) noexcept { return bytes_of(batch.region_); }
  [[nodiscard]] static std::uint32_t count(const Batch& batch) noexcept { return batch.count_; }
  [[nodiscard]] static bool spoiled(const Batch& batch) noexcept { return batch.spoiled_; }
};

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_FORMAT_BATCH_HPP
