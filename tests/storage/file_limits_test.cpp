// SPDX-License-Identifier: MIT
//
// A FileStorage that gets no more room: a limit on file sizes, and a disk that is full.

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdint>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <storage/in_child.hpp>
#include <storage/log_file.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>
#include <vector>

#if REWAL_LINUX
#include <sched.h>
#include <sys/mount.h>
#endif

using namespace rewal_test;
using rewal::BytesArg;
using rewal::Errc;
using rewal::FileStorage;

TEST_CASE("at the limit on file size a write is short, then an error with its errno, and nothing is lost") {
  LogFile log;
  CHECK(in_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          auto storage = FileStorage::open(log.path);
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
  CHECK(log.dir.read("log.wal") == std::string(4096, 'a'));
}

TEST_CASE("preallocating beyond the limit on file size fails without the signal") {
  LogFile log;
  CHECK(in_child([&] {
          auto storage = FileStorage::open(log.path);
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
  CHECK(log.dir.read("log.wal") == "abc");
}

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

#endif  // REWAL_POSIX
