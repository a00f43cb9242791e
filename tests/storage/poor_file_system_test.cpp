// SPDX-License-Identifier: MIT
//
// File systems that lack a call: it is done without, and nothing is replaced on the way. What a device fails at stays an
// error.

#include <rewal/platform.hpp>

#if REWAL_LINUX && !REWAL_TSAN

#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/posix_file.hpp>
#include <string>
#include <support/refused_call.hpp>
#include <support/temp_dir.hpp>
#include <vector>

namespace {

using rewal::BytesArg;
using rewal::FileStorage;
using rewal::detail::PosixFileSystem;
using rewal_test::TempDir;
using Names = std::vector<std::string>;

#if defined(SYS_link)
constexpr long link_call = SYS_link;
#else
constexpr long link_call = SYS_linkat;
#endif

template <class T>
int code_of(const rewal::Result<T>& result) {
  return result ? 0 : result.error().system().value();
}

/// What `f` returns where the system refuses these calls, each with its error.
struct Refused {
  long call;
  int error;
};
template <class F>
auto with(Refused refused, F f) {
  decltype(f()) result = rewal::Errc::invalid_state;
  if (!rewal_test::where_refused(refused.call, refused.error, [&] { result = f(); })) SKIP("calls cannot be filtered");
  return result;
}

/// Says of every file that it has no name, as some FUSE file systems do.
struct Nameless : PosixFileSystem {
  [[nodiscard]] static rewal::Result<rewal::detail::FileStatus> status(const File& file) noexcept {
    auto status = PosixFileSystem::status(file);
    if (status) status->has_name = false;
    return status;
  }
};

/// In which somebody removes the file, or renames another over it, between its opening and its lock.
template <bool replaced>
struct Meddled : PosixFileSystem {
  std::string path;
  [[nodiscard]] rewal::Result<void> lock(File& file) const {
    if (replaced) {
      std::ofstream(path + ".other") << "another";
      std::filesystem::rename(path + ".other", path);
    } else {
      std::filesystem::remove(path);
    }
    return PosixFileSystem::lock(file);
  }
};

template <bool replaced>
rewal::Error error_of_opening() {
  const TempDir dir;
  dir.write("log", "event");
  return rewal::detail::BasicFileStorage<Meddled<replaced>>::open(dir.file("log"), {{}, dir.file("log")}).error();
}

}  // namespace

TEST_CASE("a file that is removed or replaced while it is opened is not opened") {
  CHECK(error_of_opening<false>().system() == std::errc::no_such_file_or_directory);
  CHECK(error_of_opening<true>().system() == std::errc::no_such_file_or_directory);
}

TEST_CASE("a file system that says of every file that it has no name refuses no fsync, and a cut is noticed") {
  const TempDir dir;
  auto storage = rewal::detail::BasicFileStorage<Nameless>::open(dir.file("log"));
  REQUIRE(storage);
  REQUIRE(storage->write(BytesArg("event").bytes()));
  CHECK(storage->sync());
  std::filesystem::resize_file(dir.file("log"), 1);
  CHECK(storage->sync().error() == rewal::Errc::corrupted);
}

TEST_CASE("a log is created where directories cannot be fsynced, and not where their fsync fails") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  for (const int code : {EINVAL, ENOSYS, EOPNOTSUPP, EBADF, EIO, ENOSPC}) {
    const TempDir dir;
    const bool lacks = code != EIO && code != ENOSPC;
    CHECK(code_of(with({SYS_fsync, code}, [&] { return PosixFileSystem::sync_directory_of(dir.file("log.wal")); })) ==
          (lacks ? 0 : code));
  }
}

TEST_CASE("a copy gets its name where a rename always replaces") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  for (const int code : {EINVAL, ENOSYS, EPERM, EOPNOTSUPP}) {
    const TempDir dir;
    auto storage = FileStorage::open(dir.file("log.wal")).value();
    CHECK(with({SYS_renameat2, code}, [&] { return storage.preserve(3, BytesArg("abc").bytes()); }));
    CHECK(dir.names() == Names{"log.wal", "log.wal.cut-3"});
  }
}

TEST_CASE("a copy gets its name where there are no hard links either, and replaces nothing") {
  for (const int code : {EPERM, EOPNOTSUPP, ENOSYS, EMLINK}) {
    const TempDir dir;
    dir.write("from", "new");
    dir.write("to", "old");
    const auto renamed = [&](std::string name) {
      return with({link_call, code}, [&] { return PosixFileSystem::link_new(dir.file("from"), dir.file(name)); });
    };
    const auto refused = renamed("to");
    CHECK(code_of(refused) == EEXIST);
    CHECK(dir.read("to") == "old");
    CHECK(renamed("free"));
    CHECK(dir.read("free") == "new");
    CHECK(dir.names() == Names{"free", "to"});
  }
}

TEST_CASE("a rename that fails over its placeholder leaves none") {
  const TempDir dir;
  CHECK(code_of(PosixFileSystem::rename_over_own(dir.file("missing"), dir.file("to"))) == ENOENT);
  CHECK(dir.names().empty());
}

TEST_CASE("a device's error at a rename or a link is told, and nothing else is tried") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  const TempDir dir;
  dir.write("from", "new");
  const auto rename = [&] { return PosixFileSystem::rename_new(dir.file("from"), dir.file("to")); };
  CHECK(code_of(with({SYS_renameat2, EIO}, rename)) == EIO);
  const auto link = [&] { return PosixFileSystem::link_new(dir.file("from"), dir.file("to")); };
  CHECK(code_of(with({link_call, EIO}, link)) == EIO);
  CHECK(dir.names() == Names{"from"});
}

#endif  // REWAL_LINUX && !REWAL_TSAN
