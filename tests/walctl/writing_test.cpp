// SPDX-License-Identifier: MIT
//
// copy, repair, import and completion: what they write, and what they leave alone.

#include <catch2/catch_test_macros.hpp>
#include <rewal/wal.hpp>
#include <string>

#include "walctl_harness.hpp"

using namespace walctl_test;

namespace {

rewal::Result<rewal::Wal<>> open_strictly(const std::string& path) {
  return rewal::Wal<>::open(path).recovery(rewal::Recovery::strict).build();
}

std::string dumped(const std::string& path) { return run({"dump", path}).out; }

}  // namespace

TEST_CASE("copy makes a log that opens, of a torn one too, and never replaces a file") {
  const Logs logs;
  CHECK(run({"copy", logs.path("clean"), logs.path("c1")}).code == 0);
  CHECK(dumped(logs.path("c1")) == dumped(logs.path("clean")));
  CHECK(run({"copy", logs.path("torn"), logs.path("c2")}).code == 1);
  CHECK(open_strictly(logs.path("c2")).value().last_lsn() == 2);
  const Ran again = run({"copy", logs.path("clean"), logs.path("c2")});
  CHECK(again.code == 3);
  CHECK(open_strictly(logs.path("c2")).value().last_lsn() == 2);
}

TEST_CASE("copy makes no file of a damaged log, nor of what is none") {
  const Logs logs;
  CHECK(run({"copy", logs.path("damaged"), logs.path("c")}).code == 2);
  CHECK(run({"copy", logs.path("foreign"), logs.path("c")}).code == 4);
  CHECK(run({"copy", logs.path("absent"), logs.path("c")}).code == 3);
  CHECK(logs.altered() == Words{});
}

TEST_CASE("copy to standard output gives the frames alone") {
  const Logs logs;
  CHECK(run({"copy", logs.path("preallocated"), "-"}).out == rewal::as_text(clean_log()));
  CHECK(run({"copy", "--json", logs.path("clean"), "-"}).out == rewal::as_text(clean_log()));
}

TEST_CASE("repair without --apply changes nothing and says what it would do") {
  const Logs logs;
  for (const Kind& kind : kinds()) CHECK(run({"repair", logs.path(kind.name)}).code == kind.code);
  CHECK(logs.altered() == Words{});
  const std::string plan = run({"repair", logs.path("damaged")}).out;
  CHECK(plan.find("  keep   1 event in 1 frame, 37 bytes, LSN 1\n") != std::string::npos);
  CHECK(plan.find("  cut    114 bytes from offset 37 on, saved beside the log first\n") != std::string::npos);
  CHECK(plan.find("  lose   2 events in 2 whole frames behind the bad place, LSN 3 to 4\n") != std::string::npos);
}

TEST_CASE("repair --apply cuts what is bad, every byte of it saved first") {
  const Logs logs;
  for (const char* name : {"torn", "damaged"}) {
    const std::string before = logs.dir().read(name);
    CHECK(run({"repair", "--apply", logs.path(name)}).code == 0);
    CHECK(run({"verify", logs.path(name)}).code == 0);
    const std::string kept = logs.dir().read(name);
    CHECK(kept + logs.dir().read(std::string(name) + ".cut-" + std::to_string(kept.size())) == before);
  }
}

TEST_CASE("repair --apply refuses what must not be cut, and a log that is open") {
  Logs logs;
  CHECK(run({"repair", "--apply", logs.path("unknown")}).code == 2);
  CHECK(run({"repair", "--apply", logs.path("malformed")}).code == 2);
  CHECK(run({"repair", "--apply", logs.path("foreign")}).code == 4);
  CHECK(run({"repair", "--apply", logs.path("absent")}).code == 3);
  CHECK(logs.altered() == Words{});
  auto wal = rewal::Wal<>::open(logs.path("open")).build().value();
  CHECK(wal.append_durable("event"));
  CHECK(run({"repair", "--apply", logs.path("open")}).code == 3);
  CHECK(wal.append_durable("event"));
}

TEST_CASE("repair --salvage writes every whole frame to a new log and touches nothing else") {
  const Logs logs;
  CHECK(run({"repair", "--salvage", logs.path("s"), logs.path("damaged")}).code == 2);
  CHECK(dumped(logs.path("s")) == "1\tone\n3\tthree\n4\tfour\n");
  CHECK(logs.altered() == Words{"s"});
  CHECK(run({"repair", "--salvage", logs.path("s"), logs.path("damaged")}).code == 3);
}

TEST_CASE("import appends lines, NUL-ended bytes, and what dump prints") {
  const Logs logs;
  CHECK(run({"import", logs.path("lines")}, "one\n\nthree").out ==
        logs.path("lines") + ": 3 events appended, the last is LSN 3\n");
  CHECK(dumped(logs.path("lines")) == "1\tone\n2\t\n3\tthree\n");
  CHECK(run({"import", "--raw0", logs.path("zeros-between")}, std::string("a\nb\0c\0", 6)).code == 0);
  CHECK(dumped(logs.path("zeros-between")) == "1\ta\\nb\n2\tc\n");
  const std::string json = run({"dump", "--json", logs.path("clean")}).out;
  CHECK(run({"import", "--json", "--durable", logs.path("again")}, json).code == 0);
  CHECK(run({"diff", logs.path("clean"), logs.path("again")}).code == 0);
}

TEST_CASE("import takes text for people, and a file for standard input") {
  Logs logs;
  logs.put("events", rewal_test::bytes_of("{\"text\":\"h\\u00e9\",\"meta_text\":\"m\"}\n\n{\"payload\":\"00FF\"}\n"));
  CHECK(run({"import", "--json", logs.path("log"), logs.path("events")}).code == 0);
  CHECK(dumped(logs.path("log")) == "1\th\xC3\xA9\tm\n2\t\\x00\\xff\n");
}

TEST_CASE("import names the line that is no event, and keeps what came before") {
  const Logs logs;
  for (const char* bad :
       {"[1]", "{\"payload\":\"0\"}", "{\"payload\":\"zz\"}", "{\"lsn\":1}", "{\"payload\":1}", "{"}) {
    const std::string path = logs.path("log");
    const Ran ran =
        run({"import", "--json", path}, "{\"text\":\"good\"}\n" + std::string(bad) + "\n{\"text\":\"never\"}\n");
    CHECK(ran.code == 3);
    CHECK(ran.err.find("line 2") != std::string::npos);
    CHECK(dumped(path) == "1\tgood\n");
    std::filesystem::remove(path);
  }
}

TEST_CASE("import opens only what a log may open") {
  const Logs logs;
  CHECK(run({"import", logs.path("foreign")}, "x\n").code == 3);
  CHECK(run({"import", logs.path("damaged")}, "x\n").code == 3);
  CHECK(run({"import", logs.path("clean"), logs.path("absent")}).code == 3);
  CHECK(logs.altered() == Words{});
}

TEST_CASE("completions know every command and option") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = run({"completion", shell});
    CHECK(ran.code == 0);
    for (const char* word : {"info", "verify", "dump", "tail", "stats", "copy", "repair", "import", "diff", "bench",
                             "completion", "cursor-file", "salvage", "prometheus"}) {
      INFO(shell << " " << word);
      CHECK(ran.out.find(word) != std::string::npos);
    }
  }
}

TEST_CASE("bench gives a figure for each row, and leaves nothing behind") {
  const Logs logs;
  const auto lines = json_lines(run({"bench", "--seconds", "1", "--json", logs.dir().path().string()}).out);
  std::size_t figures = 0;
  for (const Json& line : lines) figures += line.at("type") == "figure" && line.at("value") > 0 ? 1u : 0u;
  CHECK(figures == 7);
  CHECK(logs.altered() == Words{});
  CHECK(run({"bench", logs.path("absent")}).code == 3);
}
