// SPDX-License-Identifier: MIT
//
// copy: a verified copy of a log, of a live one too: a file that is whole or absent, or the bytes on standard output.

#include <algorithm>
#include <array>
#include <ostream>
#include <string>

#include <walctl/commands/commands.hpp>
#include <walctl/frame_text.hpp>
#include <walctl/log_view.hpp>
#include <walctl/numbers.hpp>
#include <walctl/progress.hpp>

namespace walctl {
namespace {

/// The frames that the examination found whole; a log's bytes before its end never change.
rewal::Result<void> to_stream(std::ostream& out, std::ostream& err, LogView& view, const Common& common) {
  std::array<std::byte, 65536> buffer;
  Progress progress(err, common, view.path(), view.kept_end());
  for (std::uint64_t at = 0; at < view.kept_end() && out.good() && !common.stopped();) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), view.kept_end() - at));
    const auto count = view.file()->read_at(std::span(buffer).first(size), at);
    if (!count) return count.error();
    if (*count == 0) return rewal::Error(rewal::Errc::corrupted, "the log became shorter meanwhile").at_offset(at);
    out.write(reinterpret_cast<const char*>(buffer.data()), static_cast<std::streamsize>(*count));
    at += *count;
    progress.at(at);
  }
  return {};
}

}  // namespace

int copy(std::ostream& out, std::ostream& err, const CopyOptions& options) {
  const bool is_stream = options.destination == "-";
  Common common = options.common;
  common.json = common.json && !is_stream;  // the bytes are the output
  Output output(out, err, common, "copy");
  auto view = LogView::open(options.log, common);
  if (!view) return output.finish(output.failure(options.log, view.error()));
  if (view->code() == exit_foreign) {
    return output.finish(output.failure(options.log, "this is not a log", exit_foreign));
  }
  if (view->code() == exit_damage) {
    return output.finish(output.failure(options.log,
                                        std::string(view->verdict()) + " at offset " +
                                            std::to_string(view->found().bad_at.value_or(0)) +
                                            ": nothing was copied; walctl repair --salvage keeps all whole frames",
                                        exit_damage));
  }
  if (is_stream) {
    if (auto done = to_stream(out, err, *view, common); !done) {
      return output.finish(output.failure(options.log, done.error()));
    }
    return output.finish(view->code());
  }
  const auto last = view->reader().copy_to(options.destination);
  if (!last) {
    const int code = last.error() == rewal::Errc::corrupted ? int{exit_damage} : int{exit_failure};
    return output.finish(output.failure(options.destination, last.error(), code));
  }
  output.text(printable(options.destination) + ": " +
              (*last == 0 ? std::string("no event yet") : "up to LSN " + std::to_string(*last)) + ", " +
              sized(view->kept_end()));
  if (view->code() == exit_torn) {
    output.message(options.log,
                   "torn at offset " + std::to_string(view->found().bad_at.value_or(0)) + ": the copy ends before it");
  }
  output.note("log", options.log);
  output.note("copy", options.destination);
  output.note("last_lsn", *last);
  output.note("bytes", view->kept_end());
  return output.finish(view->code());
}

}  // namespace walctl
