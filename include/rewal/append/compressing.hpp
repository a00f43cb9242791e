// SPDX-License-Identifier: MIT
//
// Compressing: the records of a frame through the compressor, before the frame has a place or an LSN.
// Runs on the appending threads, several at once; each borrows buffers from the log. A frame that compression does not
// shrink stays as it is. What becomes of the frame is left to the caller.

#ifndef REWAL_APPEND_COMPRESSING_HPP
#define REWAL_APPEND_COMPRESSING_HPP

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include <rewal/append/pending_frame.hpp>
#include <rewal/bytes.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/format/format.hpp>
#include <rewal/format/records.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

template <class Core>
class Compressing {
 public:
  explicit Compressing(Core& core) : core_(core), plain_(take_scratch()), packed_(take_scratch()) {}
  Compressing(const Compressing&) = delete;
  Compressing& operator=(const Compressing&) = delete;
  ~Compressing() {
    give_back(std::move(plain_));
    give_back(std::move(packed_));
  }

  /// `frame` with its records compressed, or `frame` itself. Valid as long as this object. `saved` says how many bytes
  /// shorter it has become.
  [[nodiscard]] Result<PendingFrame> compressed(const PendingFrame& frame, std::size_t& saved) {
    saved = 0;
    Bytes region = frame.payload;
    if (!frame.is_region) {
      const Result<void> encoded = encode_record(frame);
      if (!encoded) return encoded.error();
      region = plain_;
    }
    {
      const PolicyScope scope(core_.shared.get());
      const Result<void> done = compress_guarded(core_.shared->compressor, region, packed_);
      if (!done) return done.error();
    }
    const std::size_t plain_bytes = region.size();
    forget_large(plain_);  // the frame may have to wait
    if (packed_.size() >= plain_bytes) {
      forget_large(packed_);
      return frame;
    }
    saved = plain_bytes - packed_.size();
    return PendingFrame{packed_, {}, frame.count, format::flag_compressed, true};
  }

 private:
  static constexpr std::size_t most_kept_bytes = 16 * 1024;
  static constexpr std::size_t most_kept_buffers = 16;

  [[nodiscard]] Result<void> encode_record(const PendingFrame& frame) noexcept {
    REWAL_TRY {
      plain_.resize(format::record_header_bytes);
      store_record_header(plain_.data(), frame.payload, frame.meta);
      plain_.insert(plain_.end(), frame.meta.begin(), frame.meta.end());
      plain_.insert(plain_.end(), frame.payload.begin(), frame.payload.end());
      return {};
    }
    REWAL_CATCH_ALL { return not_enough_memory(); }
  }

  static void forget_large(std::vector<std::byte>& buffer) noexcept {
    if (buffer.capacity() > most_kept_bytes) buffer = std::vector<std::byte>();  // {} would keep it
  }

  [[nodiscard]] std::vector<std::byte> take_scratch() noexcept {
    const std::lock_guard lock(core_.scratch_mutex);
    if (core_.scratch.empty()) return {};
    std::vector<std::byte> buffer = std::move(core_.scratch.back());
    core_.scratch.pop_back();
    return buffer;
  }
  void give_back(std::vector<std::byte> buffer) noexcept {
    if (buffer.capacity() > most_kept_bytes) return;
    buffer.clear();
    const std::lock_guard lock(core_.scratch_mutex);
    if (core_.scratch.size() == most_kept_buffers) return;
    REWAL_TRY { core_.scratch.push_back(std::move(buffer)); }
    REWAL_CATCH_ALL {}
  }

  Core& core_;
  std::vector<std::byte> plain_;   // the region of a single record
  std::vector<std::byte> packed_;  // the compressed region
};

}  // namespace rewal::detail

#endif  // REWAL_APPEND_COMPRESSING_HPP
