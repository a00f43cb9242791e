// SPDX-License-Identifier: MIT
//
// FrameWitness: tells the indexer and the after_append hook of each frame that has just been written.
// Called by the pen's holder, one frame after the other in file order, so both see LSN order, one event at a time.
// It costs nothing where neither policy is there, and changes nothing in the log.

#ifndef REWAL_RIVER_FRAME_WITNESS_HPP
#define REWAL_RIVER_FRAME_WITNESS_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/codec/compressor.hpp>
#include <rewal/codec/format.hpp>
#include <rewal/codec/indexer.hpp>
#include <rewal/codec/records.hpp>
#include <rewal/platform.hpp>
#include <rewal/river/read_side.hpp>
#include <rewal/sync/policy_scope.hpp>
#include <rewal/sync/ring.hpp>

namespace rewal::detail {

template <class I, class H>
class FrameWitness {
 public:
  /// `log` is the token of the log's PolicyScope.
  FrameWitness(I indexer, const void* log) : indexer_(std::move(indexer)), log_(log) {}

  /// `bytes` are whole frames, written at `offset`.
  template <class S, class C>
  void frames_written([[maybe_unused]] const RingSpan<std::byte>& bytes, [[maybe_unused]] std::uint64_t offset,
                      [[maybe_unused]] H& hooks, [[maybe_unused]] ReadSide<S, C>& side) noexcept {
    if constexpr (has_indexer<I> || H::sees_frames) {
      for (std::size_t at = 0; at < bytes.size();) {
        std::byte header_bytes[format::header_bytes];
        bytes.copy_to(at, header_bytes);
        const format::Header header = format::load_header(header_bytes);
        if constexpr (has_indexer<I>) index_frame(bytes, at, header, offset + at, side);
        hooks.after_append(header.last_lsn(), header.count);
        at += header.size;
      }
    }
  }

 private:
  template <class S, class C>
  void index_frame(const RingSpan<std::byte>& bytes, std::size_t at, const format::Header& header, std::uint64_t offset,
                   [[maybe_unused]] ReadSide<S, C>& side) noexcept {
    const PolicyScope scope(log_);
    REWAL_TRY {
      Bytes region = contiguous(bytes, at + format::header_bytes, header.region_bytes());
      if constexpr (has_compressor<C>) {
        if (header.compressed()) {
          decompressed_.clear();
          if (!decompress_guarded(side.compressor, region, decompressed_, side.max_frame_bytes) ||
              !format::holds_records(decompressed_, header.count)) {
            return index_unreadable(header, offset);
          }
          region = decompressed_;
        }
      }
      const std::byte* record = region.data();
      for (std::uint32_t i = 0; i < header.count; ++i) {
        const BorrowedEvent event = load_record(record);
        record = end_of(event);
        tell(header.first_lsn + i, event.meta, offset);
      }
    }
    REWAL_CATCH_ALL { index_unreadable(header, offset); }
    forget_large_buffers();
  }

  /// The compressor does not give back what it was given, or memory ran out: the events are told of without their meta.
  void index_unreadable(const format::Header& header, std::uint64_t offset) noexcept {
    for (std::uint32_t i = 0; i < header.count; ++i) tell(header.first_lsn + i, std::nullopt, offset);
  }

  void tell(Lsn lsn, std::optional<Bytes> meta, std::uint64_t offset) noexcept {
    REWAL_TRY { indexer_.on_append(lsn, meta, offset); }
    REWAL_CATCH_ALL {}
  }

  Bytes contiguous(const RingSpan<std::byte>& bytes, std::size_t at, std::size_t size) {
    if (at + size <= bytes.first.size()) return bytes.first.subspan(at, size);
    if (at >= bytes.first.size()) return bytes.second.subspan(at - bytes.first.size(), size);
    joined_.resize(size);
    bytes.copy_to(at, joined_);
    return joined_;
  }

  void forget_large_buffers() noexcept {
    constexpr std::size_t most_kept = 64 * 1024;
    if (joined_.capacity() > most_kept) joined_ = {};
    if (decompressed_.capacity() > most_kept) decompressed_ = {};
  }

  [[no_unique_address]] I indexer_;
  const void* log_;
  std::vector<std::byte> joined_;        // a region that went over the end of the ring
  std::vector<std::byte> decompressed_;  // a region that was stored compressed
};

}  // namespace rewal::detail

#endif  // REWAL_RIVER_FRAME_WITNESS_HPP
