// SPDX-License-Identifier: MIT
//
// info: one screen about a log: how it ends, what it holds, and how far it is known to be fsynced.

#include <ostream>
#include <string>

#include <walctl/commands/commands.hpp>
#include <walctl/found_json.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

/// What the frames say that the examination does not.
struct Marks {
  std::uint64_t count = 0;
  std::uint64_t last_at = 0;  // offset of the last frame that has one
  rewal::Lsn durable = 0;     // the highest LSN before it
  std::uint64_t compressed_bytes = 0;
};

rewal::Result<Marks> marks_of(LogView& view) {
  Marks marks;
  rewal::Lsn highest = 0;
  if (view.kept_end() == 0) return marks;
  for (const auto& frame : view.reader().frames()) {
    if (!frame) return frame.error();
    if (!is_valid(*frame) || frame->offset >= view.kept_end()) break;
    if (frame->synced_before) {
      ++marks.count;
      marks.last_at = frame->offset;
      marks.durable = highest;
    }
    if (frame->compressed) marks.compressed_bytes += frame->size;
    highest = std::max(highest, frame->last_lsn);
  }
  return marks;
}

void row(Output& output, std::string_view name, const std::string& value) {
  std::string line = "  ";
  line += name;
  line.resize(15, ' ');
  output.text(output.dim(line) + value);
}

std::string end_words(const LogView& view) {
  const auto& found = view.found();
  if (view.is_live()) return "a frame is being written at offset " + grouped(found.kept_bytes);
  if (found.verdict == rewal::Verdict::new_log) return "new: no event yet";
  if (found.verdict == rewal::Verdict::clean) return "clean";
  if (found.verdict == rewal::Verdict::foreign) return "this is not a log";
  return std::string(view.verdict()) + " at offset " + grouped(found.bad_at.value_or(0));
}

std::string advice(const LogView& view) {
  const std::string path = printable(view.path());
  switch (view.found().verdict) {
    case rewal::Verdict::torn: return "nothing: the next opening cuts it";
    case rewal::Verdict::damaged: return "restore a copy, or: walctl repair " + path;
    case rewal::Verdict::unknown: return "read it with the release that wrote it; it is not cut";
    default: return "restore a copy, or: walctl repair --salvage OUT " + path;
  }
}

void show(Output& output, const LogView& view, const Marks& marks) {
  const auto& found = view.found();
  output.text(output.bold(printable(view.path())));
  row(output, "end", output.by_code(view.code(), end_words(view)));
  if (found.verdict == rewal::Verdict::foreign) {
    row(output, "size", counted(found.file_bytes, "byte"));
    return;
  }
  if (found.verdict == rewal::Verdict::new_log && found.file_bytes == 0) return;
  if (view.code() != exit_clean && !std::string_view(found.reason).empty())
    row(output, "", wrapped(found.reason, 64, 15));
  if (found.events == 0) {
    row(output, "events", "none");
  } else {
    row(output, "events", grouped(found.events) + " in " + counted(found.frames, "frame"));
    std::string lsns = lsn_range(found.first_lsn, found.last_lsn).substr(4);
    if (found.gaps != 0) lsns += ", " + counted(found.gaps, "gap");
    if (found.inversions != 0) lsns += ", " + grouped(found.inversions) + " out of order";
    row(output, "LSNs", lsns);
  }
  std::string size = grouped(found.kept_bytes) + " bytes of frames";
  if (found.kept_bytes >= 1000) size += " (" + sized(found.kept_bytes) + ")";
  if (found.zero_bytes != 0) size += ", " + grouped(found.zero_bytes) + " preallocated";
  row(output, "size", size);
  if (found.compressed_frames != 0) {
    row(output, "compressed",
        counted(found.compressed_frames, "frame") + " (" + percent(found.compressed_frames, found.frames) + "), " +
            sized(marks.compressed_bytes));
  }
  if (found.frames != 0) {
    row(output, "fsync marks",
        marks.count == 0 ? std::string("none: nothing tells what has been fsynced")
                         : grouped(marks.count) + ", the last at offset " + grouped(marks.last_at) +
                               ": durable up to LSN " + std::to_string(marks.durable));
  }
  if (view.code() != exit_clean) {
    const std::uint64_t bad_bytes = found.file_bytes - found.kept_bytes;
    row(output, "bad bytes", grouped(bad_bytes) + " from offset " + grouped(found.bad_at.value_or(0)) + " on");
    row(output, "behind them",
        found.beyond.frames == 0
            ? std::string("no whole frame")
            : counted(found.beyond.events, "event") + " in " + counted(found.beyond.frames, "whole frame") + ", " +
                  lsn_range(found.beyond.first_lsn, found.beyond.last_lsn));
    row(output, "what to do", advice(view));
  }
  if (view.holder()) {
    row(output, "open in",
        *view.holder() > 0 ? "process " + std::to_string(*view.holder()) : std::string("another process"));
  }
}

}  // namespace

int info(std::ostream& out, std::ostream& err, const InfoOptions& options) {
  Output output(out, err, options.common, "info");
  int code = exit_clean;
  bool is_first = true;
  for (const auto& path : options.logs) {
    if (!output.goes_on()) break;
    auto view = LogView::open(path, options.common);
    if (!view) {
      code = worst(code, output.failure(path, view.error()));
      continue;
    }
    const auto marks = marks_of(*view);
    if (!marks) {
      code = worst(code, output.failure(path, marks.error()));
      continue;
    }
    code = worst(code, view->code());
    if (!std::exchange(is_first, false)) output.text("");
    if (output.is_text()) show(output, *view, *marks);
    if (output.is_json()) {
      Json object = found_json(*view);
      object["fsync_marks"] = marks->count;
      object["last_mark_at"] = marks->last_at;
      object["marked_lsn"] = marks->durable;
      if (view->holder()) object["holder"] = *view->holder();
      output.json(object);
    }
  }
  output.note("logs", options.logs.size());
  return output.finish(code);
}

}  // namespace walctl
