// SPDX-License-Identifier: MIT
//
// tail: the last events, what is durable, what comes, and where one was.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <rewal/cursor.hpp>
#include <rewal/wal.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <torture/report.hpp>
#include <walctl/commands/commands.hpp>

#include "walctl_harness.hpp"

using namespace walctl_test;

namespace {

/// An output that says stop once enough lines were printed.
class Lines : public std::stringbuf {
 public:
  Lines(std::atomic<bool>& stop, std::size_t enough) : stop_(stop), enough_(enough) {}

 protected:
  int sync() override {
    const std::string text = str();
    if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) >= enough_) stop_ = true;
    return 0;
  }

 private:
  std::atomic<bool>& stop_;
  std::size_t enough_;
};

/// Follows in this thread until so many lines were printed.
std::string follow(walctl::TailOptions options, std::size_t lines, int* code = nullptr) {
  std::atomic<bool> stop{false};
  Lines buffer(stop, lines);
  std::ostream out(&buffer);
  std::ostringstream err;
  options.follow = true;
  options.common.stop = &stop;
  const int returned = walctl::tail(out, err, options);
  if (code != nullptr) *code = returned;
  return buffer.str();
}

walctl::TailOptions options_for(const std::string& path) {
  walctl::TailOptions options;
  options.log = path;
  return options;
}

}  // namespace

TEST_CASE("tail prints the last events of a log that was closed") {
  Logs logs;
  CHECK(run({"tail", logs.path("clean")}).out == "1\tone\n2\ttwo\tmeta\n3\tthree\n4\tfour\n5\tfive\n");
  CHECK(run({"tail", "-n", "2", logs.path("clean")}).out == "4\tfour\n5\tfive\n");
  CHECK(run({"tail", "-n", "0", logs.path("clean")}).out.empty());
  CHECK(run({"tail", "--after", "3", logs.path("clean")}).out == "4\tfour\n5\tfive\n");
  CHECK(run({"tail", logs.path("new")}).out.empty());
}

TEST_CASE("tail shows of a log that was not closed what is known to be fsynced, --all everything") {
  const Logs logs;
  const Ran ran = run({"tail", logs.path("preallocated")});
  CHECK(ran.out == "1\tone\n2\ttwo\tmeta\n");
  CHECK(ran.err.find("no fsync mark covers the last 3 events yet: --all shows them") != std::string::npos);
  CHECK(run({"tail", "--all", "-n", "1", logs.path("preallocated")}).out == "5\tfive\n");
}

TEST_CASE("tail remembers in a cursor file where it was") {
  const Logs logs;
  const Words words{"tail", "--cursor-file", logs.path("cursor"), logs.path("log")};
  CHECK(run({"import", logs.path("log")}, "one\ntwo\n").code == 0);
  CHECK(run(words).out == "1\tone\n2\ttwo\n");
  CHECK(run(words).out.empty());
  CHECK(run({"import", logs.path("log")}, "three\n").code == 0);
  CHECK(run(words).out == "3\tthree\n");
  CHECK(rewal::Cursor::open(logs.path("cursor")).value().lsn() == 3);
}

TEST_CASE("tail refuses a cursor file that is in use or none") {
  const Logs logs;
  const auto cursor = rewal::Cursor::open(logs.path("cursor")).value();
  CHECK(run({"tail", "--cursor-file", logs.path("cursor"), logs.path("clean")}).code == 3);
  CHECK(run({"tail", "--cursor-file", logs.path("foreign"), logs.path("clean")}).code == 3);
}

TEST_CASE("tail -f shows what is appended, once each, in order, once it is durable") {
  const Logs logs;
  auto wal = rewal::Wal<>::open(logs.path("live")).build().value();
  CHECK(wal.append_durable("0"));
  std::thread writer([&] {
    for (int i = 1; i <= 200; ++i) static_cast<void>(wal.append_durable(std::to_string(i)));
  });
  auto options = options_for(logs.path("live"));
  options.count = 1000;
  const std::string text = follow(options, 190);
  writer.join();
  std::string expected;
  for (int i = 0; i <= 200; ++i) expected += std::to_string(i + 1) + "\t" + std::to_string(i) + "\n";
  CHECK(expected.starts_with(text));
  CHECK(std::count(text.begin(), text.end(), '\n') >= 190);
}

TEST_CASE("tail -f --all shows what is merely written, and its cursor holds what was shown") {
  const Logs logs;
  auto wal = rewal::Wal<>::open(logs.path("live")).build().value();
  CHECK(wal.append("one"));
  CHECK(wal.flush());
  auto options = options_for(logs.path("live"));
  options.all = true;
  options.cursor_file = logs.path("cursor");
  std::thread writer([&] {
    static_cast<void>(wal.append("two"));
    static_cast<void>(wal.flush());
  });
  CHECK(follow(options, 2) == "1\tone\n2\ttwo\n");
  writer.join();
  CHECK(rewal::Cursor::open(logs.path("cursor")).value().lsn() == 2);
}

TEST_CASE("tail -f begins with the last events and goes on behind them") {
  const Logs logs;
  CHECK(run({"import", logs.path("log")}, "1\n2\n3\n4\n").code == 0);
  auto options = options_for(logs.path("log"));
  options.all = true;
  auto wal = rewal::Wal<>::open(logs.path("log")).build().value();
  std::thread writer([&] {
    static_cast<void>(wal.append("5"));
    static_cast<void>(wal.flush());
  });
  options.count = 2;
  const std::string text = follow(options, 2);
  writer.join();
  CHECK((text == "3\t3\n4\t4\n" || text == "3\t3\n4\t4\n5\t5\n" || text == "4\t4\n5\t5\n"));
}

TEST_CASE("tail -f shows everything of a log that was closed, before it began or while it follows") {
  const Logs logs;
  CHECK(run({"import", logs.path("log")}, "1\n2\n").code == 0);
  CHECK(follow(options_for(logs.path("log")), 2) == "1\t1\n2\t2\n");
  auto wal = rewal::Wal<>::open(logs.path("log")).build().value();
  CHECK(wal.append_durable("3"));
  std::thread closer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(wal.shutdown());
  });
  CHECK(follow(options_for(logs.path("log")), 3) == "1\t1\n2\t2\n3\t3\n");
  closer.join();
}

TEST_CASE("tail -f of a log that is removed ends and says so") {
  const Logs logs;
  int code = 0;
  auto options = options_for(logs.path("clean"));
  options.all = true;
  std::thread remover([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::filesystem::remove(logs.path("clean"));
  });
  static_cast<void>(follow(options, 99, &code));
  remover.join();
  CHECK(code == 3);
}

TEST_CASE("a live log is never called damaged", "[figures]") {
  rewal_torture::Row row("G30", "walctl beside a writer", "runs");
  const Logs logs;
  auto wal = rewal::Wal<>::open(logs.path("live")).build().value();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t i = 0; !done; ++i) {
      static_cast<void>(wal.append_durable(std::string(i * 37 % 500, 'x')));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // or the log grows faster than it can be dumped
    }
  });
  for (int i = 0; i < 10; ++i) {
    for (const char* command : {"verify", "info", "dump"}) {
      ++row.count;
      const Ran ran = run({command, "--json", logs.path("live")});
      CHECK(ran.code == 0);
      CHECK_NOTHROW(json_lines(ran.out));
    }
  }
  done = true;
  writer.join();
}
