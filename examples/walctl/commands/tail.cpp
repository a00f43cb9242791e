// SPDX-License-Identifier: MIT
//
// tail: the last events of a log, and what comes. Without --all an event is shown once a later frame proves that it was
// fsynced, so that nobody acts on what a power loss takes back.
//
// While following, `at` is where the next frame begins; the log is looked at again when it has grown, with a pause in
// between that grows to a quarter of a second. Each time the new frames up to the last whole one (or the last marked
// one) are printed and flushed, and then the cursor is committed: after a crash of walctl events come twice, never not.

#include <algorithm>
#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>

#include <poll.h>

#include <rewal/cursor.hpp>

#include <walctl/commands/commands.hpp>
#include <walctl/event_format.hpp>
#include <walctl/event_walk.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/lock_holder.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

/// What the frames of a part of the log come to.
struct Reach {
  std::uint64_t whole_end = 0;      // where the last whole frame in a row ends
  std::uint64_t marked_end = 0;     // what stands before is known to be fsynced
  std::uint64_t events = 0;         // up to whole_end
  std::uint64_t marked_events = 0;  // up to marked_end
};

class Tail {
 public:
  Tail(Output& output, const TailOptions& options, LogView view)
      : output_(output), options_(options), view_(std::move(view)), format_(output, options.format) {}

  int run() {
    if (view_.found().verdict == rewal::Verdict::foreign) {
      return output_.failure(options_.log, "this is not a log", exit_foreign);
    }
    if (auto opened = open_cursor(); !opened) return output_.failure(options_.cursor_file, opened.error());
    auto code = first();
    if (code && options_.follow) code = follow();
    output_.note("events", printed_);
    output_.note("last_lsn", last_);
    if (!code) return output_.failure(options_.log, code.error());
    if (*code != exit_clean && !options_.follow) tell_the_end();
    return *code;
  }

 private:
  rewal::Result<void> open_cursor() {
    if (options_.cursor_file.empty()) return {};
    auto cursor = rewal::Cursor::open(options_.cursor_file);
    if (!cursor) return cursor.error();
    cursor_ = std::move(*cursor);
    return {};
  }

  /// The LSN behind which to begin, where the place is not told by the count.
  [[nodiscard]] std::optional<rewal::Lsn> after() const {
    if (options_.after) return options_.after;
    if (cursor_ && cursor_->lsn() != 0) return cursor_->lsn();
    return cursor_ ? std::optional<rewal::Lsn>(0) : std::nullopt;
  }

  /// The frames in a row from `begin` on.
  rewal::Result<Reach> reach_from(std::uint64_t begin) {
    Reach reach{begin, begin, 0, 0};
    for (const auto& frame : view_.reader().frames(begin)) {
      if (!frame) return frame.error();
      if (!is_valid(*frame) || frame->offset != reach.whole_end) break;
      if (frame->synced_before) {
        reach.marked_end = frame->offset;
        reach.marked_events = reach.events;
      }
      reach.whole_end = frame->offset + frame->size;
      reach.events += frame->count;
    }
    return reach;
  }

  /// A log that nobody has open, that ends cleanly and has no room left over was closed, and closing fsyncs.
  [[nodiscard]] bool looks_closed() const {
    const auto& found = view_.found();
    return !view_.holder() && found.verdict == rewal::Verdict::clean && found.zero_bytes == 0;
  }
  /// The same of a log that is followed. Only where the system has shown who had it open can it show that nobody has.
  [[nodiscard]] bool was_closed(const Reach& reach, std::uint64_t size) {
    const bool is_held = lock_holder(view_.path()).has_value();
    if (is_held) was_held_ = true;
    return was_held_ && !is_held && reach.whole_end == size;
  }

  rewal::Result<int> first() {
    auto reach = view_.kept_end() == 0 ? rewal::Result<Reach>(Reach{}) : reach_from(0);
    if (!reach) return reach.error();
    const bool all = options_.all || looks_closed();
    const std::uint64_t end = all ? reach->whole_end : reach->marked_end;
    const std::uint64_t events = all ? reach->events : reach->marked_events;
    std::uint64_t skipped = after() ? 0 : events - std::min(events, options_.count);
    if (auto shown = show(0, end, after() ? *after() + 1 : 0, skipped); !shown) return shown.error();
    at_ = end;
    if (!options_.follow && reach->events > events) {
      output_.message(options_.log, "no fsync mark covers the last " + counted(reach->events - events, "event") +
                                        " yet: --all shows them");
    }
    return view_.code();
  }

  /// Prints the events of [begin, end) from `from` on but for the first `skipped`, then commits the cursor.
  rewal::Result<void> show(std::uint64_t begin, std::uint64_t end, rewal::Lsn from, std::uint64_t skipped) {
    if (begin >= end) return {};
    std::optional<rewal::Error> unreadable;
    EventWalk walk(view_.file(), Codec(options_.common.compressor), begin, end);
    const rewal::Lsn before = last_;
    const auto done = walk.run(
        from,
        [&](const rewal::BorrowedEvent& event) {
          if (!output_.goes_on()) return false;
          if (skipped > 0 && skipped-- > 0) return true;
          format_.print(event);
          ++printed_;
          last_ = event.lsn;
          return true;
        },
        [](const FrameInfo&, rewal::Lsn) { return false; },
        [&](const rewal::Error& error) {
          unreadable = error;
          return false;
        });
    output_.out().flush();
    if (cursor_ && last_ != before && output_.out().good()) {
      if (auto committed = cursor_->commit(last_); !committed) return committed;
    }
    if (unreadable) return *unreadable;
    return done ? rewal::Result<void>() : done.error();
  }

  rewal::Result<int> follow() {
    auto size = view_.file()->size();
    std::uint64_t seen = 0;
    auto pause = shortest_pause;
    was_held_ = view_.holder().has_value();
    rewal::Lsn from = after() ? std::max(*after(), last_) + 1 : 0;
    while (output_.goes_on() && is_read_) {
      if (!size) return size.error();
      if (*size < at_) {
        return rewal::Error(rewal::Errc::corrupted, "events that were shown have been cut from the log")
            .at_offset(*size);
      }
      if (auto refreshed = view_.reader().refresh(); !refreshed) return refreshed.error();
      auto reach = reach_from(at_);
      if (!reach) return reach.error();
      std::uint64_t end = options_.all ? reach->whole_end : reach->marked_end;
      if (pause == longest_pause && end < reach->whole_end && was_closed(*reach, *size)) end = reach->whole_end;
      if (end > at_) {
        if (auto shown = show(at_, end, from, 0); !shown) return shown.error();
        at_ = end;
      }
      if (reach->whole_end != seen) {
        seen = reach->whole_end;
        pause = shortest_pause;
      } else if (view_.file()->is_removed()) {
        return rewal::Error(rewal::Errc::io, std::make_error_code(std::errc::no_such_file_or_directory),
                            "the log was removed or replaced: start again to follow the new one");
      }
      wait(pause);
      pause = std::min(2 * pause, longest_pause);
      size = view_.file()->size();
    }
    return int{exit_clean};
  }

  /// In steps, so that a signal is heard, and that nobody reads the output any more: no write tells it while none is due.
  void wait(std::chrono::milliseconds pause) {
    constexpr std::chrono::milliseconds step(50);
    for (auto left = pause; left.count() > 0 && is_read_ && !options_.common.stopped(); left -= step) {
      ::pollfd end{options_.common.out_descriptor, 0, 0};
      const int ready = ::poll(&end, 1, static_cast<int>(std::min(left, step).count()));
      if (ready == 0) continue;
      is_read_ = ready < 0 || (end.revents & (POLLERR | POLLHUP)) == 0;
      if (is_read_) std::this_thread::sleep_for(std::min(left, step));  // a system that cannot say
    }
  }

  void tell_the_end() {
    for (const auto& frame : view_.reader().frames(view_.found().bad_at.value_or(0))) {
      if (!frame || is_valid(*frame)) return;
      output_.message(options_.log, bad_place(*frame, view_.found().last_lsn, *view_.file()) +
                                        (view_.found().beyond.frames == 0 ? "" : "; dump shows what stands behind it"));
      return;
    }
  }

  static constexpr std::chrono::milliseconds shortest_pause{5};
  static constexpr std::chrono::milliseconds longest_pause{250};

  Output& output_;
  const TailOptions& options_;
  LogView view_;
  EventFormat format_;
  std::optional<rewal::Cursor> cursor_;
  std::uint64_t at_ = 0;
  std::uint64_t printed_ = 0;
  rewal::Lsn last_ = 0;
  bool is_read_ = true;    // somebody reads the output
  bool was_held_ = false;  // somebody had the log open, as the system says
};

}  // namespace

int tail(std::ostream& out, std::ostream& err, const TailOptions& options) {
  TailOptions told = options;
  told.common.json = told.common.json || told.format == "json";
  Output output(out, err, told.common, "tail");
  auto view = LogView::open(told.log, told.common);
  if (!view) return output.finish(output.failure(told.log, view.error()));
  return output.finish(Tail(output, told, std::move(*view)).run());
}

}  // namespace walctl
