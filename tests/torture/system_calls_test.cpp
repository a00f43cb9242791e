// SPDX-License-Identifier: MIT
//
// The real file: the order of system calls, each of them failing or short in turn, and a disk that is really full.

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <support/temp_dir.hpp>
#include <torture/oracle.hpp>
#include <torture/report.hpp>
#include <torture/shim.hpp>
#include <vector>

#include <rewal/wal.hpp>

namespace {

using namespace rewal_torture;
using rewal::SyncMode;
using rewal_test::TempDir;

std::string names_of(const std::vector<shim::Call>& calls) {
  std::string text;
  for (const auto& call : calls) text += (text.empty() ? "" : ", ") + call.name;
  return text;
}

Image payload_of(std::uint64_t lsn) {
  Random random(lsn);
  Image bytes(static_cast<std::size_t>(20 + lsn % 5 * 200));
  for (auto& b : bytes) b = static_cast<std::byte>(random.next());
  return bytes;
}

Image content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

/// What is wrong with a file in which events up to `acknowledged` were made durable, and then with opening it.
std::string judge_file(const std::string& path, std::uint64_t acknowledged, std::uint64_t appended) {
  const auto decoded = decode_file(content_of(path));
  const auto check = [&](std::uint64_t count, auto payload) -> std::string {
    if (count < acknowledged) return "acknowledged events are unreadable";
    if (count > appended) return "there are events that were never appended";
    for (std::uint64_t lsn = 1; lsn <= count; ++lsn) {
      if (payload(lsn) != payload_of(lsn)) return "LSN " + std::to_string(lsn) + " is another event";
    }
    return {};
  };
  if (auto wrong = check(decoded.events.size(), [&](std::uint64_t lsn) { return decoded.events[lsn - 1].payload; });
      !wrong.empty()) {
    return "on disk: " + wrong;
  }
  auto log = rewal::Wal<>::open(path).build();
  if (!log) return "refused: " + log.error().message();
  std::vector<Image> events;
  const auto read = log->replay(
      0, [&](const rewal::BorrowedEvent& event) { events.emplace_back(event.payload.begin(), event.payload.end()); });
  if (!read) return "unreadable: " + read.error().message();
  if (events.size() != decoded.events.size()) return "the log reads other events than the oracle";
  if (auto wrong = check(events.size(), [&](std::uint64_t lsn) { return events[lsn - 1]; }); !wrong.empty())
    return wrong;
  if (!log->append_durable("more") || !log->shutdown()) return "going on failed";
  return {};
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

/// A small file system of its own, where the system lets us mount one.
class SmallDisk {
 public:
  explicit SmallDisk(std::uint64_t bytes) {
    const std::string size = "size=" + std::to_string(bytes);
    mounted_ = ::mount("none", dir_.path().c_str(), "tmpfs", 0, size.c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(dir_.path().c_str());
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::string file(const char* name) const { return dir_.file(name); }

 private:
  TempDir dir_;
  bool mounted_ = false;
};

/// Appends until nothing more fits, then makes room and opens again.
std::string fill_up(const std::string& path, std::uint64_t preallocate, int expected_errno, std::uint64_t& acknowledged,
                    std::uint64_t& appended) {
  auto opened = rewal::Wal<>::open(path).preallocate(preallocate).build();
  if (!opened) return "build failed: " + opened.error().message();
  rewal::Wal<> log = std::move(*opened);
  std::optional<rewal::Error> error;
  for (int i = 0; i < 100'000 && !error; ++i) {
    const auto lsn = log.append_durable(payload_of(appended + 1));
    ++appended;
    if (lsn) {
      acknowledged = *lsn;
    } else {
      error = lsn.error();
    }
  }
  if (!error) return "the disk never filled up";
  if (error->system().value() != expected_errno) return "another errno: " + error->message();
  if (log.append("x") || log.flush() || log.sync() || log.wait_durable(acknowledged + 1))
    return "a call succeeded after ENOSPC";
  if (log.durable_lsn() != acknowledged) return "durable_lsn moved";
  const auto read = log.replay(0, [](const rewal::BorrowedEvent&) {});
  if (!read || *read < acknowledged) return "reading failed on a full disk";
  const auto ended = log.shutdown();
  if (ended || ended.error().system() != error->system()) return "shutdown hid the error";
  return {};
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

TEST_CASE("a disk that is really full is told, and everything acknowledged is readable") {
  Row row("G8", "full disks (tmpfs)", "runs");
  std::uint64_t events = 0;
  for (const std::uint64_t size : {16u, 20u, 64u, 256u}) {
    for (const std::uint64_t preallocate : {0u, 4096u, 65536u, 4u << 20}) {
      const SmallDisk disk(size * 1024);
      if (!disk.mounted()) SKIP("mounting a tmpfs is not allowed here");
      // Something that can be taken away to make room.
      std::ofstream(disk.file("ballast")) << std::string(8192, 'b');
      std::uint64_t acknowledged = 0;
      std::uint64_t appended = 0;
      auto wrong = fill_up(disk.file("log"), preallocate, ENOSPC, acknowledged, appended);
      ::unlink(disk.file("ballast").c_str());
      if (wrong.empty()) wrong = judge_file(disk.file("log"), acknowledged, appended);
      ++row.count;
      events += acknowledged;
      if (!wrong.empty()) ++row.violations;
      CHECK(wrong == "");
    }
  }
  row.note("acknowledged", events);
}

TEST_CASE("a file size limit is told, and everything acknowledged is readable") {
  Row row("G8", "file size limits", "runs");
  for (const ::rlim_t limit : {::rlim_t{1000}, ::rlim_t{4096}, ::rlim_t{10'001}, ::rlim_t{100'000}}) {
    const TempDir dir;
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      const ::rlimit set{limit, limit};
      std::uint64_t counts[3] = {};
      if (::setrlimit(RLIMIT_FSIZE, &set) != 0) ::_exit(2);
      counts[2] = fill_up(dir.file("log"), 65536, EFBIG, counts[0], counts[1]).empty() ? 1 : 0;
      ::_exit(::write(pipe_ends[1], counts, sizeof counts) == sizeof counts ? 0 : 3);
    }
    ::close(pipe_ends[1]);
    std::uint64_t counts[3] = {};
    const bool told = ::read(pipe_ends[0], counts, sizeof counts) == sizeof counts;
    ::close(pipe_ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    ++row.count;
    const auto wrong = judge_file(dir.file("log"), counts[0], counts[1]);
    if (!told || counts[2] != 1 || !wrong.empty()) ++row.violations;
    CHECK(told);
    CHECK(counts[2] == 1);
    CHECK(wrong == "");
  }
}
