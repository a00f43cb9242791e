// SPDX-License-Identifier: MIT
//
// Fuzzes the commands of walctl with arbitrary bytes as the log (G30). The first byte chooses command and output, the
// rest is the file. Held against the second judge: the exit code. Of every run: JSON that can be parsed and a summary
// ends, nothing said when quiet, no control character in a message, the file as it was, memory bounded.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <walctl/command_line.hpp>

#include <support/temp_dir.hpp>

#include "claim.hpp"
#include "heap_peak.hpp"
#include "second_judge.hpp"

#ifdef REWAL_FUZZ_LIBFUZZER
#include "resealing.hpp"

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return rewal_fuzz::mutate_log(data, size, most, seed, 1);
}
#endif

namespace {

using namespace rewal_fuzz;
using Words = std::vector<std::string>;

const std::vector<Words> commands{
    {"verify"},
    {"info"},
    {"dump"},
    {"dump", "--frames"},
    {"dump", "--strict"},
    {"dump", "--format", "hex"},
    {"dump", "--format", "raw", "-0"},
    {"dump", "--last", "3"},
    {"dump", "--from", "2", "-n", "5", "--compressor", "zstd"},
    {"tail"},
    {"tail", "--all", "-n", "2"},
    {"tail", "--after", "1", "--compressor", "lz4"},
    {"stats"},
    {"stats", "--format", "prometheus"},
    {"repair"},
    {"copy"},
};

/// The file of this process, in its own folder.
class File {
 public:
  void write(View bytes) {
    content_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    dir_.write("log", content_);
    std::filesystem::last_write_time(dir_ / "log", long_ago_);
  }
  [[nodiscard]] std::string path() const { return dir_.file("log"); }
  void claim_unaltered() const {
    claim(dir_.read("log") == content_, "a reading command alters no byte");
    claim(std::filesystem::last_write_time(dir_ / "log") == long_ago_, "a reading command writes nothing");
    claim(dir_.names() == Words{"log"}, "a reading command makes no file");
  }

 private:
  rewal_test::TempDir dir_;
  std::string content_;
  std::filesystem::file_time_type long_ago_ = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000);
};

bool is_right(int code, const Judgement& found) {
  switch (found.kind) {
    case Kind::new_log:
    case Kind::clean_end: return code == 0;
    case Kind::foreign: return code == 4;
    case Kind::unknown:
    case Kind::malformed: return code == 2;
    case Kind::damaged: break;
  }
  if (found.behind == Behind::proof) return code == 2;
  return found.behind == Behind::tear ? code == 1 : code == 1 || code == 2;
}

/// Whether the command looks into events, of which those of compressed frames may not be had.
bool reads_events(const Words& command) {
  const bool frames = std::find(command.begin(), command.end(), "--frames") != command.end();
  return (command[0] == "dump" && !frames) || command[0] == "tail" || command[0] == "stats";
}

void claim_json(const std::string& text) {
  std::istringstream lines(text);
  bool ended = false;
  for (std::string line; std::getline(lines, line);) {
    claim(!ended, "nothing follows the summary");
    const auto object = walctl::Json::parse(line, nullptr, false);
    claim(object.is_object(), "each line is a JSON object");
    ended = object.at("type") == "summary";
  }
  claim(ended && text.back() == '\n', "a summary ends the JSON");
}

int run(Words words, const File& file, std::size_t file_bytes, std::string& out_text) {
  const bool copies = words[0] == "copy";
  words.push_back(file.path());
  if (copies) words.emplace_back("-");
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  walctl::Common terminal;
  const HeapPeak heap;
  const int code = walctl::run(words, in, out, err, terminal);
  // The output is kept in memory here; hex takes five bytes for one.
  claim(heap.bytes() <= 32 * file_bytes + (4u << 20), "memory is bounded");
  const std::string messages = err.str();
  claim(std::all_of(messages.begin(), messages.end(),
                    [](char c) { return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }),
        "messages are text");
  out_text = out.str();
  const bool is_quiet = std::find(words.begin(), words.end(), "-q") != words.end();
  claim(!is_quiet || ((copies || out_text.empty()) && messages.empty()), "quiet is quiet");
  file.claim_unaltered();
  return code;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static File file;
  const std::uint8_t choice = size == 0 ? std::uint8_t{0} : data[0];
  const View bytes(reinterpret_cast<const std::byte*>(data) + (size == 0 ? 0 : 1), size == 0 ? 0 : size - 1);
  file.write(bytes);
  const SecondJudge judge(bytes);
  std::string out;
  claim(is_right(run({"verify", "-q"}, file, bytes.size(), out), judge.judgement()), "verify has the right exit code");

  const Words& command = commands[choice % commands.size()];
  Words words = command;
  const std::size_t how = choice / commands.size() % 3;
  if (how == 1) words.emplace_back("--json");
  if (how == 2) words.emplace_back("-q");
  const int code = run(words, file, bytes.size(), out);
  const bool has_compressed = std::any_of(judge.judgement().frames.begin(), judge.judgement().frames.end(),
                                          [](const JudgedFrame& frame) { return frame.header.compressed(); });
  const bool excused =
      reads_events(command) && (has_compressed || judge.judgement().kind == Kind::damaged ||
                                judge.judgement().kind == Kind::unknown || judge.judgement().kind == Kind::malformed);
  claim(is_right(code, judge.judgement()) || (excused && (code == 2 || code == 3)),
        "the command has the right exit code");
  if (how == 1 && command[0] != "copy") claim_json(out);
  return 0;
}
