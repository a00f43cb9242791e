// SPDX-License-Identifier: MIT
//
// verify: checks every frame of each log, tells each bad place, and sums up each log in one line.

#include <algorithm>
#include <ostream>
#include <string>
#include <thread>

#include <walctl/commands/commands.hpp>
#include <walctl/found_json.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

/// Tells each bad place from the first on.
rewal::Result<std::uint64_t> tell_bad_places(Output& output, LogView& view) {
  std::uint64_t places = 0;
  rewal::Lsn last = view.found().last_lsn;
  for (const auto& frame : view.reader().frames(view.found().bad_at.value_or(0))) {
    if (!frame) return frame.error();
    if (!output.goes_on()) break;
    if (is_valid(*frame)) {
      last = frame->last_lsn;
      continue;
    }
    ++places;
    output.text(printable(view.path()) + ": " + output.bad(bad_place(*frame, last, *view.file())));
    output.json(bad_place_json(view.path(), *frame, last, *view.file()));
  }
  return places;
}

std::string summary_line(const LogView& view, std::uint64_t places) {
  const auto& found = view.found();
  if (found.verdict == rewal::Verdict::foreign) return "not a log";
  if (found.verdict == rewal::Verdict::new_log) return "clean, no events yet";
  std::string line(view.verdict());
  if (view.code() != exit_clean) line += " at offset " + grouped(found.bad_at.value_or(0));
  line += ", " + counted(found.events, "event") + " in " + counted(found.frames, "frame");
  if (found.events != 0) line += ", " + lsn_range(found.first_lsn, found.last_lsn);
  line += ", " + sized(found.kept_bytes);
  if (found.gaps != 0) line += ", " + counted(found.gaps, "gap");
  if (found.inversions != 0) line += ", " + grouped(found.inversions) + " out of order";
  if (view.is_live()) line += ", being written";
  if (places > 1) line += ", " + counted(places, "bad place");
  if (found.beyond.frames != 0) line += ", and " + counted(found.beyond.events, "event") + " behind it";
  return line;
}

}  // namespace

int verify(std::ostream& out, std::ostream& err, const VerifyOptions& options) {
  Output output(out, err, options.common, "verify");
  int code = exit_clean;
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  for (const auto& path : options.logs) {
    if (!output.goes_on()) break;
    const unsigned threads = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
    auto view = LogView::open(path, options.common, threads);
    if (!view) {
      code = worst(code, output.failure(path, view.error()));
      continue;
    }
    std::uint64_t places = 0;
    if (view->code() == exit_torn || view->code() == exit_damage) {
      auto told = tell_bad_places(output, *view);
      if (!told) {
        code = worst(code, output.failure(path, told.error()));
        continue;
      }
      places = *told;
    }
    code = worst(code, view->code());
    frames += view->found().frames;
    events += view->found().events;
    output.text(output.bold(printable(path)) + ": " + output.by_code(view->code(), summary_line(*view, places)));
    output.json(found_json(*view));
  }
  output.note("logs", options.logs.size());
  output.note("frames", frames);
  output.note("events", events);
  return output.finish(code);
}

}  // namespace walctl
