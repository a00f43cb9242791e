// SPDX-License-Identifier: MIT
//
// dump: the events of a log, or the headers of its frames, in file order. It goes on behind damage and says so.

#include <algorithm>
#include <cstdint>
#include <iomanip>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>

#include <walctl/commands/commands.hpp>
#include <walctl/decoder.hpp>
#include <walctl/event_format.hpp>
#include <walctl/event_walk.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

/// One dump: its log, its options, and what has been printed so far.
class Dump {
 public:
  Dump(Output& output, const DumpOptions& options, LogView view)
      : output_(output), options_(options), view_(std::move(view)), format_(output, options.format, options.nul) {}

  int run() {
    if (view_.found().verdict == rewal::Verdict::foreign) {
      return output_.failure(options_.log, "this is not a log", exit_foreign);
    }
    const auto done = options_.frames ? frames() : events();
    if (!done) return output_.failure(options_.log, done.error());
    output_.note(options_.frames ? "frames" : "events", printed_);
    output_.note("bad_places", bad_places_);
    return worst(view_.code(), code_);
  }

 private:
  [[nodiscard]] std::uint64_t end() const { return options_.strict ? view_.kept_end() : view_.whole_end(); }
  [[nodiscard]] bool has_enough() const { return options_.count && printed_ >= *options_.count; }

  bool tell(const FrameInfo& bad, rewal::Lsn after) {
    ++bad_places_;
    output_.message(options_.log,
                    bad_place(bad, after, *view_.file()) + (options_.strict ? "" : "; going on behind it"));
    output_.json(bad_place_json(options_.log, bad, after, *view_.file()));
    return !options_.strict;
  }

  rewal::Result<void> frames() {
    const auto left_out =
        chosen([](std::uint64_t events) { return events == 0 ? std::uint64_t{0} : std::uint64_t{1}; });
    if (!left_out) return left_out.error();
    std::uint64_t skipped = *left_out;
    rewal::Lsn last = 0;
    if (output_.is_text())
      output_.text(output_.bold("      offset       bytes     first LSN      last LSN  events  flags"));
    for (const auto& frame : view_.reader().frames()) {
      if (!frame) return frame.error();
      if (!output_.goes_on() || has_enough() || frame->offset >= end()) break;
      if (!is_valid(*frame)) {
        if (!tell(*frame, last)) break;
        continue;
      }
      last = frame->last_lsn;
      if (in_range(*frame) == 0) continue;
      if (skipped > 0 && skipped-- > 0) continue;
      ++printed_;
      output_.json(frame_json(*frame));
      if (output_.is_text()) print(*frame);
    }
    tell_the_end();
    return {};
  }

  void print(const FrameInfo& frame) {
    std::ostringstream line;
    line << std::setw(12) << frame.offset << std::setw(12) << frame.size << std::setw(14) << frame.first_lsn
         << std::setw(14) << frame.last_lsn << std::setw(8) << frame.count << "  "
         << (frame.compressed ? "compressed" : "") << (frame.compressed && frame.synced_before ? ", " : "")
         << (frame.synced_before ? "synced before"
             : frame.compressed  ? ""
                                 : "-");
    output_.text(line.str());
  }

  rewal::Result<void> events() {
    if (!options_.decoder.empty() && !options_.common.quiet) {
      decoder_ = std::make_unique<Decoder>(
          [this](rewal::Lsn lsn, std::string_view line) { format_.print_decoded(lsn, line); });
      if (auto started = decoder_->start(options_.decoder); !started) return started;
    }
    const auto left_out = chosen([](std::uint64_t events) { return events; });
    if (!left_out) return left_out.error();
    std::uint64_t skipped = *left_out;
    auto begin = place_of(skipped);
    if (!begin) return begin.error();
    rewal::Result<void> failed;
    EventWalk walk(view_.file(), Codec(options_.common.compressor), *begin, end());
    const auto done = walk.run(
        options_.from,
        [&](const rewal::BorrowedEvent& event) {
          if (!output_.goes_on() || has_enough()) return false;
          if (event.lsn > options_.to || (skipped > 0 && skipped-- > 0)) return true;
          ++printed_;
          if (decoder_) {
            failed = decoder_->send(event.lsn, event.payload);
            return failed.has_value();
          }
          format_.print(event);
          return true;
        },
        [&](const FrameInfo& bad, rewal::Lsn after) { return tell(bad, after); },
        [&](const rewal::Error& error) {
          ++bad_places_;
          code_ = worst(code_, error == rewal::Errc::compressor_required ? int{exit_failure} : int{exit_damage});
          output_.message(options_.log, error.in_file(nullptr).message());
          return !options_.strict;
        });
    if (!done) return done.error();
    if (decoder_ && failed) failed = decoder_->finish();
    if (failed && !has_enough()) tell_the_end();
    return failed;
  }

  /// How many of a frame's LSNs were asked for.
  [[nodiscard]] std::uint64_t in_range(const FrameInfo& frame) const {
    const rewal::Lsn first = std::max(frame.first_lsn, options_.from);
    const rewal::Lsn last = std::min(frame.last_lsn, options_.to);
    return first <= last ? last - first + 1 : 0;
  }

  /// How many are left out in front, where the last alone are wanted. `of` says what a frame with so many events counts.
  template <class Of>
  rewal::Result<std::uint64_t> chosen(Of of) {
    if (!options_.last) return std::uint64_t{0};
    std::uint64_t all = 0;
    for (const auto& frame : view_.reader().frames()) {
      if (!frame) return frame.error();
      if (frame->offset >= end()) break;
      if (is_valid(*frame)) all += of(in_range(*frame));
    }
    return all - std::min(all, *options_.last);
  }

  /// Where to begin so as to leave out whole frames of the first `skipped` events; takes off what they hold.
  rewal::Result<std::uint64_t> place_of(std::uint64_t& skipped) {
    if (skipped == 0) return std::uint64_t{0};
    for (const auto& frame : view_.reader().frames()) {
      if (!frame) return frame.error();
      if (!is_valid(*frame)) continue;
      const std::uint64_t events = in_range(*frame);
      if (skipped < events) return frame->offset;
      skipped -= events;
    }
    return end();
  }

  /// The bad end that no whole frame follows.
  void tell_the_end() {
    if (view_.code() == exit_clean || (view_.found().beyond.frames != 0 && !options_.strict) || !output_.goes_on())
      return;
    for (const auto& frame : view_.reader().frames(view_.found().bad_at.value_or(0))) {
      if (!frame || is_valid(*frame)) return;
      ++bad_places_;
      output_.message(options_.log,
                      bad_place(*frame, view_.found().last_lsn, *view_.file()) + "; the log ends before it");
      output_.json(bad_place_json(options_.log, *frame, view_.found().last_lsn, *view_.file()));
      return;
    }
  }

  Output& output_;
  const DumpOptions& options_;
  LogView view_;
  EventFormat format_;
  std::unique_ptr<Decoder> decoder_;
  std::uint64_t printed_ = 0;
  std::uint64_t bad_places_ = 0;
  int code_ = exit_clean;
};

}  // namespace

int dump(std::ostream& out, std::ostream& err, const DumpOptions& options) {
  // --format json is --json: the summary too.
  DumpOptions told = options;
  told.common.json = told.common.json || told.format == "json";
  Output output(out, err, told.common, "dump");
  auto view = LogView::open(told.log, told.common);
  if (!view) return output.finish(output.failure(told.log, view.error()));
  return output.finish(Dump(output, told, std::move(*view)).run());
}

}  // namespace walctl
