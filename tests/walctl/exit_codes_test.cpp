// SPDX-License-Identifier: MIT
//
// G30: the exit code of each command on each kind of log, and what is asked of all of them: valid JSON, nothing
// altered, nothing said when quiet, no payload in a message.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <sstream>
#include <string>
#include <torture/report.hpp>
#include <utility>

#include "walctl_harness.hpp"

using namespace walctl_test;
using rewal_torture::Row;

namespace {

/// The commands that read one log.
const std::vector<Words> reading_commands{{"info"},
                                          {"verify"},
                                          {"verify", "--threads", "2"},
                                          {"dump"},
                                          {"dump", "--format", "hex"},
                                          {"dump", "--format", "raw"},
                                          {"dump", "--last", "2"},
                                          {"dump", "-n", "1"},
                                          {"dump", "--frames"},
                                          {"dump", "--strict"},
                                          {"dump", "--from", "2", "--to", "3"},
                                          {"tail"},
                                          {"tail", "--all", "-n", "1"},
                                          {"tail", "--after", "1"},
                                          {"stats"},
                                          {"stats", "--format", "prometheus"},
                                          {"repair"}};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string text_of(const Words& words) {
  std::string text;
  for (const auto& word : words) text += word + " ";
  return text;
}

}  // namespace

TEST_CASE("each command gives each kind of log its exit code, and alters nothing", "[figures]") {
  Row row("G30", "walctl's exit codes: commands by kinds of logs", "runs");
  const Logs logs;
  for (const auto& command : reading_commands) {
    for (const Kind& kind : kinds()) {
      const Words words = with(command, {logs.path(kind.name)});
      INFO(text_of(words));
      ++row.count;
      const Ran ran = run(words);
      CHECK(ran.code == kind.code);
      CHECK((ran.code != 4 || !ran.err.empty() || ran.out.find("not a log") != std::string::npos));
    }
    CHECK(logs.altered() == Words{});
  }
}

TEST_CASE("with --json each line is an object and the last is the summary, for every kind of log", "[figures]") {
  Row row("G30", "walctl's JSON, parsed back", "runs");
  const Logs logs;
  for (const auto& command : reading_commands) {
    for (const Kind& kind : kinds()) {
      const Words words = with(command, {"--json", logs.path(kind.name)});
      INFO(text_of(words));
      ++row.count;
      const Ran ran = run(words);
      REQUIRE_NOTHROW(json_lines(ran.out));
      CHECK(json_lines(ran.out).back().at("exit_code") == kind.code);
      CHECK(ran.code == kind.code);
    }
    REQUIRE_NOTHROW(json_lines(run(with(command, {"--json", logs.path("absent")})).out));
  }
}

TEST_CASE("the quiet option says nothing at all") {
  const Logs logs;
  for (const auto& command : reading_commands) {
    for (const Kind& kind : kinds()) {
      const Ran ran = run(with(command, {"-q", logs.path(kind.name)}));
      CHECK(ran.code == kind.code);
      CHECK(ran.out.empty());
      CHECK(ran.err.empty());
    }
  }
}

TEST_CASE("the worst of several logs counts") {
  const Logs logs;
  const auto code = [&](const Words& names) {
    Words words{"verify"};
    for (const auto& name : names) words.push_back(logs.path(name));
    return run(words).code;
  };
  CHECK(code({"clean", "new", "clean"}) == 0);
  CHECK(code({"torn", "clean"}) == 1);
  CHECK(code({"torn", "damaged", "clean"}) == 2);
  CHECK(code({"absent", "damaged"}) == 3);
  CHECK(code({"clean", "foreign", "absent"}) == 4);
}

TEST_CASE("wrong usage and missing files are 3, help is 0") {
  const Logs logs;
  for (const Words& words : std::vector<Words>{{},
                                               {"no-such-command"},
                                               {"info"},
                                               {"info", "--no-such-option", logs.path("clean")},
                                               {"dump", "--format", "xml", logs.path("clean")},
                                               {"dump", "-n", "x", logs.path("clean")},
                                               {"info", logs.path("absent")},
                                               {"verify", logs.dir().path().string()},
                                               {"tail", logs.path("absent")},
                                               {"completion", "csh"}}) {
    INFO(text_of(words));
    const Ran ran = run(words);
    CHECK(ran.code == 3);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
  }
  CHECK(run({"--help"}).code == 0);
  CHECK(run({"--version"}).code == 0);
  for (const auto& command : reading_commands) CHECK(run({command[0], "--help"}).code == 0);
}

TEST_CASE("a number that is none, or does not fit, is wrong usage") {
  const Logs logs;
  for (const char* word : {"-1", "-3", "x", "1x", "", "1.5", "18446744073709551616", "99999999999999999999999"}) {
    CAPTURE(word);
    for (const Words& words :
         {Words{"dump", "--from", word}, Words{"dump", "--to", word}, Words{"dump", "-n", word},
          Words{"dump", "--last", word}, Words{"tail", "-n", word}, Words{"tail", "--after", word}}) {
      Words all = words;
      all.push_back(logs.path("clean"));
      CHECK(run(all).code == 3);
    }
  }
  CHECK(run({"dump", "--to", "18446744073709551615", logs.path("clean")}).code == 0);
}

TEST_CASE("with --json wrong usage has a summary, too") {
  const Ran ran = run({"verify", "--json", "--nonsense"});
  CHECK(ran.code == 3);
  CHECK(json_lines(ran.out).back().at("exit_code") == 3);
  CHECK(run({"verify", "--json", "-q", "--nonsense"}).out.empty());
}

TEST_CASE("the help of every command fits into 80 columns") {
  for (const char* command : {"info", "verify", "dump", "tail", "stats", "diff", "copy", "repair", "import", "bench"}) {
    std::istringstream lines(run({command, "--help"}).out);
    for (std::string line; std::getline(lines, line);) {
      CAPTURE(command, line);
      CHECK(line.size() <= 80);
    }
  }
}

TEST_CASE("no byte of a payload stands in a message") {
  Logs logs;
  Log log =
      Log().event("s3cret-payload", "s3cret-meta").event("s3cret-payload").event("s3cret-payload", "", synced_before);
  log.image[log.places[1].at + 31] ^= std::byte{1};
  logs.put("secret", log.image);
  for (const auto& command : reading_commands) {
    CHECK(run(with(command, {logs.path("secret")})).err.find("s3cret") == std::string::npos);
  }
  const Ran imported = run({"import", "--json", logs.path("other")}, "s3cret, and no JSON\n");
  CHECK(imported.code == 3);
  CHECK(imported.err.find("s3cret") == std::string::npos);
}

TEST_CASE("what goes to a terminal is free of control characters, whatever the log and its name hold") {
  Logs logs;
  logs.put("na\x1bme", Log().event("\x1b[2J\x07", "\x1b]0;title\x07").image);
  walctl::Common terminal;
  terminal.out_is_terminal = true;
  for (const auto& command : reading_commands) {
    for (const bool json : {false, true}) {
      const Ran ran = run(with(command, json ? Words{"--json", logs.path("na\x1bme")} : Words{logs.path("na\x1bme")}),
                          {}, terminal);
      CHECK(std::all_of(ran.out.begin(), ran.out.end(),
                        [](char c) { return c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20; }));
      CHECK(std::all_of(ran.err.begin(), ran.err.end(),
                        [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= 0x20; }));
    }
  }
}
