// SPDX-License-Identifier: MIT
//
// EventWalk: the events of all whole frames of a part of a log, in file order, those behind bad places too, with each
// bad place told where it stands. Used by one thread; holds one frame in memory.
// What a log's end means is not asked here: the caller gives the part.

#ifndef WALCTL_EVENT_WALK_HPP
#define WALCTL_EVENT_WALK_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <rewal/reader.hpp>

#include <walctl/codec.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/slice_storage.hpp>

namespace walctl {

class EventWalk {
 public:
  /// The bytes [begin, end); a frame begins at `begin`.
  EventWalk(std::shared_ptr<const OpenFile> file, Codec codec, std::uint64_t begin, std::uint64_t end)
      : file_(std::move(file)), codec_(codec), at_(begin), end_(end) {}

  /// Calls on_event(const BorrowedEvent&) for each event, its offset that in the file; on_bad(const FrameInfo&, Lsn
  /// before) for each bad place; on_unreadable(const Error&) for a whole frame whose events cannot be had, for want of
  /// its compressor say. Each says by false that it wants no more. Returns whether it went to the end.
  template <class OnEvent, class OnBad, class OnUnreadable>
  rewal::Result<bool> run(rewal::Lsn from, OnEvent on_event, OnBad on_bad, OnUnreadable on_unreadable) {
    while (at_ < end_) {
      auto reader = rewal::Reader<>::open("log").storage(SliceStorage(file_, at_, end_)).compressor(codec_).build();
      if (!reader) return reader.error();
      std::uint64_t reached = 0;  // where the frame of the last event stands in the slice
      auto events = reader->iterator(from);
      if (!events) return events.error();
      std::optional<rewal::Error> unreadable;
      for (;;) {
        auto next = events->next_borrowed();
        if (!next) {
          unreadable = next.error();
          break;
        }
        if (!*next) break;
        rewal::BorrowedEvent event = **next;
        reached = event.offset;
        event.offset += at_;
        last_ = event.lsn;
        if (!on_event(event)) return false;
      }
      if (unreadable) {
        if (unreadable->code() == rewal::Errc::io || !unreadable->offset()) return *unreadable;
        if (!on_unreadable(unreadable->at_offset(at_ + *unreadable->offset()))) return false;
        reached = *unreadable->offset();
      }
      auto went_on = step_over(*reader, reached, unreadable.has_value(), on_bad);
      if (!went_on) return went_on.error();
      if (!*went_on) return false;
    }
    return true;
  }

  /// The highest LSN so far, of the frames that were stepped over too.
  [[nodiscard]] rewal::Lsn last() const noexcept { return last_; }

 private:
  /// From the frame at `reached` on: tells the bad places up to the next whole frame, and goes there, or to the end.
  template <class Slice, class OnBad>
  rewal::Result<bool> step_over(Slice& slice, std::uint64_t reached, bool is_first_unreadable, OnBad on_bad) {
    bool is_behind = false;  // a bad place, or the frame that cannot be read
    const std::uint64_t begin = at_;
    at_ = end_;
    for (const auto& frame : slice.frames(reached)) {
      if (!frame) return frame.error();
      FrameInfo info = *frame;
      info.offset += begin;
      if (is_valid(info)) {
        if (is_behind) {
          at_ = info.offset;
          break;
        }
        last_ = info.last_lsn;
        is_behind = is_first_unreadable;
        continue;
      }
      is_behind = true;
      if (!on_bad(info, last_)) return false;
    }
    return true;
  }

  std::shared_ptr<const OpenFile> file_;
  Codec codec_;
  std::uint64_t at_;
  std::uint64_t end_;
  rewal::Lsn last_ = 0;
};

}  // namespace walctl

#endif  // WALCTL_EVENT_WALK_HPP
