// SPDX-License-Identifier: MIT
//
// repair: what would be cut from a log or kept, and why; with --apply it is done, after every byte to be cut was saved
// beside the log. --salvage writes all whole frames to a new log and touches nothing else.

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>

#include <rewal/wal.hpp>

#include <walctl/commands/commands.hpp>
#include <walctl/found_json.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

class Repair {
 public:
  Repair(Output& output, const RepairOptions& options, LogView view)
      : output_(output), options_(options), view_(std::move(view)) {}

  int run() {
    output_.json(found_json(view_));
    if (view_.code() == exit_foreign)
      return output_.failure(options_.log, "this is not a log: nothing is changed", exit_foreign);
    tell_the_plan();
    if (!options_.salvage.empty()) return salvage();
    return options_.apply ? apply() : view_.code();
  }

 private:
  [[nodiscard]] std::uint64_t bad_bytes() const { return view_.found().file_bytes - view_.found().kept_bytes; }

  void say(const std::string& line) { output_.text(line); }

  void tell_the_plan() {
    const auto& found = view_.found();
    output_.note("keeps_bytes", found.kept_bytes);
    say(output_.bold(printable(options_.log)) + ": " + output_.by_code(view_.code(), view_.verdict()));
    say("  keep   " + counted(found.events, "event") + " in " + counted(found.frames, "frame") + ", " +
        grouped(found.kept_bytes) + " bytes" +
        (found.events == 0 ? "" : ", " + lsn_range(found.first_lsn, found.last_lsn)));
    if (view_.code() == exit_clean) {
      output_.note("cuts_bytes", 0);
      if (view_.is_live()) return say("  cut    nothing: a frame is being written");
      if (found.zero_bytes == 0) return say("  cut    nothing");
      return say("  cut    " + grouped(found.zero_bytes) + " zeros of preallocated room, as every opening does");
    }
    output_.note("cuts_bytes", bad_bytes());
    say("  why    " + wrapped(found.reason, 70, 9));
    if (is_not_ours()) return say("  cut    nothing: this must not be cut; the frame may be of a later version");
    say("  cut    " + grouped(bad_bytes()) + " bytes from offset " + grouped(found.bad_at.value_or(0)) +
        " on, saved beside the log first");
    if (found.beyond.frames != 0) {
      say(output_.bad("  lose   " + counted(found.beyond.events, "event") + " in " +
                      counted(found.beyond.frames, "whole frame") + " behind the bad place, " +
                      lsn_range(found.beyond.first_lsn, found.beyond.last_lsn)));
      say("         --salvage OUT writes all whole frames to a new log, these too");
    }
    if (!options_.apply && options_.salvage.empty()) say("  --apply does it; nothing was changed");
  }

  /// Bytes whose checksum is right: another program may know what they are.
  [[nodiscard]] bool is_not_ours() const {
    return view_.found().verdict == rewal::Verdict::unknown || view_.found().verdict == rewal::Verdict::malformed;
  }

  int salvage() {
    const auto left_out = view_.reader().salvage_to(options_.salvage);
    if (!left_out) return output_.failure(options_.salvage, left_out.error());
    const auto& found = view_.found();
    const std::uint64_t events = found.events + found.beyond.events;
    say(printable(options_.salvage) + ": " + counted(events, "event") + " in " +
        counted(found.frames + found.beyond.frames, "whole frame"));
    output_.note("salvaged_to", options_.salvage);
    output_.note("salvaged_events", events);
    return view_.code();
  }

  int apply() {
    if (view_.is_live()) return output_.failure(options_.log, "the log is open elsewhere: close it first");
    if (is_not_ours()) return output_.failure(options_.log, "nothing was changed", view_.code());
    auto storage = rewal::FileStorage::open(options_.log);
    if (!storage) return output_.failure(options_.log, storage.error());
    // Nobody writes from here on; what was examined before the lock was taken may be old.
    auto again = LogView::open(options_.log, options_.common);
    if (!again) return output_.failure(options_.log, again.error());
    if (again->found().kept_bytes != view_.found().kept_bytes ||
        again->found().file_bytes != view_.found().file_bytes) {
      return output_.failure(options_.log, "the log has changed meanwhile: nothing was done, run repair again");
    }
    if (view_.code() != exit_clean) {
      if (auto saved = save(*storage); !saved) return output_.failure(options_.log, saved.error());
    }
    auto wal = rewal::Wal<>::open(options_.log)
                   .recovery(view_.code() == exit_damage ? rewal::Recovery::truncate : rewal::Recovery::repair)
                   .storage(std::move(*storage))
                   .build();
    if (!wal) return output_.failure(options_.log, wal.error());
    const auto report = wal->recovery();
    if (auto closed = wal->shutdown(); !closed) return output_.failure(options_.log, closed.error());
    say("done: " + grouped(report.cut_bytes) + " bytes were cut, " + counted(report.events, "event") + " kept");
    output_.note("applied", true);
    output_.note("cut_bytes", report.cut_bytes);
    return exit_clean;
  }

  /// All bytes that will be cut, in a file of their own, durable before anything is changed.
  rewal::Result<void> save(rewal::FileStorage& storage) {
    const auto mapped = storage.map(view_.found().file_bytes);
    if (!mapped) return mapped.error();
    const auto bytes = (*mapped)->bytes().subspan(static_cast<std::size_t>(view_.found().kept_bytes));
    const auto saved = storage.preserve(view_.found().kept_bytes, bytes);
    if (!saved) return saved.error();
    say("saved: " + grouped(bytes.size()) + " bytes in " + printable(*saved));
    output_.note("saved_copy", *saved);
    return {};
  }

  Output& output_;
  const RepairOptions& options_;
  LogView view_;
};

}  // namespace

int repair(std::ostream& out, std::ostream& err, const RepairOptions& options) {
  Output output(out, err, options.common, "repair");
  auto view = LogView::open(options.log, options.common);
  if (!view) return output.finish(output.failure(options.log, view.error()));
  return output.finish(Repair(output, options, std::move(*view)).run());
}

}  // namespace walctl
