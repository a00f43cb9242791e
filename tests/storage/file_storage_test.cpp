// SPDX-License-Identifier: MIT
//
// FileStorage on a real file: its two ends, and the paths it refuses.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <span>
#include <storage/log_file.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <system_error>
#include <utility>
#include <vector>

#if REWAL_POSIX
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <storage/in_child.hpp>
#endif

using namespace rewal_test;
using rewal::BytesArg;
using rewal::Errc;
using rewal::FileStorage;

TEST_CASE("a storage that was moved from counts as closed") {
  LogFile log;
  auto storage = log.open();
  auto moved = std::move(storage);
  CHECK(storage.size().error() == Errc::closed);
  CHECK(storage.write(BytesArg("x").bytes()).error() == Errc::closed);
  CHECK(storage.close());
}

TEST_CASE("preallocated space is invisible in size and reads, and close cuts it") {
  LogFile log;
  auto storage = log.open();
  put(storage, "abc");
  if (!storage.preallocate(1 << 20)) SKIP("no preallocation here");
  CHECK(log.physical_size() == 1 << 20);
  CHECK(storage.size() == std::uint64_t{3});
  char text[8];
  CHECK(storage.read_at(std::as_writable_bytes(std::span(text)), 0) == std::size_t{3});
  CHECK(storage.read_at(std::as_writable_bytes(std::span(text)), 3) == std::size_t{0});
  put(storage, "def");
  CHECK(log.physical_size() == 1 << 20);
  CHECK(storage.close());
  CHECK(log.dir.read("log.wal") == "abcdef");
}

TEST_CASE("preallocating less than there is changes nothing") {
  LogFile log;
  auto storage = log.open();
  put(storage, "abcdef");
  CHECK(storage.preallocate(3));
  CHECK(storage.preallocate(0));
  CHECK(log.physical_size() == 6);
}

TEST_CASE("an impossible preallocation fails, and the file still grows") {
  LogFile log;
  auto storage = log.open();
  CHECK_FALSE(storage.preallocate(UINT64_MAX));
  CHECK_FALSE(storage.preallocate(std::uint64_t{1} << 62));
  put(storage, "abc");
  CHECK(storage.close());
  CHECK(log.dir.read("log.wal") == "abc");
}

TEST_CASE("truncating cuts preallocated space too") {
  LogFile log;
  auto storage = log.open();
  put(storage, "abcdef");
  if (!storage.preallocate(4096)) SKIP("no preallocation here");
  CHECK(storage.truncate(4));
  CHECK(log.dir.read("log.wal") == "abcd");
  CHECK(storage.preallocate(4096));
  CHECK(storage.truncate(6));
  CHECK(log.dir.read("log.wal") == std::string_view("abcd\0\0", 6));
}

TEST_CASE("zeros that a crash left behind the end count as content when the file is opened") {
  LogFile log;
  std::string content = "abc";
  log.dir.write("log.wal", content.append(100, '\0'));
  auto storage = log.open();
  CHECK(storage.size() == std::uint64_t{103});
}

TEST_CASE("a storage dropped without close leaves the file as it is") {
  LogFile log;
  {
    auto storage = log.open();
    put(storage, "abc");
    if (!storage.preallocate(4096)) SKIP("no preallocation here");
  }
  CHECK(log.physical_size() == 4096);
}

TEST_CASE("a directory, and a path through a missing one, are refused with what the system said") {
  const TempDir dir;
  const auto as_directory = FileStorage::open(dir.path());
  REQUIRE_FALSE(as_directory);
  CHECK(as_directory.error() == Errc::io);
  CHECK(as_directory.error().system());
  const auto missing = FileStorage::open(dir / "missing" / "log.wal");
  REQUIRE_FALSE(missing);
  CHECK(missing.error() == Errc::io);
  CHECK(missing.error().system() == std::errc::no_such_file_or_directory);
  CHECK(missing.error().message().find("opening the log file failed") != std::string::npos);
  CHECK(dir.names().empty());
}

#if REWAL_POSIX

TEST_CASE("the system's own code comes through") {
  const TempDir dir;
  CHECK(FileStorage::open(dir.path()).error().system() == std::error_code(EISDIR, std::system_category()));
  const std::string endless = dir.file(std::string(300, 'x'));
  CHECK(FileStorage::open(endless).error().system() == std::errc::filename_too_long);
}

TEST_CASE("what is no regular file is refused, without waiting for it") {
  const TempDir dir;
  REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
  const auto fifo = FileStorage::open(dir / "fifo");
  REQUIRE_FALSE(fifo);
  CHECK(fifo.error().system() == std::errc::invalid_argument);
  CHECK(fifo.error().message().find("regular file") != std::string::npos);  // not for what an fsync says of it
  const auto device = FileStorage::open("/dev/null");
  CHECK(device.error().system() == std::errc::invalid_argument);
  CHECK(device.error().message().find("regular file") != std::string::npos);
}

TEST_CASE("a new file is readable by all and writable by its owner, as far as the umask allows") {
  LogFile log;
  const auto mask = ::umask(022);
  auto storage = log.open();
  ::umask(mask);
  struct ::stat status {};
  REQUIRE(::stat(log.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
}

TEST_CASE("a file made through a symbolic link is opened where it is") {
  LogFile log;
  std::filesystem::create_directory(log.dir / "elsewhere");
  std::filesystem::create_symlink(log.dir / "elsewhere" / "real.wal", log.path);
  auto storage = log.open();
  put(storage, "abc");
  CHECK(log.dir.read("elsewhere/real.wal") == "abc");
}

TEST_CASE("a relative path without a directory is one in the working directory") {
  const TempDir dir;
  CHECK(in_child([&] {
          EXPECT(::chdir(dir.path().c_str()) == 0);
          auto storage = FileStorage::open("log.wal");
          EXPECT(storage);
          EXPECT(storage->preserve(0, BytesArg("x").bytes()) == std::string("log.wal.cut-0"));
          return 0;
        }) == 0);
  CHECK(dir.names() == std::vector<std::string>{"log.wal", "log.wal.cut-0"});
}

TEST_CASE("a directory that may not be written and a file that may not be read are refused") {
  const TempDir dir;
  dir.write("readonly.wal", "abc");
  std::filesystem::create_directory(dir / "closed");
  REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(dir.file("closed").c_str(), 0555) == 0);
  REQUIRE(::chmod(dir.file("readonly.wal").c_str(), 0444) == 0);
  const int result = in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return cannot;
    EXPECT(FileStorage::open(dir / "closed" / "log.wal").error().system() == std::errc::permission_denied);
    EXPECT(FileStorage::open(dir / "readonly.wal").error().system() == std::errc::permission_denied);
    return 0;
  });
  if (result == cannot) SKIP("root here, and cannot become anyone else");
  CHECK(result == 0);
  CHECK(dir.read("readonly.wal") == "abc");
}

#endif  // REWAL_POSIX
