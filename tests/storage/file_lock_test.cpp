// SPDX-License-Identifier: MIT
//
// The lock of a FileStorage: one open log a file, for as long as the storage lives, across forks, exec and kills.

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <storage/log_file.hpp>
#include <string>
#include <system_error>
#include <utility>

#if REWAL_POSIX
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <storage/in_child.hpp>
#endif

using namespace rewal_test;
using rewal::Errc;
using rewal::FileStorage;

TEST_CASE("a second open of the same file is refused until the first is closed") {
  LogFile log;
  auto first = log.open();
  const auto second = FileStorage::open(log.path);
  REQUIRE_FALSE(second);
  CHECK(second.error() == Errc::file_locked);
  CHECK(second.error().system());
  CHECK(first.close());
  CHECK(FileStorage::open(log.path));
}

TEST_CASE("another name of the same file meets the same lock") {
  LogFile log;
  auto first = log.open();
  std::error_code linked;
  std::filesystem::create_hard_link(log.path, log.dir / "other.wal", linked);
  if (linked) SKIP("no hard links here");
  CHECK(FileStorage::open(log.dir / "other.wal").error() == Errc::file_locked);
}

TEST_CASE("dropping a storage releases its lock") {
  LogFile log;
  { auto dropped = log.open(); }
  CHECK(FileStorage::open(log.path));
}

TEST_CASE("assigning over a storage releases its lock") {
  LogFile log;
  auto storage = log.open();
  storage = FileStorage::open(log.dir / "other.wal").value();
  CHECK(FileStorage::open(log.path));
}

#if REWAL_POSIX

TEST_CASE("another process meets the lock, and gets it when this one closes") {
  LogFile log;
  auto storage = log.open();
  const auto locked = [&] {
    const auto other = FileStorage::open(log.path);
    EXPECT(!other && other.error() == Errc::file_locked);
    return 0;
  };
  CHECK(in_child(locked) == 0);
  CHECK(storage.close());
  CHECK(in_child([&] { return FileStorage::open(log.path) ? 0 : 1; }) == 0);
}

TEST_CASE("a forked child that closes or drops its copy neither unlocks nor cuts the file") {
  LogFile log;
  auto storage = log.open();
  put(storage, "abc");
  REQUIRE(storage.preallocate(4096));
  CHECK(in_child([&] {
          EXPECT(storage.close());
          return 0;
        }) == 0);
  CHECK(in_child([&] {
          { auto dropped = std::move(storage); }
          return 0;
        }) == 0);
  CHECK(log.physical_size() == 4096);
  CHECK(FileStorage::open(log.path).error() == Errc::file_locked);
}

TEST_CASE("closing releases the lock although a forked child still has the file open") {
  LogFile log;
  auto storage = log.open();
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(gate[1]);
    char nothing;
    ::_exit(::read(gate[0], &nothing, 1) == 0 ? 0 : 1);
  }
  ::close(gate[0]);
  CHECK(storage.close());
  CHECK(FileStorage::open(log.path));
  ::close(gate[1]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
}

TEST_CASE("a process that is killed leaves no lock") {
  LogFile log;
  CHECK(in_child([&] {
          auto storage = FileStorage::open(log.path);
          EXPECT(storage);
          ::raise(SIGKILL);
          return 1;
        }) == 128 + SIGKILL);
  CHECK(FileStorage::open(log.path));
}

TEST_CASE("the descriptor is not inherited through exec") {
  LogFile log;
  auto storage = log.open();
  struct ::stat opened {};
  REQUIRE(::stat(log.path.c_str(), &opened) == 0);
  int found = 0;
  for (int fd = 0; fd < 1000; ++fd) {
    struct ::stat status {};
    if (::fstat(fd, &status) != 0 || status.st_ino != opened.st_ino || status.st_dev != opened.st_dev) continue;
    ++found;
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(found == 1);
}

#endif  // REWAL_POSIX
