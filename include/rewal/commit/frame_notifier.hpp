// SPDX-License-Identifier: MIT
//
// FrameNotifier: tells the indexer and the after_append hook of each frame that has just been written.
// Called by the write lock's holder, one frame after the other in file order, so both see LSN order, one event at a
// time. It costs nothing where neither policy is there, and changes nothing in the log.

#ifndef REWAL_COMMIT_FRAME_NOTIFIER_HPP
#define REWAL_COMMIT_FRAME_NOTIFIER_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/commit/ring_frames.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/records.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/queue/ring_span.hpp>
#include <rewal/read/shared_log.hpp>

namespace rewal::detail {

template <class I, class H>
class FrameNotifier {
 public:
  /// `log` is the token of the log's PolicyScope.
  FrameNotifier(I indexer, const PolicyMarks* log) : indexer_(std::move(indexer)), log_(log) {}

  /// `bytes` are whole frames, written at `offset`.
  template <class S, class C>
  void frames_written([[maybe_unused]] const RingSpan<std::byte>& bytes, [[maybe_unused]] std::uint64_t offset,
                      [[maybe_unused]] H& hooks, [[maybe_unused]] SharedLog<S, C>& shared) noexcept {
    if constexpr (has_indexer<I> || H::sees_frames) {
      for (std::size_t at = 0; at < bytes.size();) {
        const format::Header header = header_at(bytes, at);
        if constexpr (has_indexer<I>) index_frame(bytes, at, header, offset + at, shared);
        hooks.after_append(header.last_lsn(), header.count);
        at += header.size;
      }
    }
  }

 private:
  template <class S, class C>
  void index_frame(const RingSpan<std::byte>& bytes, std::size_t at, const format::Header& header, std::uint64_t offset,
                   [[maybe_unused]] SharedLog<S, C>& shared) noexcept {
    const PolicyScope scope(log_);
    const RingSpan<std::byte> region = bytes.part(at + format::header_bytes, at + header.size - format::trailer_bytes);
    if (header.compressed()) {
      index_compressed(region, header, offset, shared);
    } else {
      index_records(region, header, offset);
    }
    forget_large_buffers();
  }

  /// An event whose meta finds no memory to be joined in is told of without it.
  template <class AnyByte>
  void index_records(const RingSpan<AnyByte>& region, const format::Header& header, std::uint64_t offset) noexcept {
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      std::byte record[format::record_header_bytes];
      region.copy_to(at, record);
      at += sizeof record;
      const std::size_t meta_bytes = load_le<std::uint16_t>(record + format::meta_length_at);
      const std::optional<Bytes> meta = contiguous(region.part(at, at + meta_bytes));
      tell(header.first_lsn + i, meta ? meta_or_none(*meta) : std::nullopt, offset);
      at += meta_bytes + load_le<std::uint32_t>(record + format::payload_length_at);
    }
  }

  template <class S, class C>
  void index_compressed(const RingSpan<std::byte>& region, const format::Header& header, std::uint64_t offset,
                        [[maybe_unused]] SharedLog<S, C>& shared) noexcept {
    if constexpr (has_compressor<C>) {
      decompressed_.clear();
      const std::optional<Bytes> packed = contiguous(region);
      if (packed && decompress_guarded(shared.compressor, *packed, decompressed_, shared.max_frame_bytes) &&
          format::holds_records(bytes_of(decompressed_), header.count)) {
        return index_records(RingSpan<const std::byte>{bytes_of(decompressed_), {}}, header, offset);
      }
    }
    index_unreadable(header, offset);
  }

  /// The compressor does not give back what it was given, or memory ran out: the events are told of without their meta.
  void index_unreadable(const format::Header& header, std::uint64_t offset) noexcept {
    for (std::uint32_t i = 0; i < header.count; ++i) tell(header.first_lsn + i, std::nullopt, offset);
  }

  void tell(Lsn lsn, std::optional<Bytes> meta, std::uint64_t offset) noexcept {
    REWAL_TRY { indexer_.on_append(lsn, meta, offset); }
    REWAL_CATCH_ALL {}
  }

  /// None where there is no memory to join them in.
  template <class AnyByte>
  std::optional<Bytes> contiguous(const RingSpan<AnyByte>& bytes) noexcept {
    if (bytes.second.empty()) return bytes.first;
    REWAL_TRY {
      joined_.resize(bytes.size());
      bytes.copy_to(0, joined_);
      return bytes_of(joined_);
    }
    REWAL_CATCH_ALL { return std::nullopt; }
  }

  void forget_large_buffers() noexcept {
    constexpr std::size_t most_kept = 64 * 1024;
    if (joined_.capacity() > most_kept) joined_ = std::vector<std::byte>();
    if (decompressed_.capacity() > most_kept) decompressed_ = std::vector<std::byte>();
  }

  [[no_unique_address]] I indexer_;
  const PolicyMarks* log_;
  std::vector<std::byte> joined_;        // a meta, or a compressed region, that went over the end of the ring
  std::vector<std::byte> decompressed_;  // a region that was stored compressed
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_FRAME_NOTIFIER_HPP
