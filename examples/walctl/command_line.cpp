// SPDX-License-Identifier: MIT

#include <walctl/command_line.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <istream>
#include <ostream>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include <rewal/version.hpp>

#include <walctl/commands/commands.hpp>
#include <walctl/completion.hpp>
#include <walctl/escape.hpp>
#include <walctl/exit_code.hpp>
#include <walctl/output.hpp>

namespace walctl {
namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 clean, 1 torn tail (normal after a crash), 2 damage, 3 usage or\n"
    "I/O, 4 not a log. An empty file is a new log: 0. The worst of several counts.\n"
    "Reading commands take no lock, write nothing, and work beside a live writer.\n"
    "\"walctl COMMAND --help\" says more about a command, \"man walctl\" everything.\n";

const std::vector<std::string> event_formats{"text", "hex", "json", "raw"};

/// The commands and what their words are stored in.
class CommandLine {
 public:
  CommandLine(std::istream& in, std::ostream& out, std::ostream& err, const Common& terminal)
      : in_(in), out_(out), err_(err), common_(terminal) {
    app_.name("walctl");
    app_.set_version_flag("--version", "walctl " REWAL_VERSION);
    app_.require_subcommand(1);
    app_.footer(exit_codes);
    reading_commands();
    writing_commands();
    other_commands();
  }

  int run(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // so CLI11 wants them
    const auto has = [&](const char* word) { return std::find(words.begin(), words.end(), word) != words.end(); };
    const bool wants_json = has("--json") && !has("-q") && !has("--quiet");
    try {
      app_.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      const int code = app_.exit(error, out_, err_);
      if (code == 0) return exit_clean;
      if (wants_json) out_ << Output::dumped(usage_summary(error.what())) << '\n';
      return exit_failure;
    }
    return chosen_();
  }

 private:
  template <class Options>
  CLI::App* command(const char* name, const char* help, Options& options,
                    int (*call)(std::ostream&, std::ostream&, const Options&)) {
    auto* const added = app_.add_subcommand(name, help);
    added->add_flag("-q,--quiet", common_.quiet, "Say nothing: the exit code alone");
    added->add_flag("--json", common_.json, "JSON Lines, ended by a summary object");
    added->callback([this, &options, call] {
      chosen_ = [this, &options, call] {
        options.common = common_;
        return call(out_, err_, options);
      };
    });
    return added;
  }
  void compressor(CLI::App* to) {
    to->add_option("--compressor", common_.compressor, "Of compressed frames; zstd is recognised")
        ->check(CLI::IsMember(std::vector<std::string>{"auto", "none", "zstd", "lz4"}))
        ->type_name("NAME");
  }
  static CLI::Option* format(CLI::App* to, std::string& into, const std::vector<std::string>& formats) {
    return to->add_option("--format", into, "How to print")->check(CLI::IsMember(formats))->type_name("FORMAT");
  }

  [[nodiscard]] static Json usage_summary(const char* what) {
    return {{"type", "summary"}, {"command", nullptr}, {"error", printable(what)}, {"exit_code", int{exit_failure}}};
  }
  /// An LSN, or a number of events: digits alone, and no more than 64 bits of them.
  static CLI::Option* whole(CLI::Option* number) {
    return number->check(CLI::Validator(
        [](const std::string& word) {
          std::uint64_t value = 0;
          const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
          const bool fits = error == std::errc() && end == word.data() + word.size();
          return fits ? std::string() : "not a whole number: " + printable(word);
        },
        ""));
  }

  void reading_commands() {
    auto* info = command("info", "One screen about a log: its end, LSNs, sizes", info_, walctl::info);
    info->add_option("log", info_.logs, "The logs")->required()->type_name("LOG");

    auto* verify = command("verify", "Check every frame and tell each bad place", verify_, walctl::verify);
    verify->add_option("log", verify_.logs, "The logs")->required()->type_name("LOG");
    verify->add_option("--threads", verify_.threads, "Most threads; all processors if not given")
        ->check(CLI::Range(1, 256))
        ->type_name("N");

    auto* dump = command("dump", "Print events or frames, also behind damage", dump_, walctl::dump);
    dump->add_option("log", dump_.log, "The log")->required()->type_name("LOG");
    whole(dump->add_option("--from", dump_.from, "First LSN")->type_name("LSN"));
    whole(dump->add_option("--to", dump_.to, "Last LSN")->type_name("LSN"));
    auto* count = whole(dump->add_option("-n,--count", dump_.count, "The first N alone")->type_name("N"));
    whole(dump->add_option("--last", dump_.last, "The last N alone")->type_name("N"))->excludes(count);
    format(dump, dump_.format, event_formats);
    dump->add_flag("-0,--null", dump_.nul, "With --format raw: a NUL after each payload");
    dump->add_flag("--frames", dump_.frames, "The frames' headers instead of events");
    dump->add_option("--decoder", dump_.decoder, "Payloads go through it, a line in, a line out")->type_name("COMMAND");
    dump->add_flag("--strict", dump_.strict, "Stop at the first bad place");
    compressor(dump);

    auto* tail = command("tail", "The last events, and with -f what comes", tail_, walctl::tail);
    tail->add_option("log", tail_.log, "The log")->required()->type_name("LOG");
    whole(tail->add_option("-n,--count", tail_.count, "How many; 10 if not given")->type_name("N"));
    tail->add_flag("-f,--follow", tail_.follow, "Go on with what is appended");
    tail->add_flag("--all", tail_.all, "Also events that no fsync mark covers yet");
    auto* after = whole(tail->add_option("--after", tail_.after, "Everything behind this LSN")->type_name("LSN"));
    tail->add_option("--cursor-file", tail_.cursor_file, "Remember the LSN there, and begin behind it")
        ->type_name("FILE")
        ->excludes(after);
    format(tail, tail_.format, event_formats);
    compressor(tail);

    auto* stats = command("stats", "Sizes, events a frame, compression, fsync marks", stats_, walctl::stats);
    stats->add_option("log", stats_.log, "The log")->required()->type_name("LOG");
    format(stats, stats_.format, {"text", "json", "prometheus"});
    stats->add_option("--svg", stats_.svg, "Draw them too")->type_name("FILE");
    compressor(stats);

    auto* diff = command("diff", "The first LSN at which two logs differ", diff_, walctl::diff);
    diff->add_option("a", diff_.a, "A log")->required()->type_name("LOG");
    diff->add_option("b", diff_.b, "Another")->required()->type_name("LOG");
    compressor(diff);
  }

  void writing_commands() {
    auto* copy = command("copy", "A verified copy, of a live log too", copy_, walctl::copy);
    copy->add_option("log", copy_.log, "The log")->required()->type_name("LOG");
    copy->add_option("dest", copy_.destination, "The copy, which must not exist; or -")->required()->type_name("DEST");

    auto* repair = command("repair", "Tell what would be cut, and why; --apply does it", repair_, walctl::repair);
    repair->add_option("log", repair_.log, "The log")->required()->type_name("LOG");
    auto* apply = repair->add_flag("--apply", repair_.apply, "Cut; every byte is saved first");
    repair->add_option("--salvage", repair_.salvage, "Write all whole frames to this new log")
        ->type_name("OUT")
        ->excludes(apply);

    // Not named after its command: to clang-format a line that begins with `import` is one of a module.
    auto* append = command<ImportOptions>("import", "Append lines, or events as dump prints them", import_, nullptr);
    append->add_option("log", import_.log, "The log; created if there is none")->required()->type_name("LOG");
    append->add_option("file", import_.file, "What to read; standard input if not given")->type_name("FILE");
    auto* json = append->add_flag("--events", import_.lines_are_json, "The same lines, and an answer in words");
    append->add_flag("--raw0", import_.raw0, "Each event ends with a NUL instead of a newline")->excludes(json);
    append->add_flag("--durable", import_.durable, "Fsync each event before the next is read");
    append->callback([this] {
      chosen_ = [this] {
        import_.common = common_;
        import_.lines_are_json = import_.lines_are_json || common_.json;
        return walctl::import(in_, out_, err_, import_);
      };
    });
    append->get_option("--json")->description("Lines are JSON as of dump, and so is the answer");
  }

  void other_commands() {
    auto* bench = command("bench", "What this disk can do, in one minute", bench_, walctl::bench);
    bench->add_option("dir", bench_.directory, "Where to write")->required()->type_name("DIR");
    bench->add_option("--seconds", bench_.seconds, "How long it may take; 60 if not given")
        ->check(CLI::Range(1, 3600))
        ->type_name("N");

    auto* completion = app_.add_subcommand("completion", "Print a script that completes command lines");
    completion->add_option("shell", shell_, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}))
        ->type_name("SHELL");
    completion->callback([this] { chosen_ = [this] { return completions(); }; });
  }

  int completions() {
    const auto words = words_of_commands();
    out_ << (shell_ == "bash"  ? bash_completion(words)
             : shell_ == "zsh" ? zsh_completion(words)
                               : fish_completion(words));
    return exit_clean;
  }

  [[nodiscard]] std::vector<CommandWords> words_of_commands() const {
    std::vector<CommandWords> commands;
    for (const CLI::App* const command : app_.get_subcommands([](const CLI::App*) { return true; })) {
      CommandWords words{command->get_name(), command->get_description(), {}};
      for (const CLI::Option* const option : command->get_options()) {
        std::vector<std::string> values;
        if (option->get_lnames() == std::vector<std::string>{"format"}) {
          values =
              command->get_name() == "stats" ? std::vector<std::string>{"text", "json", "prometheus"} : event_formats;
        }
        if (option->get_lnames() == std::vector<std::string>{"compressor"}) values = {"auto", "none", "zstd", "lz4"};
        const bool takes_value = option->get_items_expected_max() > 0;
        for (const auto& name : option->get_lnames()) {
          words.options.push_back({"--" + name, option->get_description(), values, takes_value});
        }
        for (const auto& name : option->get_snames()) {
          words.options.push_back({"-" + name, option->get_description(), values, takes_value});
        }
      }
      commands.push_back(std::move(words));
    }
    return commands;
  }

  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;
  Common common_;
  CLI::App app_{"walctl looks into the logs of rewal, a write-ahead log."};
  std::function<int()> chosen_ = [] { return int{exit_failure}; };

  InfoOptions info_{};
  VerifyOptions verify_{};
  DumpOptions dump_{};
  TailOptions tail_{};
  StatsOptions stats_{};
  CopyOptions copy_{};
  RepairOptions repair_{};
  ImportOptions import_{};
  DiffOptions diff_{};
  BenchOptions bench_{};
  std::string shell_;
};

}  // namespace

int run(const std::vector<std::string>& words, std::istream& in, std::ostream& out, std::ostream& err,
        const Common& terminal) {
  return CommandLine(in, out, err, terminal).run(words);
}

}  // namespace walctl
