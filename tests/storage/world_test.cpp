// SPDX-License-Identifier: MIT
//
// What surrounds a log: descriptors, limits, full disks, long names, permissions, and holes in files.

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
#include <storage/in_child.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>

using namespace rewal_test;

namespace {

/// Under qemu a forked child may start none.
bool child_starts_threads() {
  return in_child([] {
           std::thread([] {}).join();
           return 0;
         }) == 0;
}

mode_t permissions(const std::string& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777u : 0;
}

}  // namespace

TEST_CASE("no file of a log has the descriptor of standard input, output or error") {
  if (REWAL_TSAN) SKIP("ThreadSanitizer starts no thread in a child of many");
  if (!child_starts_threads()) SKIP("a forked child starts no threads here");
  const TempDir dir;
  CHECK(in_child([&] {
          for (int descriptor = 0; descriptor < 3; ++descriptor) ::close(descriptor);
          auto wal = Wal<>::open(dir.file("log")).build();
          if (!wal || !wal->append_durable("event")) return 1;
          for (int descriptor = 0; descriptor < 3; ++descriptor) {
            if (::fcntl(descriptor, F_GETFD) != -1) return 2;
          }
          const auto reader = Reader<>::open(dir.file("log")).build();
          if (!reader || !reader->copy_to(dir.file("copy"))) return 3;
          for (int descriptor = 0; descriptor < 3; ++descriptor) {
            if (::fcntl(descriptor, F_GETFD) != -1) return 4;
          }
          return wal->shutdown() ? 0 : 5;
        }) == 0);
  CHECK(must(Wal<>::open(dir.file("log")).build()).last_lsn() == 1);
}

TEST_CASE("a limit on file sizes is an error, and no death") {
  if (REWAL_TSAN) SKIP("ThreadSanitizer starts no thread in a child of many");
  if (!child_starts_threads()) SKIP("a forked child starts no threads here");
  const TempDir dir;
  CHECK(in_child([&] {
          auto wal = Wal<>::open(dir.file("log")).preallocate(0).build();
          if (!wal || !wal->append_durable(std::string(3000, 'x'))) return 1;
          struct ::rlimit limit {
            4096, 4096
          };
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
          const auto lsn = wal->append_durable(std::string(3000, 'x'));
          if (lsn || lsn.error().system() != std::errc::file_too_large) return 3;
          return wal->error() ? 0 : 4;
        }) == 0);
  CHECK(must(Wal<>::open(dir.file("log")).build()).last_lsn() == 1);
}

TEST_CASE("a reservation that fails gives back what it got") {
  if (::geteuid() != 0) SKIP("a disk of its own needs root");
  const TempDir dir;
  const auto disk = dir.file("disk");
  std::filesystem::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16m") != 0) SKIP("no disk can be mounted here");
  {
    auto wal = must(Wal<>::open(disk + "/log").preallocate(std::uint64_t{1} << 30).build());
    must(wal.append_durable("event"));
    struct ::statvfs room {};
    REQUIRE(::statvfs(disk.c_str(), &room) == 0);
    CHECK(room.f_bavail * room.f_frsize > 8u * 1024 * 1024);
    must(wal.append_durable("event"));
    must(wal.shutdown());
  }
  ::umount(disk.c_str());
}

TEST_CASE("a saved copy of a log with the longest name has a shorter one") {
  const TempDir dir;
  const std::string name(250, 'n');
  const auto image = Log().event("one").text("torn").event("behind", "", 0).image;
  dir.write(name, as_text(image));
  const auto wal = must(Wal<>::open(dir.file(name)).build());
  const auto saved = wal.recovery().saved_copy;
  REQUIRE_FALSE(saved.empty());
  CHECK(std::filesystem::path(saved).filename().string().size() <= 255);
  CHECK(std::filesystem::path(saved).filename().string().find(".cut-37") != std::string::npos);
  CHECK(std::filesystem::file_size(saved) == image.size() - 37);
}

TEST_CASE("names of the longest kind that differ at their end have saved copies of different names") {
  const TempDir dir;
  const auto image = Log().event("one").event("two").image;
  for (const char last : {'a', 'b'}) {
    const std::string name = std::string(249, 'n') + last;
    dir.write(name, as_text(image).substr(0, 50));
    dir.write(name, std::string(as_text(image).substr(0, 37)) + "torn" + std::string(as_text(image).substr(37)));
    CHECK(must(Wal<>::open(dir.file(name)).build()).last_lsn() == 1);
  }
  CHECK(dir.names().size() == 4);
}

TEST_CASE("files that a log creates have the permissions that it was told, under the umask") {
  const TempDir dir;
  const mode_t mask = ::umask(022);
  auto wal = must(Wal<>::open(dir.file("log")).file_mode(0660).build());
  must(wal.append_durable("event"));
  must(wal.copy_to(dir.file("copy")));
  CHECK(Wal<>::open(dir.file("default")).build());
  ::umask(mask);
  CHECK(permissions(dir.file("log")) == 0640);
  CHECK(permissions(dir.file("copy")) == 0640);
  CHECK(permissions(dir.file("default")) == 0644);
}

TEST_CASE("a hole of gigabytes behind the last frame is not read") {
  const TempDir dir;
  dir.write("log", as_text(Log().event("one").event("two").image));
  std::filesystem::resize_file(dir.file("log"), std::uint64_t{5} << 30);
  struct ::rusage before {};
  ::getrusage(RUSAGE_SELF, &before);
  const auto reader = must(Reader<>::open(dir.file("log")).build());
  const auto seen = must(reader.examine());
  CHECK(seen.verdict == Verdict::clean);
  CHECK(seen.zero_bytes == (std::uint64_t{5} << 30) - 74);
  auto wal = must(Wal<>::open(dir.file("log")).build());
  CHECK(wal.last_lsn() == 2);
  struct ::rusage after {};
  ::getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 256 * 1024);  // KiB on Linux
}

#endif
