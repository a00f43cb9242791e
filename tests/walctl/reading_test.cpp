// SPDX-License-Identifier: MIT
//
// What info, verify, dump, stats and diff print, word for word where it is meant to stay.

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "walctl_harness.hpp"

using namespace walctl_test;

namespace {

/// With the log's path as LOG.
std::string text_of(const Logs& logs, std::string_view name, Words words) {
  words.push_back(logs.path(name));
  std::string out = run(words).out;
  const std::string path = logs.path(name);
  for (std::size_t at; (at = out.find(path)) != std::string::npos;) out.replace(at, path.size(), "LOG");
  return out;
}

}  // namespace

TEST_CASE("info is one screen about a log") {
  const Logs logs;
  CHECK(text_of(logs, "clean", {"info"}) ==
        "LOG\n"
        "  end          clean\n"
        "  events       5 in 4 frames\n"
        "  LSNs         1 to 5\n"
        "  size         165 bytes of frames\n"
        "  fsync marks  1, the last at offset 78: durable up to LSN 2\n");
  CHECK(text_of(logs, "new", {"info"}) ==
        "LOG\n"
        "  end          new: no event yet\n");
  CHECK(text_of(logs, "foreign", {"info"}) ==
        "LOG\n"
        "  end          this is not a log\n"
        "  size         30 bytes\n");
  CHECK(text_of(logs, "preallocated", {"info"}).find("165 bytes of frames, 4,096 preallocated\n") != std::string::npos);
}

TEST_CASE("info says where a log is damaged, what stands behind, and what to do") {
  const Logs logs;
  const std::string text = text_of(logs, "damaged", {"info"});
  CHECK(text.find("  end          damaged at offset 37\n") != std::string::npos);
  CHECK(text.find("  behind them  2 events in 2 whole frames, LSN 3 to 4\n") != std::string::npos);
  CHECK(text.find("  what to do   restore a copy, or: walctl repair LOG\n") != std::string::npos);
}

TEST_CASE("verify sums each log up in one line, behind a line for each bad place") {
  const Logs logs;
  CHECK(text_of(logs, "clean", {"verify"}) == "LOG: clean, 5 events in 4 frames, LSN 1 to 5, 165 B\n");
  CHECK(text_of(logs, "new", {"verify"}) == "LOG: clean, no events yet\n");
  CHECK(text_of(logs, "foreign", {"verify"}) == "LOG: not a log\n");
  CHECK(text_of(logs, "damaged", {"verify"}) ==
        "LOG: offset 37, after LSN 1: bad checksum, 37 bytes\n"
        "LOG: damaged at offset 37, 1 event in 1 frame, LSN 1, 37 B, and 2 events behind it\n");
  CHECK(text_of(logs, "torn", {"verify"}) ==
        "LOG: offset 74, after LSN 2: torn, 13 bytes\n"
        "LOG: torn at offset 74, 2 events in 2 frames, LSN 1 to 2, 74 B\n");
}

TEST_CASE("an unknown flag is shown, and does not hide what follows") {
  const Logs logs;
  CHECK(text_of(logs, "unknown", {"verify"}).find("(version 2, flags 0x0100)") != std::string::npos);
  CHECK(run({"dump", logs.path("unknown")}).out == "1\tone\n3\tthree\n");
}

TEST_CASE("verify tells the same with any number of threads") {
  const Logs logs;
  for (const Kind& kind : kinds()) {
    const std::string alone = text_of(logs, kind.name, {"verify", "--threads", "1"});
    for (const char* threads : {"2", "3", "8"})
      CHECK(text_of(logs, kind.name, {"verify", "--threads", threads}) == alone);
  }
}

TEST_CASE("dump prints an event a line, payload and meta escaped") {
  Logs logs;
  CHECK(text_of(logs, "clean", {"dump"}) == "1\tone\n2\ttwo\tmeta\n3\tthree\n4\tfour\n5\tfive\n");
  logs.put("odd", Log().event(std::string("a\nb\0c", 5), "\t").image);
  CHECK(text_of(logs, "odd", {"dump"}) == "1\ta\\nb\\x00c\t\\t\n");
  CHECK(text_of(logs, "new", {"dump"}).empty());
}

TEST_CASE("dump chooses by LSN and by number") {
  const Logs logs;
  CHECK(text_of(logs, "clean", {"dump", "--from", "2", "--to", "4"}) == "2\ttwo\tmeta\n3\tthree\n4\tfour\n");
  CHECK(text_of(logs, "clean", {"dump", "-n", "2"}) == "1\tone\n2\ttwo\tmeta\n");
  CHECK(text_of(logs, "clean", {"dump", "-n", "0"}).empty());
  CHECK(text_of(logs, "clean", {"dump", "--last", "2"}) == "4\tfour\n5\tfive\n");
  CHECK(text_of(logs, "clean", {"dump", "--last", "1"}) == "5\tfive\n");
  CHECK(text_of(logs, "clean", {"dump", "--last", "99"}) == text_of(logs, "clean", {"dump"}));
  CHECK(text_of(logs, "damaged", {"dump", "--last", "3"}) == "1\tone\n3\tthree\n4\tfour\n");
}

TEST_CASE("the last events, or frames, are the last of those between --from and --to") {
  const Logs logs;
  const auto dump = [&](Words words) {
    words.insert(words.begin(), "dump");
    words.push_back(logs.path("clean"));
    return run(words).out;
  };
  CHECK(dump({"--to", "3", "--last", "2"}) == "2\ttwo\tmeta\n3\tthree\n");
  CHECK(dump({"--from", "2", "--to", "4", "--last", "1"}) == "4\tfour\n");
  CHECK(dump({"--from", "4", "--last", "3"}) == "4\tfour\n5\tfive\n");
  CHECK(dump({"--from", "6", "--last", "1"}).empty());
  const auto frames = json_lines(dump({"--json", "--frames", "--to", "3", "--last", "2"}));
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].at("first_lsn") == 2);
  CHECK(frames[1].at("first_lsn") == 3);
}

TEST_CASE("dump goes on behind damage and says so, with --strict it stops there") {
  const Logs logs;
  const Ran all = run({"dump", logs.path("damaged")});
  CHECK(all.out == "1\tone\n3\tthree\n4\tfour\n");
  CHECK(all.err.find("offset 37, after LSN 1") != std::string::npos);
  CHECK(all.err.find("going on behind it") != std::string::npos);
  const Ran strict = run({"dump", "--strict", logs.path("damaged")});
  CHECK(strict.code == 2);
  CHECK(strict.out == "1\tone\n");
  CHECK(strict.err.find("offset 37") != std::string::npos);
}

TEST_CASE("dump in hex, raw and JSON keeps every byte") {
  Logs logs;
  logs.put("bytes", Log().event(std::string("hi\0\xff", 4), "m").event("").image);
  CHECK(text_of(logs, "bytes", {"dump", "--format", "hex"}) ==
        "LSN 1, 4 bytes\n"
        "  00000000  68 69 00 ff                                       |hi..|\n"
        "meta, 1 byte\n"
        "  00000000  6d                                                |m|\n"
        "LSN 2, 0 bytes\n");
  CHECK(text_of(logs, "bytes", {"dump", "--format", "raw"}) == std::string("hi\0\xff", 4));
  CHECK(text_of(logs, "bytes", {"dump", "--format", "raw", "-0"}) == std::string("hi\0\xff\0\0", 6));
  CHECK(text_of(logs, "bytes", {"dump", "--format", "json"}) ==
        "{\"type\":\"event\",\"lsn\":1,\"payload\":\"686900ff\",\"meta\":\"6d\"}\n"
        "{\"type\":\"event\",\"lsn\":2,\"payload\":\"\",\"meta\":null,\"text\":\"\"}\n"
        "{\"type\":\"summary\",\"command\":\"dump\",\"events\":2,\"bad_places\":0,\"exit_code\":0}\n");
}

TEST_CASE("dump --frames shows the headers") {
  const Logs logs;
  CHECK(text_of(logs, "clean", {"dump", "--frames", "--last", "2"}) ==
        "      offset       bytes     first LSN      last LSN  events  flags\n"
        "          78          39             3             3       1  synced before\n"
        "         117          48             4             5       2  -\n");
}

TEST_CASE("payloads go through a decoder a line at a time, however late it answers") {
  Logs logs;
  Log log;
  for (int i = 0; i < 3000; ++i) log.event("event " + std::to_string(i));
  logs.put("many", log.image);
  for (const char* decoder : {"cat", "sed -u s/event/EVENT/", "tr a-z A-Z"}) {
    const Ran ran = run({"dump", "--decoder", decoder, logs.path("many")});
    CHECK(ran.code == 0);
    CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') == 3000);
    CHECK(ran.out.find("2999") != std::string::npos);
  }
  CHECK(run({"dump", "--decoder", "tr a-z A-Z", "-n", "1", logs.path("many")}).out == "1\tEVENT 0\n");
  CHECK(run({"dump", "--decoder", "exit 1", logs.path("many")}).code == 3);
  CHECK(run({"dump", "--decoder", "grep -v 7", logs.path("many")}).code == 3);
}

TEST_CASE("a decoder that prints more lines than it gets, or without end, is an error") {
  const Logs logs;
  for (const char* command : {"sed p", "yes", "cat; echo one more"}) {
    CAPTURE(command);
    const Ran ran = run({"dump", "--decoder", command, logs.path("clean")});
    CHECK(ran.code == 3);
    CHECK(ran.err.find("the decoder gave more lines than it got") != std::string::npos);
  }
}

TEST_CASE("stats counts what is there") {
  const Logs logs;
  const Json stats = json_lines(run({"stats", "--json", logs.path("clean")}).out)[0];
  CHECK(stats.at("events") == 5);
  CHECK(stats.at("frames") == 4);
  CHECK(stats.at("payload_bytes").at("sum") == 19);
  CHECK(stats.at("meta_bytes") == 4);
  CHECK(stats.at("events_a_frame").at("most") == 2);
  CHECK(stats.at("bytes_between_marks").at("count") == 1);
  const std::string metrics = run({"stats", "--format", "prometheus", logs.path("clean")}).out;
  CHECK(metrics.find("rewal_log_events{log=\"" + logs.path("clean") + "\"} 5\n") != std::string::npos);
  CHECK(metrics.find("rewal_log_payload_bytes_bucket{log=\"" + logs.path("clean") + "\",le=\"+Inf\"} 5\n") !=
        std::string::npos);
  CHECK(run({"stats", "--svg", logs.path("drawing"), logs.path("clean")}).code == 0);
  CHECK(logs.dir().read("drawing").find("</svg>") != std::string::npos);
}

TEST_CASE("diff finds the first LSN at which logs differ, however they are framed") {
  Logs logs;
  logs.put("a", Log().event("one").event("two").event("three").image);
  logs.put("same", Log().batch({{"one", ""}, {"two", ""}, {"three", ""}}).image);
  logs.put("payload", Log().event("one").event("twO").event("three").image);
  logs.put("meta", Log().event("one").event("two").event("three", "m").image);
  logs.put("shorter", Log().event("one").event("two").image);
  logs.put("later", Log().event("one").jump_to(3).event("two").image);
  const auto diff = [&](const char* other) { return run({"diff", logs.path("a"), logs.path(other)}); };
  CHECK(diff("same").code == 0);
  CHECK(diff("same").out == "equal, 3 events\n");
  CHECK(diff("payload").code == 1);
  CHECK(diff("payload").out ==
        "LSN 2: the payloads differ from byte 2 on (3 bytes, 3 bytes); 1 event before it is equal\n");
  CHECK(diff("meta").out.starts_with("LSN 3: the metas differ"));
  CHECK(diff("shorter").out.starts_with("LSN 3: only in " + logs.path("a")));
  CHECK(diff("later").out.starts_with("LSN 2: LSN 2 in one, 3 in the other"));
  CHECK(diff("new").code == 1);
  CHECK(diff("foreign").code == 4);
}
