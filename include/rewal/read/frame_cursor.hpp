// SPDX-License-Identifier: MIT
//
// FrameCursor: walks the frames of a source one after another and checks each of them fully.
// Used by one thread. A frame, the clean end, bad bytes and a storage that fails are four different answers.
// What bad bytes mean is left to recovery and to the readers; it never skips them.

#ifndef REWAL_READ_FRAME_CURSOR_HPP
#define REWAL_READ_FRAME_CURSOR_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/platform.hpp>
#include <rewal/read/source.hpp>

namespace rewal::detail {

enum class Walk : std::uint8_t {
  frame,   ///< header(), region() and offset() are those of a valid frame
  end,     ///< the source ends with the last frame
  bad,     ///< no valid frame stands at offset(); validity() says why
  failed,  ///< the storage failed; error() says how
};

/// Processors stop fetching ahead at each 4 KiB page, just where a pass over a mapping needs it.
REWAL_INLINE void prefetch_beyond([[maybe_unused]] Bytes bytes, [[maybe_unused]] std::size_t size) noexcept {
#if REWAL_GNU
  constexpr std::size_t ahead = 4096;
  constexpr std::size_t most = 1024;
  constexpr std::size_t step = 128;  // lines come in pairs
  if (bytes.size() < ahead + most) return;
  const std::byte* at = bytes.data() + ahead;
  const std::byte* const end = at + (std::min)(size, most);
  do {
    __builtin_prefetch(at);
    at += step;
  } while (at < end);
#endif
}

template <class S>
class FrameCursor {
 public:
  /// Requires that a frame begins at `offset`, or that it is the source's end.
  FrameCursor(Source<S> source, std::uint64_t offset) noexcept
      : source_(std::move(source)), offset_(offset), next_(offset) {}

  /// Steps to the next frame. After anything but a frame, the same answer again.
  [[nodiscard]] REWAL_INLINE Walk next() noexcept {
    const std::uint64_t at = next_;
    const std::uint64_t left = source_.end() - at;
    offset_ = at;
    if (REWAL_UNLIKELY(left < format::header_bytes)) return too_short(left);
    Bytes bytes = source_.at(at, format::header_bytes);
    if (REWAL_UNLIKELY(bytes.empty())) return Walk::failed;
    const std::uint32_t size = load_le<std::uint32_t>(bytes.data() + format::size_at);
    if (REWAL_UNLIKELY(size > bytes.size())) {
      if (format::plausible(format::load_header(bytes.data()), left)) bytes = source_.at(at, size);
      if (bytes.empty()) return Walk::failed;
    }
    prefetch_beyond(bytes, size);
    const format::Validity validity = format::check_frame(bytes).validity;
    if (REWAL_UNLIKELY(validity != format::Validity::valid)) return bad(validity);
    frame_ = bytes.data();
    next_ = at + size;
    return Walk::frame;
  }

  /// A frame begins at `offset`, which next() steps to; or it is the source's end.
  void go_to(std::uint64_t offset) noexcept { next_ = offset; }
  /// next() is `end` from now on.
  void stop() noexcept { next_ = source_.end(); }

  /// Where next() goes.
  [[nodiscard]] std::uint64_t next_offset() const noexcept { return next_; }
  /// Where the frame, the end or the bad bytes are.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  /// What is wrong with bad bytes.
  [[nodiscard]] format::Validity validity() const noexcept { return validity_; }
  [[nodiscard]] format::Header header() const noexcept { return format::load_header(frame_); }
  /// The frame. Valid until the next call of next().
  [[nodiscard]] Bytes frame() const noexcept { return {frame_, header().size}; }
  /// The frame's records as stored. Valid until the next call of next().
  [[nodiscard]] Bytes region() const noexcept { return format::region_of(frame_, header()); }
  [[nodiscard]] const Error& error() const noexcept { return source_.error(); }
  [[nodiscard]] Source<S>& source() noexcept { return source_; }
  [[nodiscard]] const Source<S>& source() const noexcept { return source_; }

 private:
  REWAL_NOINLINE Walk too_short(std::uint64_t left) noexcept {
    return left == 0 ? Walk::end : bad(format::Validity::torn);
  }

  Walk bad(format::Validity validity) noexcept {
    validity_ = validity;
    return Walk::bad;
  }

  Source<S> source_;
  std::uint64_t offset_;
  std::uint64_t next_;
  const std::byte* frame_ = nullptr;
  format::Validity validity_ = format::Validity::valid;
};

/// What a reader says of bad bytes below the written end.
[[nodiscard]] inline Error damage_at(std::uint64_t offset, format::Validity validity) noexcept {
  using format::Validity;
  const Error error =
      validity == Validity::unknown
          ? Error(Errc::invalid_record,
                  "the frame has flags or a version that this release does not know: read it with a newer one")
      : validity == Validity::malformed
          ? Error(Errc::corrupted,
                  "the frame's checksum is right but its content is impossible: a faulty program wrote it")
          : Error(Errc::corrupted);
  return error.at_offset(offset);
}

}  // namespace rewal::detail

#endif  // REWAL_READ_FRAME_CURSOR_HPP
