// SPDX-License-Identifier: MIT
//
// FileStorage on a real file: its lock, its two ends, and the paths it refuses.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <system_error>
#include <utility>

#if REWAL_POSIX
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>
#endif
#if REWAL_LINUX
#include <sched.h>
#include <sys/mount.h>
#endif

namespace {

using rewal::BytesArg;
using rewal::Errc;
using rewal::FileStorage;
using rewal_test::TempDir;

struct Home {
  TempDir dir;
  std::string path = dir.file("log.wal");

  FileStorage open() const { return FileStorage::open(path).value(); }
  std::uintmax_t physical_size() const { return std::filesystem::file_size(path); }
};

void put(FileStorage& storage, std::string_view text) { REQUIRE(storage.write(BytesArg(text).bytes()) == text.size()); }

#if REWAL_POSIX
/// Runs `body` in a forked child, where a failed expectation ends it; returns how it ended.
template <class Body>
int in_child(Body body) {
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
constexpr int cannot = 77;

#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                                     \
    }                                                                               \
  } while (false)
#endif

}  // namespace

TEST_CASE("a second open of the same file is refused until the first is closed") {
  Home home;
  auto first = home.open();
  const auto second = FileStorage::open(home.path);
  REQUIRE_FALSE(second);
  CHECK(second.error() == Errc::file_locked);
  CHECK(second.error().system());
  CHECK(first.close());
  CHECK(FileStorage::open(home.path));
}

TEST_CASE("another name of the same file meets the same lock") {
  Home home;
  auto first = home.open();
  std::error_code linked;
  std::filesystem::create_hard_link(home.path, home.dir / "other.wal", linked);
  if (linked) SKIP("no hard links here");
  CHECK(FileStorage::open(home.dir / "other.wal").error() == Errc::file_locked);
}

TEST_CASE("dropping a storage releases its lock") {
  Home home;
  { auto dropped = home.open(); }
  CHECK(FileStorage::open(home.path));
}

TEST_CASE("assigning over a storage releases its lock") {
  Home home;
  auto storage = home.open();
  storage = FileStorage::open(home.dir / "other.wal").value();
  CHECK(FileStorage::open(home.path));
}

TEST_CASE("a storage that was moved from counts as closed") {
  Home home;
  auto storage = home.open();
  auto moved = std::move(storage);
  CHECK(storage.size().error() == Errc::closed);
  CHECK(storage.write(BytesArg("x").bytes()).error() == Errc::closed);
  CHECK(storage.close());
}

TEST_CASE("preallocated space is invisible in size and reads, and close cuts it") {
  Home home;
  auto storage = home.open();
  put(storage, "abc");
  if (!storage.preallocate(1 << 20)) SKIP("no preallocation here");
  CHECK(home.physical_size() == 1 << 20);
  CHECK(storage.size() == std::uint64_t{3});
  char text[8];
  CHECK(storage.read_at(std::as_writable_bytes(std::span(text)), 0) == std::size_t{3});
  CHECK(storage.read_at(std::as_writable_bytes(std::span(text)), 3) == std::size_t{0});
  put(storage, "def");
  CHECK(home.physical_size() == 1 << 20);
  CHECK(storage.close());
  CHECK(home.dir.read("log.wal") == "abcdef");
}

TEST_CASE("preallocating less than there is changes nothing") {
  Home home;
  auto storage = home.open();
  put(storage, "abcdef");
  CHECK(storage.preallocate(3));
  CHECK(storage.preallocate(0));
  CHECK(home.physical_size() == 6);
}

TEST_CASE("an impossible preallocation fails, and the file still grows") {
  Home home;
  auto storage = home.open();
  CHECK_FALSE(storage.preallocate(UINT64_MAX));
  CHECK_FALSE(storage.preallocate(std::uint64_t{1} << 62));
  put(storage, "abc");
  CHECK(storage.close());
  CHECK(home.dir.read("log.wal") == "abc");
}

TEST_CASE("truncating cuts preallocated space too") {
  Home home;
  auto storage = home.open();
  put(storage, "abcdef");
  if (!storage.preallocate(4096)) SKIP("no preallocation here");
  CHECK(storage.truncate(4));
  CHECK(home.dir.read("log.wal") == "abcd");
  CHECK(storage.preallocate(4096));
  CHECK(storage.truncate(6));
  CHECK(home.dir.read("log.wal") == std::string_view("abcd\0\0", 6));
}

TEST_CASE("zeros that a crash left behind the end count as content when the file is opened") {
  Home home;
  std::string content = "abc";
  home.dir.write("log.wal", content.append(100, '\0'));
  auto storage = home.open();
  CHECK(storage.size() == std::uint64_t{103});
}

TEST_CASE("a storage dropped without close leaves the file as it is") {
  Home home;
  {
    auto storage = home.open();
    put(storage, "abc");
    if (!storage.preallocate(4096)) SKIP("no preallocation here");
  }
  CHECK(home.physical_size() == 4096);
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
  Home home;
  const auto mask = ::umask(022);
  auto storage = home.open();
  ::umask(mask);
  struct ::stat status {};
  REQUIRE(::stat(home.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
}

TEST_CASE("a file made through a symbolic link is opened where it is") {
  Home home;
  std::filesystem::create_directory(home.dir / "elsewhere");
  std::filesystem::create_symlink(home.dir / "elsewhere" / "real.wal", home.path);
  auto storage = home.open();
  put(storage, "abc");
  CHECK(home.dir.read("elsewhere/real.wal") == "abc");
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

TEST_CASE("another process meets the lock, and gets it when this one closes") {
  Home home;
  auto storage = home.open();
  const auto locked = [&] {
    const auto other = FileStorage::open(home.path);
    EXPECT(!other && other.error() == Errc::file_locked);
    return 0;
  };
  CHECK(in_child(locked) == 0);
  CHECK(storage.close());
  CHECK(in_child([&] { return FileStorage::open(home.path) ? 0 : 1; }) == 0);
}

TEST_CASE("a forked child that closes or drops its copy neither unlocks nor cuts the file") {
  Home home;
  auto storage = home.open();
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
  CHECK(home.physical_size() == 4096);
  CHECK(FileStorage::open(home.path).error() == Errc::file_locked);
}

TEST_CASE("closing releases the lock although a forked child still has the file open") {
  Home home;
  auto storage = home.open();
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
  CHECK(FileStorage::open(home.path));
  ::close(gate[1]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
}

TEST_CASE("a process that is killed leaves no lock") {
  Home home;
  CHECK(in_child([&] {
          auto storage = FileStorage::open(home.path);
          EXPECT(storage);
          ::raise(SIGKILL);
          return 1;
        }) == 128 + SIGKILL);
  CHECK(FileStorage::open(home.path));
}

TEST_CASE("the descriptor is not inherited through exec") {
  Home home;
  auto storage = home.open();
  struct ::stat log {};
  REQUIRE(::stat(home.path.c_str(), &log) == 0);
  int found = 0;
  for (int fd = 0; fd < 1000; ++fd) {
    struct ::stat status {};
    if (::fstat(fd, &status) != 0 || status.st_ino != log.st_ino || status.st_dev != log.st_dev) continue;
    ++found;
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(found == 1);
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

TEST_CASE("at the limit on file size a write is short, then an error with its errno, and nothing is lost") {
  Home home;
  CHECK(in_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          auto storage = FileStorage::open(home.path);
          EXPECT(storage);
          const struct ::rlimit limit { 4096, 4096 };
          EXPECT(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
          const std::string text(5000, 'a');
          EXPECT(storage->write(BytesArg(text).bytes()) == std::size_t{4096});
          EXPECT(storage->size() == std::uint64_t{4096});
          const auto beyond = storage->write(BytesArg(text).bytes().subspan(4096));
          EXPECT(!beyond && beyond.error() == Errc::io && beyond.error().system() == std::errc::file_too_large);
          EXPECT(storage->size() == std::uint64_t{4096});
          EXPECT(storage->sync());
          EXPECT(storage->close());
          return 0;
        }) == 0);
  CHECK(home.dir.read("log.wal") == std::string(4096, 'a'));
}

TEST_CASE("preallocating beyond the limit on file size fails without the signal") {
  Home home;
  CHECK(in_child([&] {
          auto storage = FileStorage::open(home.path);
          EXPECT(storage);
          const struct ::rlimit limit { 8192, 8192 };
          EXPECT(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
          const auto room = storage->preallocate(1 << 20);
          EXPECT(!room && room.error().system() == std::errc::file_too_large);
          EXPECT(storage->preallocate(8192));
          EXPECT(storage->write(BytesArg("abc").bytes()) == std::size_t{3});
          EXPECT(storage->close());
          return 0;
        }) == 0);
  CHECK(home.dir.read("log.wal") == "abc");
}

#endif  // REWAL_POSIX

#if REWAL_LINUX

TEST_CASE("on a full disk a write fails with no_space_on_device and what was written stays") {
  const TempDir dir;
  const int result = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
      return cannot;
    }
    auto storage = FileStorage::open(dir / "log.wal");
    EXPECT(storage);
    const std::string text(10'000, 'a');
    EXPECT(!storage->preallocate(1 << 20));
    std::size_t written = 0;
    for (int attempt = 0;; ++attempt) {
      EXPECT(attempt < 100);
      const auto count = storage->write(BytesArg(text).bytes());
      if (!count) {
        EXPECT(count.error() == Errc::io && count.error().system() == std::errc::no_space_on_device);
        break;
      }
      EXPECT(*count > 0);
      written += *count;
    }
    EXPECT(written > 0 && storage->size() == std::uint64_t{written});
    EXPECT(!storage->preserve(0, BytesArg(text).bytes()));
    EXPECT(dir.names() == std::vector<std::string>{"log.wal"});
    EXPECT(storage->close());
    EXPECT(dir.read("log.wal") == std::string(written, 'a'));
    return 0;
  });
  if (result == cannot) SKIP("no file system can be mounted here");
  CHECK(result == 0);
}

#endif  // REWAL_LINUX
