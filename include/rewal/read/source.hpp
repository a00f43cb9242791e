// SPDX-License-Identifier: MIT
//
// Source: the bytes [0, end) of a storage as spans, without a copy where the storage can map them.
// Used by one thread; other threads may write to the storage beyond `end` meanwhile.
// It knows nothing of frames: what the bytes mean, and whether the log is closed by now, is left to its users.
//
// A storage may offer `map(size) -> Result<std::shared_ptr<const M>>`, where M::bytes() is exactly [0, size). Where it
// does not, or will not, the bytes come through read_at into a buffer: one chunk, or the one frame that is larger.
// MEMORY. Never more than one chunk and one request; a request is never larger than what is left of the file.

#ifndef REWAL_READ_SOURCE_HPP
#define REWAL_READ_SOURCE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal::detail {

template <class S>
class Source {
 public:
  static constexpr std::size_t default_chunk_bytes = 64 * 1024;

  /// `log` is the token of policy calls. `storage` must outlive the source; `end` is at most its size.
  /// A mapping that fails is no error: the bytes are then read.
  Source(S& storage, const PolicyMarks* log, std::uint64_t end, std::size_t chunk_bytes = default_chunk_bytes)
      : storage_(&storage), log_(log), end_(end), chunk_bytes_(chunk_bytes) {
    map_all();
  }

  /// Another reader of the same bytes, for another thread; a mapping is shared.
  [[nodiscard]] Source twin() const noexcept {
    Source other(*storage_, log_, end_, chunk_bytes_, mapping_);
    if (mapping_ != nullptr) other.loaded_ = loaded_;
    return other;
  }

  Source(Source&&) noexcept = default;
  Source& operator=(Source&&) noexcept = default;
  ~Source() = default;

  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

  /// The bytes from `offset` on, at least `least` of them and as many more as are at hand; empty after a failure, which
  /// error() then tells. Valid until the next call. Requires `least >= 1` and `offset + least <= end()`.
  [[nodiscard]] Bytes at(std::uint64_t offset, std::uint64_t least) noexcept {
    const std::uint64_t skip = offset - loaded_at_;  // huge where offset lies before
    if (REWAL_LIKELY(skip <= loaded_.size() && least <= loaded_.size() - skip)) {
      return loaded_.subspan(static_cast<std::size_t>(skip));
    }
    return load(offset, least);
  }

  /// Where bytes that were written begin, at `offset` or behind it, as far as the storage tells: before that are zeros.
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) noexcept {
    if constexpr (HoleTellingStorage<S>) {
      const std::uint64_t found = storage_->next_data(offset);
      return found < offset ? offset : (std::min)(found, end_);
    }
    return offset;
  }

  /// All bytes, where the storage maps them; else none.
  [[nodiscard]] Bytes mapped() const noexcept { return mapping_ != nullptr ? loaded_ : Bytes(); }

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// Whether the storage that it reads is calling back.
  [[nodiscard]] bool busy() const noexcept { return busy_; }
  /// Why at() failed.
  [[nodiscard]] const Error& error() const noexcept { return error_; }

  /// Memory it holds beside a mapping.
  [[nodiscard]] std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }

  /// The end moves on to `end`, and reading goes on at `offset`; what at() returned is gone. Where much lies between
  /// them it is mapped, else read into the buffer: that is where the writer's bytes are warm.
  void extend(std::uint64_t end, std::uint64_t offset) noexcept {
    end_ = end;
    if (mapping_ != nullptr && offset - loaded_at_ >= loaded_.size()) {
      loaded_ = {};
      mapping_.reset();
    }
    if (end - offset >= worth_mapping_bytes) map_all();
  }

  /// The end moves on to `end`, for good. Reads on from `bytes`, which are those of the storage from `offset` to there
  /// and stay while `memory` lives; what at() returned is gone.
  void adopt(std::uint64_t end, Bytes bytes, std::uint64_t offset, std::shared_ptr<const void> memory) noexcept {
    end_ = end;
    if (bytes.empty()) return;
    loaded_ = bytes;
    loaded_at_ = offset;
    mapping_ = std::move(memory);
  }

  /// What keeps mapped() alive.
  [[nodiscard]] const std::shared_ptr<const void>& mapping() const noexcept { return mapping_; }

  /// Gives mapping and buffer back; what at() returned is gone.
  void release() noexcept {
    loaded_ = {};
    mapping_.reset();
    buffer_.reset();
    buffer_bytes_ = 0;
  }

 private:
  static constexpr std::uint64_t worth_mapping_bytes = 1024 * 1024;  // of an end that has moved on

  void map_all() {
    if constexpr (MappingStorage<S>) {
      if (end_ == 0 || end_ > SIZE_MAX) return;
      static_cast<void>(storage_call(log_, [&]() -> Result<void> {
        auto mapping = storage_->map(end_);
        if (!mapping || *mapping == nullptr) return {};
        const Bytes bytes = (*mapping)->bytes();
        if (bytes.size() != end_) return {};
        loaded_ = bytes;
        loaded_at_ = 0;
        mapping_ = std::move(*mapping);
        return {};
      }));
    }
  }

  Source(S& storage, const PolicyMarks* log, std::uint64_t end, std::size_t chunk_bytes,
         std::shared_ptr<const void> mapping) noexcept
      : storage_(&storage), log_(log), end_(end), chunk_bytes_(chunk_bytes), mapping_(std::move(mapping)) {}

  REWAL_NOINLINE Bytes load(std::uint64_t offset, std::uint64_t least) noexcept {
    if (busy_) return fail(Errc::invalid_state);
    const std::uint64_t wanted = (std::max)(least, (std::min<std::uint64_t>)(chunk_bytes_, end_ - offset));
    if (wanted > SIZE_MAX / 2) return fail(not_enough_memory());
    const auto bytes = static_cast<std::size_t>(wanted);
    const std::uint64_t skip = offset - loaded_at_;
    const std::size_t kept =
        skip < loaded_.size() ? (std::min)(bytes, loaded_.size() - static_cast<std::size_t>(skip)) : 0;
    const std::byte* const kept_from = kept > 0 ? loaded_.data() + skip : nullptr;
    if (!make_room(bytes, kept_from, kept)) return {};
    loaded_ = {};  // nothing is at hand for a storage that calls back
    busy_ = true;
    const bool filled = fill(offset, kept, bytes);
    busy_ = false;
    if (!filled) return {};
    loaded_at_ = offset;
    loaded_ = {buffer_.get(), bytes};
    return loaded_;
  }

  /// A buffer for `bytes` with the kept ones in front: the present one, unless it is too small, or large for once.
  bool make_room(std::size_t bytes, const std::byte* kept_from, std::size_t kept) noexcept {
    const std::size_t right_size = (std::max)(bytes, chunk_bytes_);
    if (bytes <= buffer_bytes_ && buffer_bytes_ <= right_size) {
      if (kept > 0) std::memmove(buffer_.get(), kept_from, kept);
      return true;
    }
    std::unique_ptr<std::byte[]> larger(new (std::nothrow) std::byte[right_size]);
    if (larger == nullptr) {
      fail(not_enough_memory());
      return false;
    }
    if (kept > 0) std::memcpy(larger.get(), kept_from, kept);
    buffer_ = std::move(larger);
    buffer_bytes_ = right_size;
    return true;
  }

  /// Reads [offset + have, offset + bytes) behind the `have` first bytes of the buffer.
  bool fill(std::uint64_t offset, std::size_t have, std::size_t bytes) noexcept {
    constexpr int most_interruptions = 100;
    int interruptions = 0;
    while (have < bytes) {
      const std::span<std::byte> room(buffer_.get() + have, bytes - have);
      const Result<std::size_t> got = storage_call(log_, [&] { return storage_->read_at(room, offset + have); });
      if (!got) {
        if (was_interrupted(got.error()) && ++interruptions < most_interruptions) continue;
        fail(got.error().offset() ? got.error() : got.error().at_offset(offset + have));
        return false;
      }
      if (*got == 0 || *got > room.size()) {
        fail((*got == 0 ? Error(Errc::corrupted, "the storage ends before the bytes that were written to it")
                        : Error(Errc::io, "the storage claims to have read more bytes than it was asked for"))
                 .at_offset(offset + have));
        return false;
      }
      have += *got;
      interruptions = 0;
    }
    return true;
  }

  Bytes fail(const Error& error) noexcept {
    error_ = error;
    failed_ = true;
    loaded_ = {};
    return {};
  }

  S* storage_;
  const PolicyMarks* log_;
  std::uint64_t end_;
  std::size_t chunk_bytes_;

  Bytes loaded_;                 // of the mapping, or of buffer_
  std::uint64_t loaded_at_ = 0;  // where in the file loaded_ begins
  std::shared_ptr<const void> mapping_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t buffer_bytes_ = 0;
  bool busy_ = false;
  bool failed_ = false;
  Error error_{Errc::io};  // where it has failed
};

}  // namespace rewal::detail

#endif  // REWAL_READ_SOURCE_HPP
