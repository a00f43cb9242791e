// SPDX-License-Identifier: MIT
//
// G8: a disk that is really full, and a limit on file sizes: both are told, and nothing acknowledged is lost.

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <support/temp_dir.hpp>
#include <torture/real_file_judge.hpp>
#include <torture/report.hpp>

#include <rewal/wal.hpp>

namespace {

using namespace rewal_torture;
using rewal_test::TempDir;

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
