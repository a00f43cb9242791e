// SPDX-License-Identifier: MIT
//
// stats: what a log is made of: sizes, events a frame, what compression saves, how far fsync marks are apart.

#include <fstream>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include <walctl/commands/commands.hpp>
#include <walctl/event_walk.hpp>
#include <walctl/found_json.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/histogram.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

struct Figures {
  std::uint64_t frames = 0;
  std::uint64_t events = 0;  // that the frames say they hold
  std::uint64_t unreadable_events = 0;
  std::uint64_t frame_bytes = 0;
  std::uint64_t meta_bytes = 0;
  std::uint64_t compressed_frames = 0;
  std::uint64_t stored_bytes = 0;  // of the compressed frames that could be read
  std::uint64_t plain_bytes = 0;   // the same, had they not been compressed
  std::uint64_t marks = 0;
  std::uint64_t bad_places = 0;
  Histogram payload_bytes;
  Histogram events_a_frame;
  Histogram bytes_between_marks;
};

/// Counts the frames, from the first to the last whole one.
rewal::Result<void> count_frames(Output& output, LogView& view, Figures& figures) {
  std::uint64_t last_mark = 0;
  for (const auto& frame : view.reader().frames()) {
    if (!frame) return frame.error();
    if (frame->offset >= view.whole_end() || !output.goes_on()) break;
    if (!is_valid(*frame)) {
      ++figures.bad_places;
      continue;
    }
    ++figures.frames;
    figures.events += frame->count;
    figures.frame_bytes += frame->size;
    figures.events_a_frame.add(frame->count);
    if (frame->compressed) ++figures.compressed_frames;
    if (frame->synced_before) {
      ++figures.marks;
      figures.bytes_between_marks.add(frame->offset - std::exchange(last_mark, frame->offset));
    }
  }
  return {};
}

/// Counts the events; goes through the frames beside them, since an event does not say how its frame is stored.
rewal::Result<void> count_events(Output& output, LogView& view, Figures& figures) {
  auto frames = view.reader().frames();
  auto frame = frames.begin();
  std::uint64_t plain = 0;
  EventWalk walk(view.file(), Codec(output.common().compressor), 0, view.whole_end());
  const auto done = walk.run(
      0,
      [&](const rewal::BorrowedEvent& event) {
        while (frame != frames.end() && *frame && (*frame)->offset < event.offset) ++frame;
        const bool is_compressed =
            frame != frames.end() && *frame && (*frame)->offset == event.offset && (*frame)->compressed;
        figures.payload_bytes.add(event.payload.size());
        const std::uint64_t meta = event.meta ? event.meta->size() : 0;
        figures.meta_bytes += meta;
        if (is_compressed) {
          plain = 6 + event.payload.size() + meta;
          figures.plain_bytes += plain;
          if (event.lsn == (*frame)->first_lsn) {
            figures.stored_bytes += (*frame)->size;
            figures.plain_bytes += 28;
          }
        }
        return output.goes_on();
      },
      [](const FrameInfo&, rewal::Lsn) { return true; }, [](const rewal::Error&) { return true; });
  if (!done) return done.error();
  figures.unreadable_events = figures.events - std::min(figures.events, figures.payload_bytes.count());
  return {};
}

void row(Output& output, std::string_view name, const std::string& value) {
  std::string line = "  ";
  line += name;
  line.resize(15, ' ');
  output.text(output.dim(line) + value);
}

void print_text(Output& output, const LogView& view, const Figures& figures) {
  output.text(output.bold(printable(view.path())) + ": " + output.by_code(view.code(), view.verdict()));
  row(output, "events", grouped(figures.events) + " in " + counted(figures.frames, "frame"));
  row(output, "bytes",
      sized(figures.frame_bytes) + ": payload " + sized(figures.payload_bytes.sum()) + ", meta " +
          sized(figures.meta_bytes));
  if (figures.compressed_frames != 0) {
    std::string text = counted(figures.compressed_frames, "frame");
    if (figures.plain_bytes != 0) {
      text += ", " + sized(figures.stored_bytes) + " stored for " + sized(figures.plain_bytes);
    }
    row(output, "compressed", text);
  }
  if (figures.unreadable_events != 0) {
    row(output, "not read", counted(figures.unreadable_events, "event") + ": name the compressor with --compressor");
  }
  row(output, "fsync marks", grouped(figures.marks));
  if (figures.bad_places != 0) row(output, "bad places", output.bad(grouped(figures.bad_places)));
  if (figures.payload_bytes.count() != 0) figures.payload_bytes.print(output, "payload bytes: events");
  if (figures.frames != 0) figures.events_a_frame.print(output, "events a frame: frames");
  if (figures.marks != 0) figures.bytes_between_marks.print(output, "bytes between fsync marks: marks");
}

Json json_of(const LogView& view, const Figures& figures) {
  Json object = found_json(view);
  object["type"] = "stats";
  object["frames"] = figures.frames;
  object["events"] = figures.events;
  object["unreadable_events"] = figures.unreadable_events;
  object["frame_bytes"] = figures.frame_bytes;
  object["payload_bytes"] = figures.payload_bytes.json();
  object["meta_bytes"] = figures.meta_bytes;
  object["compressed_frames"] = figures.compressed_frames;
  object["compressed_stored_bytes"] = figures.stored_bytes;
  object["compressed_plain_bytes"] = figures.plain_bytes;
  object["events_a_frame"] = figures.events_a_frame.json();
  object["bytes_between_marks"] = figures.bytes_between_marks.json();
  object["bad_places"] = figures.bad_places;
  return object;
}

/// A label's value as Prometheus wants it: valid UTF-8, with backslash, quote and newline escaped.
std::string label_of(const std::string& path) {
  std::string value;
  for (const char c : printable(path)) {
    if (c == '\\' || c == '"') value += '\\';
    value += c;
  }
  return "log=\"" + value + "\"";
}

std::string prometheus_of(const LogView& view, const Figures& figures) {
  const std::string labels = label_of(view.path());
  std::string text;
  const auto one = [&](const char* name, const char* type, const char* help, std::uint64_t value) {
    text += std::string("# HELP rewal_") + name + " " + help + "\n# TYPE rewal_" + name + " " + type + "\nrewal_" +
            name + "{" + labels + "} " + std::to_string(value) + "\n";
  };
  one("log_exit_code", "gauge", "What walctl verify returns: 0 clean, 1 torn, 2 damaged.",
      static_cast<std::uint64_t>(view.code()));
  one("log_events", "gauge", "Events in whole frames.", figures.events);
  one("log_frames", "gauge", "Whole frames.", figures.frames);
  one("log_frame_bytes", "gauge", "Bytes of whole frames.", figures.frame_bytes);
  one("log_file_bytes", "gauge", "Length of the file.", view.found().file_bytes);
  one("log_last_lsn", "gauge", "Highest LSN before the first bad place.", view.found().last_lsn);
  one("log_compressed_frames", "gauge", "Frames that are compressed.", figures.compressed_frames);
  one("log_bad_places", "gauge", "Bad places with whole frames behind them.", figures.bad_places);
  text += figures.payload_bytes.prometheus("rewal_log_payload_bytes", "Sizes of payloads.", labels);
  text += figures.events_a_frame.prometheus("rewal_log_events_a_frame", "Events in a frame.", labels);
  text +=
      figures.bytes_between_marks.prometheus("rewal_log_bytes_between_marks", "Bytes between two fsync marks.", labels);
  return text;
}

rewal::Result<void> draw(const std::string& path, const Figures& figures) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << "<svg xmlns='http://www.w3.org/2000/svg' width='760' height='540' font-family='sans-serif' font-size='11'>\n"
          "<rect width='760' height='540' fill='white'/>\n"
       << figures.payload_bytes.svg("events by payload bytes", 0) << figures.events_a_frame.svg("frames by events", 180)
       << figures.bytes_between_marks.svg("fsync marks by the bytes since the one before", 360) << "</svg>\n";
  file.close();
  if (!file) {
    return rewal::Error(rewal::Errc::io,
                        "writing the drawing failed: check the path, its permissions and the room on the device");
  }
  return {};
}

}  // namespace

int stats(std::ostream& out, std::ostream& err, const StatsOptions& options) {
  Common common = options.common;
  common.json = common.json || options.format == "json";
  Output output(out, err, common, "stats");
  auto view = LogView::open(options.log, common);
  if (!view) return output.finish(output.failure(options.log, view.error()));
  if (view->code() == exit_foreign)
    return output.finish(output.failure(options.log, "this is not a log", exit_foreign));
  Figures figures;
  if (view->whole_end() != 0) {
    if (auto done = count_frames(output, *view, figures); !done)
      return output.finish(output.failure(options.log, done.error()));
    if (auto done = count_events(output, *view, figures); !done)
      return output.finish(output.failure(options.log, done.error()));
  }
  if (output.is_json()) output.json(json_of(*view, figures));
  if (output.is_text() && options.format == "prometheus") {
    out << prometheus_of(*view, figures);
  } else if (output.is_text()) {
    print_text(output, *view, figures);
  }
  if (!options.svg.empty()) {
    if (auto done = draw(options.svg, figures); !done) return output.finish(output.failure(options.svg, done.error()));
  }
  output.note("events", figures.events);
  return output.finish(view->code());
}

}  // namespace walctl
