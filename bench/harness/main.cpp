// SPDX-License-Identifier: MIT
//
// The main() of every bench: its own flags, then those of Google Benchmark, as --benchmark_filter=P1/threads:4 and
// --benchmark_out=rows.json.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "check.hpp"
#include "machine.hpp"
#include "question.hpp"
#include "setting.hpp"

namespace bench {
namespace {

Setting current;

/// Rows print themselves, since a row has several sides.
class Reporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

void print_help() {
  std::printf(
      "  --dir=<folder for the files, the working directory if not given>\n"
      "  --rounds=<rounds of each row, at least 5; 7 if not given>\n"
      "  --quick (a little of everything, one round, to see that it runs)\n"
      "  --benchmark_list_tests, --benchmark_filter=<regex>, --benchmark_out=<file>, "
      "--benchmark_out_format=<json|csv>\n");
}

void parse(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--dir=", 0) == 0) {
      current.directory = argument.substr(6);
    } else if (argument.rfind("--rounds=", 0) == 0) {
      current.rounds = (std::max)(5, std::atoi(argument.c_str() + 9));
    } else if (argument == "--quick") {
      current.quick = true;
    } else {
      std::fprintf(stderr, "%s: unknown argument %s\n", argv[0], argv[i]);
      print_help();
      std::exit(2);
    }
  }
  if (current.quick) current.rounds = 1;
}

void remove_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(current.directory, ignored);
}

void make_folder() {
  std::string pattern = current.directory + "/rewal-bench-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) die("cannot make a folder in " + current.directory);
  current.directory = pattern;
  std::atexit(remove_folder);
}

void describe() {
  for (const auto& [name, what] : describe_machine(current.directory)) {
    benchmark::AddCustomContext(name, what);
    std::printf("%s%s: %s", name == "processor" ? "" : "; ", name.c_str(), what.c_str());
  }
  const std::string rounds = std::to_string(current.rounds);
  benchmark::AddCustomContext("rounds", rounds);
  std::printf("\n%s rounds, all sides in turn: medians, the best, and the median of the rounds' ratios\n",
              rounds.c_str());
  std::string all;
  for (const auto& warning : warnings()) {
    std::printf("WARNING: %s\n", warning.c_str());
    all += (all.empty() ? "" : "; ") + warning;
  }
  benchmark::AddCustomContext("warnings", all);
  std::printf("\n");
}

}  // namespace

const Setting& setting() { return current; }

}  // namespace bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv, bench::print_help);
  bench::parse(argc, argv);
  bench::make_folder();
  bench::describe();
  bench::questions();
  bench::Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}
