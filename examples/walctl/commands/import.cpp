// SPDX-License-Identifier: MIT
//
// import: appends what it reads to a log, one event a line, a NUL-ended run of bytes, or a JSON object a line as dump
// prints them. A line that is none is an error that names its number and never its bytes; what came before is kept.

#include <filesystem>
#include <fstream>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

#include <rewal/wal.hpp>

#include <walctl/commands/commands.hpp>
#include <walctl/numbers.hpp>
#include <walctl/progress.hpp>

namespace walctl {
namespace {

std::optional<std::string> from_hex(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

struct Parsed {
  std::string payload;
  std::string meta;
  bool is_event = false;  // a summary, or a bad place, is none
};

/// None if the line is no JSON object that an event could be.
std::optional<Parsed> parse(const std::string& line) {
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  Parsed parsed;
  if (const auto type = object.find("type"); type != object.end() && *type != "event") return parsed;
  const auto bytes_of = [&](const char* in_hex, const char* as_text) -> std::optional<std::string> {
    if (const auto found = object.find(in_hex); found != object.end() && !found->is_null()) {
      return found->is_string() ? from_hex(found->get_ref<const std::string&>()) : std::nullopt;
    }
    if (const auto found = object.find(as_text); found != object.end() && found->is_string())
      return found->get<std::string>();
    return std::string();
  };
  if (!object.contains("payload") && !object.contains("text")) return std::nullopt;
  auto payload = bytes_of("payload", "text");
  auto meta = bytes_of("meta", "meta_text");
  if (!payload || !meta) return std::nullopt;
  return Parsed{std::move(*payload), std::move(*meta), true};
}

class Import {
 public:
  Import(std::ostream& err, Output& output, const ImportOptions& options)
      : err_(err), output_(output), options_(options) {}

  int run(std::istream& in, std::uint64_t whole) {
    auto opened = rewal::Wal<>::open(options_.log).build();
    if (!opened) return output_.failure(options_.log, opened.error());
    rewal::Wal<> wal = std::move(*opened);
    int code = read(in, wal, whole);
    if (auto closed = wal.shutdown(); !closed) code = output_.failure(options_.log, closed.error());
    output_.text(printable(options_.log) + ": " + counted(events_, "event") + " appended" +
                 (events_ == 0 ? "" : ", the last is LSN " + std::to_string(last_)));
    output_.note("log", options_.log);
    output_.note("events", events_);
    output_.note("last_lsn", last_);
    return code;
  }

 private:
  int read(std::istream& in, rewal::Wal<>& wal, std::uint64_t whole) {
    Progress progress(err_, options_.common, "import", whole);
    std::uint64_t bytes = 0;
    std::uint64_t number = 0;
    for (std::string line; !options_.common.stopped() && std::getline(in, line, options_.raw0 ? '\0' : '\n');) {
      ++number;
      bytes += line.size() + 1;
      progress.at(bytes);
      rewal::Result<rewal::Lsn> lsn = rewal::Lsn{0};
      if (options_.lines_are_json) {
        if (line.empty()) continue;
        const auto parsed = parse(line);
        if (!parsed) return wrong(number, "is no event as dump --format json prints them");
        if (!parsed->is_event) continue;
        lsn = append(wal, parsed->payload, parsed->meta);
      } else {
        lsn = append(wal, line, {});
      }
      if (!lsn) return wrong(number, "was not appended: " + lsn.error().message());
      last_ = *lsn;
      ++events_;
    }
    return in.bad() ? output_.failure(options_.file, "reading failed") : int{exit_clean};
  }

  rewal::Result<rewal::Lsn> append(rewal::Wal<>& wal, const std::string& payload, const std::string& meta) const {
    return options_.durable ? wal.append_durable_with_meta(payload, meta) : wal.append_with_meta(payload, meta);
  }

  int wrong(std::uint64_t number, const std::string& what) {
    return output_.failure(options_.file, "line " + std::to_string(number) + " " + what);
  }

  std::ostream& err_;
  Output& output_;
  const ImportOptions& options_;
  std::uint64_t events_ = 0;
  rewal::Lsn last_ = 0;
};

}  // namespace

int import(std::istream& in, std::ostream& out, std::ostream& err, const ImportOptions& options) {
  Output output(out, err, options.common, "import");
  if (options.file == "-") return output.finish(Import(err, output, options).run(in, 0));
  std::error_code failed;
  const auto whole = std::filesystem::file_size(options.file, failed);
  std::ifstream file(options.file, std::ios::binary);
  if (!file)
    return output.finish(output.failure(options.file, "opening the file failed: check its path and permissions"));
  return output.finish(Import(err, output, options).run(file, failed ? 0 : whole));
}

}  // namespace walctl
