// SPDX-License-Identifier: MIT
//
// FrameWalk: all frames of a file one after another, and the bytes between them: it goes on behind damage at the next whole
// frame. Used by one thread. It reads only.
// What damage means for the log is left to the examiner; here it is a place like others.
//
// Zeros from the end of a frame to the end of the file are the end. Other bytes that are no frame are one place, up to the
// next frame whose size and CRC are right, or to the zeros at the end.
// A payload that holds frames is stepped over with its frame; but where that frame itself is damaged, they count as whole.
// A file that is being written: what was no frame yet is checked again once what stands behind it has been seen. A writer
// finishes one frame before the next, so a frame that it was writing is whole by then, and no damage.

#ifndef REWAL_RECOVERY_FRAME_WALK_HPP
#define REWAL_RECOVERY_FRAME_WALK_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/format/format.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/candidate_search.hpp>
#include <rewal/recovery/verdict.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

template <class S>
class FrameWalk {
 public:
  /// Over [offset, end). `log` is the token of policy calls; the storage must outlive this.
  FrameWalk(S& storage, const PolicyMarks* log, std::uint64_t offset, std::uint64_t end)
      : storage_(storage), log_(log), source_(storage, log, end), at_((std::min)(offset, end)) {}
  FrameWalk(const FrameWalk&) = delete;
  FrameWalk& operator=(const FrameWalk&) = delete;

  /// The next frame, or the bytes up to it; none at the end. An error is the storage's.
  [[nodiscard]] Result<std::optional<FrameInfo>> next() noexcept {
    if (at_ >= source_.end()) return std::optional<FrameInfo>();
    const auto frame = frame_here();
    if (!frame) return source_.error();
    if (*frame) return step_over(**frame);
    return bytes_between();
  }

  /// The bytes of the frame that next() has just given; empty after a failure. Valid until the next call.
  [[nodiscard]] Bytes bytes_of_last(const FrameInfo& frame) noexcept { return source_.at(frame.offset, frame.size); }
  [[nodiscard]] const Error& error() const noexcept { return source_.error(); }

 private:
  /// The frame at at_, if there is one. Outer none after a failure.
  [[nodiscard]] std::optional<std::optional<FrameInfo>> frame_here() noexcept {
    const std::uint64_t left = source_.end() - at_;
    if (left < format::frame_overhead) return std::optional<FrameInfo>();
    Bytes bytes = source_.at(at_, format::header_bytes);
    if (bytes.empty()) return std::nullopt;
    const format::Header header = format::load_header(bytes.data());
    if (!format::plausible(header, left)) return std::optional<FrameInfo>();
    bytes = source_.at(at_, header.size);
    if (bytes.empty()) return std::nullopt;
    const auto validity = public_validity(format::check_frame(bytes).validity);
    if (!validity) return std::optional<FrameInfo>();
    return std::optional(info_of(header, *validity));
  }

  [[nodiscard]] std::optional<FrameInfo> step_over(const FrameInfo& frame) noexcept {
    at_ = frame.offset + frame.size;
    return frame;
  }

  [[nodiscard]] FrameInfo info_of(const format::Header& header, FrameValidity validity) const noexcept {
    FrameInfo info;
    info.offset = at_;
    info.size = header.size;
    info.first_lsn = header.first_lsn;
    info.last_lsn = header.count == 0 ? header.first_lsn : header.last_lsn();
    info.count = header.count;
    info.compressed = header.compressed();
    info.synced_before = header.synced_before();
    info.validity = validity;
    return info;
  }

  /// None where the bytes are no frame.
  [[nodiscard]] static std::optional<FrameValidity> public_validity(format::Validity validity) noexcept {
    switch (validity) {
      case format::Validity::valid: return FrameValidity::valid;
      case format::Validity::unknown: return FrameValidity::unknown;
      case format::Validity::malformed: return FrameValidity::malformed;
      case format::Validity::torn:
      case format::Validity::bad_crc: break;
    }
    return std::nullopt;
  }

  [[nodiscard]] Result<std::optional<FrameInfo>> bytes_between() noexcept {
    const std::uint64_t begin = at_;
    if (!search_) search_.emplace(storage_, log_, begin, source_.end());
    auto candidate = search_->next(begin + 1);
    while (candidate && !candidate->is_whole) candidate = search_->next(candidate->at + 1);
    if (search_->failed()) return search_->error();
    std::uint64_t end = candidate ? candidate->at : source_.end();
    if (!candidate) {
      const auto zeros = zeros_before_the_end(begin);
      if (!zeros) return source_.error();
      end = *zeros;
    }
    if (end != begin) {
      source_.release();
      const auto written_meanwhile = frame_here();
      if (!written_meanwhile) return source_.error();
      if (*written_meanwhile) {
        search_.reset();  // what it has read is old
        return step_over(**written_meanwhile);
      }
    }
    at_ = candidate ? end : source_.end();
    if (end == begin) return std::optional<FrameInfo>();  // zeros alone: the end
    FrameInfo info;
    info.offset = begin;
    info.size = end - begin;
    info.validity = FrameValidity::damaged;
    return std::optional(info);
  }

  /// Where the zeros at the end of the file begin, not before `begin`. None after a failure.
  [[nodiscard]] std::optional<std::uint64_t> zeros_before_the_end(std::uint64_t begin) noexcept {
    std::uint64_t zeros_from = begin;
    for (std::uint64_t at = begin; (at = source_.next_data(at)) < source_.end();) {
      const Bytes bytes = source_.at(at, 1);
      if (bytes.empty()) return std::nullopt;
      std::size_t used = bytes.size();
      while (used != 0 && bytes[used - 1] == std::byte{0}) --used;
      if (used != 0) zeros_from = at + used;
      at += bytes.size();
    }
    return zeros_from;
  }

  S& storage_;
  const PolicyMarks* log_;
  Source<S> source_;
  std::optional<CandidateSearch<S>> search_;  // made at the first damage
  std::uint64_t at_;
};

/// What stands behind a bad frame: whole frames, and where bytes other than the zeros at the end of the file end.
struct CountedBeyond {
  FramesBeyond frames;
  std::uint64_t end = 0;
};

/// Of the bytes from `bad_at` on.
template <class S>
[[nodiscard]] Result<CountedBeyond> frames_beyond(S& storage, const PolicyMarks* log, std::uint64_t bad_at,
                                                  std::uint64_t end) {
  FrameWalk<S> walk(storage, log, bad_at, end);
  CountedBeyond counted;
  counted.end = bad_at;
  FramesBeyond& beyond = counted.frames;
  for (;;) {
    const auto next = walk.next();
    if (!next) return next.error();
    if (!*next) return counted;
    const FrameInfo& frame = **next;
    counted.end = frame.offset + frame.size;
    if (frame.validity != FrameValidity::valid) continue;
    beyond.first_lsn = beyond.frames == 0 ? frame.first_lsn : (std::min)(beyond.first_lsn, frame.first_lsn);
    beyond.last_lsn = (std::max)(beyond.last_lsn, frame.last_lsn);
    ++beyond.frames;
    beyond.events += frame.count;
    beyond.bytes += frame.size;
  }
}

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_FRAME_WALK_HPP
