// SPDX-License-Identifier: MIT
//
// The program itself: its exit code, pipes that break, signals, colour, the terminal.

#include <sys/wait.h>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <string>
#include <support/harness.hpp>

#include "walctl_harness.hpp"

using namespace walctl_test;

namespace {

/// Runs a line of the shell; its standard output and exit code.
Ran shell(const std::string& line) {
  Ran ran{-1, {}, {}};
  std::FILE* const pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  for (std::size_t count; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) ran.out.append(buffer, count);
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

const std::string program = REWAL_TEST_WALCTL;

}  // namespace

TEST_CASE("the program returns the exit code of its command") {
  const Logs logs;
  for (const Kind& kind : kinds())
    CHECK(shell(program + " -q verify " + logs.path(kind.name) + " 2>/dev/null").code == 3);
  for (const Kind& kind : kinds()) CHECK(shell(program + " verify -q " + logs.path(kind.name)).code == kind.code);
  CHECK(shell(program + " --version").out.starts_with("walctl "));
}

TEST_CASE("a reader that goes away is no error, a full disk is one") {
  Logs logs;
  Log log;
  for (int i = 0; i < 20000; ++i) log.event("event");
  logs.put("many", log.image);
  CHECK(shell("(" + program + " dump " + logs.path("many") + "; echo $? >&3) 3>&1 >/dev/null | cat").out == "0\n");
  CHECK(shell("(" + program + " dump " + logs.path("many") + " 2>&1; echo code $? >&2) 2>&1 | head -n 1").out ==
        "1\tevent\n");
  CHECK(shell("(" + program + " dump " + logs.path("many") + " || echo $? >&3) 3>&1 | head -n 0").out.empty());
  CHECK(shell(program + " dump " + logs.path("many") + " 2>/dev/null >/dev/full").code == 3);
}

TEST_CASE("tail -f ends quietly at SIGTERM and SIGINT, its cursor written") {
  const Logs logs;
  CHECK(run({"import", logs.path("log")}, "one\ntwo\n").code == 0);
  for (const char* signal : {"TERM", "INT"}) {
    const std::string cursor = logs.path(std::string("cursor-") + signal);
    const std::string said =
        logs.path(std::string("said-") + signal);  // the signal comes once it has shown the last event
    const Ran ran = shell(program + " tail -f --all --cursor-file " + cursor + " " + logs.path("log") + " >" + said +
                          " 2>&1 & tail=$!; until grep -q two " + said + "; do sleep 0.02; done; kill -s " + signal +
                          " $tail; wait $tail; code=$?; cat " + said + "; exit $code");
    CHECK(ran.code == 0);
    CHECK(ran.out == "1\tone\n2\ttwo\n");
    CHECK(run({"tail", "--all", "--cursor-file", cursor, logs.path("log")}).out.empty());
  }
}

TEST_CASE("tail -f ends when nobody reads its output any more, though nothing is appended") {
  const Logs logs;
  CHECK(run({"import", logs.path("log")}, "one\ntwo\n").code == 0);
  CHECK(shell("{ (timeout 20 " + program + " tail -f " + logs.path("log") + "; echo code $? >&3) | head -n 1; } 3>&1")
            .out == "1\tone\ncode 0\n");
}

TEST_CASE("there is no colour through a pipe") {
  const Logs logs;
  for (const Kind& kind : kinds()) {
    CHECK(shell(program + " verify " + logs.path(kind.name)).out.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("a log of a gigabyte of zeros, or of nonsense, takes no more memory than any other") {
  if (rewal_test::sanitized) SKIP("a sanitizer reserves address space that the limit forbids");
  const Logs logs;
  CHECK(shell("truncate -s 1G " + logs.path("large")).code == 0);
  for (const char* command : {"verify", "info", "dump", "tail", "stats"}) {
    CHECK(shell("ulimit -v 300000; " + program + " " + command + " -q " + logs.path("large")).code == 0);
  }
}
