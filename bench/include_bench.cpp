// SPDX-License-Identifier: MIT
//
// What does `#include <rewal/wal.hpp>` cost whoever compiles it? (P13) Processor time of the compiler at -O0 for a file
// with that line alone, beside a file with the headers of the standard library that its parts include by name. System
// and processor headers count as rewal's own cost. REWAL_BENCH_COMPILER and REWAL_BENCH_INCLUDE come from CMake.

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "harness/check.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

const std::string compiler =
    std::string("'") + REWAL_BENCH_COMPILER + "' -std=c++20 -O0 -I '" + REWAL_BENCH_INCLUDE + "' ";

double children_seconds() {
  struct rusage usage {};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) die("this failed: " + command);
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

/// Seconds of processor time.
double compile(const std::string& source) {
  const double before = children_seconds();
  run(compiler + "-c '" + source + "' -o '" + source + ".o'");
  return children_seconds() - before;
}

/// The lines `#include <word>` that the preprocessor met inside rewal's headers, each once.
std::vector<std::string> standard_includes(const std::string& source) {
  const std::string output = source + ".i";
  run(compiler + "-E -dI '" + source + "' -o '" + output + "'");
  std::vector<std::string> found;
  bool in_rewal = false;
  std::ifstream preprocessed(output);
  for (std::string line; std::getline(preprocessed, line);) {
    if (line.rfind("# ", 0) == 0) in_rewal = line.find("/rewal/") != std::string::npos;
    if (!in_rewal || line.rfind("#include <", 0) != 0) continue;
    const std::string include = line.substr(0, line.find('>') + 1);
    const bool is_standard = include.find('/') == std::string::npos && include.find(".h>") == std::string::npos;
    bool is_new = is_standard;
    for (const auto& known : found) is_new = is_new && known != include;
    if (is_new) found.push_back(include);
  }
  must_be(found.size() > 10, "rewal's headers include standard ones");
  return found;
}

}  // namespace

namespace {

/// Asks what `program` costs beside the standard headers that the log includes.
void ask_for(Question question, const std::string& name, const std::string& program) {
  ask(std::move(question), [=](Notes& notes) -> std::vector<Side> {
    const std::string ours = setting().path(name + ".cpp");
    const std::string standard = setting().path("standard_for_" + name + ".cpp");
    write_file(ours, program);
    std::string text;
    for (const auto& include : standard_includes(ours)) text += include + "\n";
    write_file(standard, text);
    notes.add("standard headers", static_cast<double>(std::count(text.begin(), text.end(), '\n')));
    return {{"rewal", [=] { return compile(ours); }}, {"standard", [=] { return compile(standard); }}};
  });
}

constexpr const char* one_use = R"(#include <rewal/wal.hpp>
int main() {
  auto wal = rewal::Wal<>::open("log").build();
  if (!wal || !wal->append("event")) return 1;
  auto events = wal->replay(1, [](const rewal::BorrowedEvent&) {});
  return events && wal->shutdown() ? 0 : 1;
}
)";

}  // namespace

void bench::questions() {
  ask_for({.row = "P13",
           .what = "compiling #include <rewal/wal.hpp> at -O0, processor time; the standard headers that it includes",
           .unit = "s",
           .bar = 1.3,
           .reach = 1.2},
          "bare", "#include <rewal/wal.hpp>\n");
  ask_for({.row = "P13/use",
           .what = "compiling one use of the log at -O0, processor time; the standard headers that it includes",
           .unit = "s",
           .bar = 2.2,
           .reach = 1.8},
          "use", one_use);
}
