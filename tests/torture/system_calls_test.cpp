// SPDX-License-Identifier: MIT
//
// The real file: the order of system calls, and each of them failing or short in turn.

#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <support/temp_dir.hpp>
#include <torture/real_file_judge.hpp>
#include <torture/report.hpp>
#include <torture/shim.hpp>
#include <vector>

#include <rewal/wal.hpp>

namespace {

using namespace rewal_torture;
using rewal_test::TempDir;

std::string names_of(const std::vector<shim::Call>& calls) {
  std::string text;
  for (const auto& call : calls) text += (text.empty() ? "" : ", ") + call.name;
  return text;
}

struct FileRun {
  std::uint64_t acknowledged = 0;
  std::uint64_t appended = 0;
  std::optional<rewal::Error> error;
  std::string wrong;
};

/// A dozen appends, flushes and syncs on a real file, then a shutdown; every later call must tell the first error.
FileRun use_file(const std::string& path, std::uint64_t preallocate) {
  FileRun run;
  auto opened = rewal::Wal<>::open(path).preallocate(preallocate).build();
  if (!opened) {
    run.error = opened.error();
    return run;
  }
  rewal::Wal<> log = std::move(*opened);
  const auto told = [&](const auto& result) {
    if (result) {
      if (run.error && run.wrong.empty()) run.wrong = "a call succeeded after an error";
      return true;
    }
    if (!run.error) {
      run.error = result.error();
    } else if (result.error().system() != run.error->system() && run.wrong.empty()) {
      run.wrong = "another error than the first";
    }
    return false;
  };
  for (int i = 0; i < 12; ++i) {
    const Image payload = payload_of(run.appended + 1);
    const bool had_failed = run.error.has_value();
    const bool durable = i % 3 == 1;
    const auto lsn = durable ? log.append_durable(payload) : log.append(payload);
    const bool done = told(lsn);
    if (done || (durable && !had_failed)) ++run.appended;
    if (done && durable) run.acknowledged = *lsn;
    if (i % 3 == 2) told(log.flush());
    if (i % 4 == 3) {
      const auto written = log.last_lsn();
      if (told(log.sync())) run.acknowledged = (std::max)(run.acknowledged, written);
    }
    const auto read = log.replay(0, [](const rewal::BorrowedEvent&) {});
    if (!read || *read < run.acknowledged) run.wrong = "reading failed";
  }
  const auto durable = log.durable_lsn();
  if (durable > run.appended) run.wrong = "durable_lsn is beyond the appends";
  if (told(log.shutdown())) run.acknowledged = run.appended;
  told(log.shutdown());
  if (run.error && log.durable_lsn() != durable) run.wrong = "durable_lsn moved after an error";
  return run;
}

}  // namespace

TEST_CASE("system calls: file, then directory are fsynced before the first acknowledgement") {
  Row row("G19", "order of system calls", "sequences");
  const TempDir dir;
  shim::watch(dir.path().string());
  auto log = rewal::Wal<>::open(dir.file("log")).preallocate(0).build();
  REQUIRE(log);
  CHECK(names_of(shim::calls()) == "open, open, lock, fsync, open, fsync directory, close directory, fdatasync");
  CHECK(log->append_durable("acknowledged"));
  CHECK(names_of(shim::calls()) ==
        "open, open, lock, fsync, open, fsync directory, close directory, fdatasync, write, fdatasync");
  CHECK(log->shutdown());
  shim::unwatch();
  ++row.count;
}

TEST_CASE("system calls: a shutdown writes, fsyncs, cuts, unlocks, closes, and nothing follows") {
  Row row("G17", "order of system calls", "sequences");
  for (const bool asks : {true, false}) {
    const TempDir dir;
    std::size_t before = 0;
    shim::watch(dir.path().string());
    {
      auto log = rewal::Wal<>::open(dir.file("log")).preallocate(1 << 16).build();
      REQUIRE(log);
      CHECK(log->append_durable("one"));
      before = shim::calls().size();
      CHECK(log->append("two"));
      if (asks) CHECK(log->shutdown());
      // Closed and unlocked already, while the object still lives.
      if (asks) CHECK(rewal::Wal<>::open(dir.file("log")).preallocate(0).build());
    }
    ::usleep(3000);
    const auto calls = shim::calls();
    shim::unwatch();
    const std::string tail = names_of({calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end()});
    const std::string wanted = "write, fdatasync, ftruncate, unlock, close";
    const std::string reopened = asks ? ", open, lock, fdatasync, unlock, close" : "";
    ++row.count;
    if (tail != wanted + reopened) ++row.violations;
    CHECK(tail == wanted + reopened);
  }
}

TEST_CASE("system calls: a cut is fsynced before anything else, the copy before the cut") {
  Row row("G19", "order of system calls of a cut", "sequences");
  const TempDir dir;
  {
    auto log = rewal::Wal<>::open(dir.file("log")).build();
    for (int i = 0; i < 3; ++i) CHECK(log->append("some payload"));
    CHECK(log->shutdown());
  }
  std::string content = dir.read("log");
  content[content.size() / 3 + 30] = '?';
  dir.write("log", content);
  shim::watch(dir.path().string());
  auto log = rewal::Wal<>::open(dir.file("log")).preallocate(0).build();
  REQUIRE(log);
  const std::string order = names_of(shim::calls());
  shim::unwatch();
  ++row.count;
  const auto copy = order.find("write, fsync, close, open, fsync directory, close directory, ftruncate, fdatasync");
  if (copy == std::string::npos) ++row.violations;
  INFO(order);
  CHECK(copy != std::string::npos);
  CHECK(log->recovery().saved_copy == dir.file("log") + ".cut-" + std::to_string(content.size() / 3));
}

TEST_CASE("system calls: the k-th of each kind fails, and nothing acknowledged is lost") {
  Row row("G7", "k-th system call fails or is short, real file", "runs");
  std::uint64_t failures = 0;
  std::uint64_t clean = 0;
  std::string first;
  for (const std::string name : {"write", "fdatasync", "fsync", "fsync directory", "ftruncate", "fallocate"}) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EINTR, 0}) {
      if (error == 0 && name != "write") continue;
      for (const bool for_ever : {false, true}) {
        const std::vector<std::uint64_t> lengths =
            error != 0 ? std::vector<std::uint64_t>{0} : std::vector<std::uint64_t>{0, 1, 7, 100, 511, 512, 513};
        for (const std::uint64_t takes : lengths) {
          for (std::uint64_t k = 1;; ++k) {
            const TempDir dir;
            shim::watch(dir.path().string());
            shim::fail(name, k, error, takes, for_ever);
            const FileRun run = use_file(dir.file("log"), 4096);
            const bool struck = shim::stop_failing();
            shim::unwatch();
            ++row.count;
            run.error ? ++failures : ++clean;
            std::string wrong = run.wrong;
            const bool harmless = name == "fallocate" || (name == "write" && !for_ever && error == EINTR) ||
                                  (error == 0 && takes > 0) || (name == "ftruncate" && error == EINTR && !for_ever);
            if (wrong.empty() && run.error.has_value() != (struck && !harmless)) {
              wrong = run.error ? "failed: " + run.error->message() : "nobody was told";
            }
            if (wrong.empty() && run.error && error != 0 && run.error->system().value() != error)
              wrong = "another errno";
            if (wrong.empty()) wrong = judge_file(dir.file("log"), run.acknowledged, run.appended);
            if (!wrong.empty() && row.violations++ == 0) {
              first = wrong + ": " + name + " " + std::to_string(k) + ", errno " + std::to_string(error) + ", takes " +
                      std::to_string(takes) + (for_ever ? ", for ever" : "");
            }
            if (!struck || (name == "ftruncate" && error == EINTR && for_ever)) break;
            REQUIRE(k < 200);
          }
          if (name == "ftruncate" && error == EINTR) break;
        }
        if (name == "ftruncate" && error == EINTR) break;  // repeated until it succeeds: "for ever" would be that
      }
    }
  }
  row.note("failures", failures);
  row.note("clean_runs", clean);
  CHECK(first == "");
  CHECK(failures > 0);
  CHECK(clean > 0);
}
