// SPDX-License-Identifier: MIT
//
// The POSIX calls by themselves: each tells the system's own error, and no way of renaming replaces a file.

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
#include <rewal/bytes.hpp>
#include <rewal/storage/posix_file.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>

namespace {

using rewal::detail::PosixFile;
using rewal::detail::PosixFileSystem;
using rewal_test::TempDir;

template <class T>
int code_of(const rewal::Result<T>& result) {
  return result ? 0 : result.error().system().value();
}

}  // namespace

TEST_CASE("every call on a file that is not open tells the system's error") {
  PosixFile none;
  std::array<std::byte, 1> byte{};
  CHECK(code_of(PosixFileSystem::size(none)) == EBADF);
  CHECK(code_of(PosixFileSystem::read_at(none, byte, 0)) == EBADF);
  CHECK(code_of(PosixFileSystem::write_at(none, byte, 0)) == EBADF);
  CHECK(code_of(PosixFileSystem::truncate(none, 0)) != 0);
  CHECK(code_of(PosixFileSystem::allocate(none, 0, 1)) != 0);
  CHECK(code_of(PosixFileSystem::sync_data(none)) == EBADF);
  CHECK(code_of(PosixFileSystem::sync_all(none)) == EBADF);
  CHECK(code_of(PosixFileSystem::lock(none)) == EBADF);
  CHECK(code_of(PosixFileSystem::unlock(none)) == EBADF);
  CHECK(code_of(PosixFileSystem::map(none, 1)) == EBADF);
  CHECK(PosixFileSystem::close(none));
  PosixFile closed_already(1'000'000);
  CHECK(code_of(PosixFileSystem::close(closed_already)) == EBADF);
}

TEST_CASE("offsets that no file has are refused before the system sees them") {
  const TempDir dir;
  const auto file = PosixFileSystem::open_or_create(dir.file("file")).value();
  std::array<std::byte, 1> byte{};
  CHECK(PosixFileSystem::read_at(file, byte, UINT64_MAX) == std::size_t{0});
  CHECK(code_of(PosixFileSystem::write_at(file, byte, UINT64_MAX)) == EFBIG);
  CHECK(code_of(PosixFileSystem::truncate(file, UINT64_MAX)) == EFBIG);
  CHECK(code_of(PosixFileSystem::allocate(file, 0, UINT64_MAX)) == EFBIG);
}

TEST_CASE("neither way of renaming replaces what is there") {
  for (const auto rename : {&PosixFileSystem::rename_new, &PosixFileSystem::link_new}) {
    const TempDir dir;
    dir.write("from", "new");
    dir.write("to", "old");
    const auto refused = rename(dir.file("from"), dir.file("to"));
    REQUIRE_FALSE(refused);
    CHECK(PosixFileSystem::exists_already(refused.error()));
    CHECK(dir.read("to") == "old");
    CHECK(rename(dir.file("from"), dir.file("free")));
    CHECK(dir.read("free") == "new");
    CHECK(dir.names() == std::vector<std::string>{"free", "to"});
    CHECK(code_of(rename(dir.file("missing"), dir.file("other"))) == ENOENT);
  }
}

TEST_CASE("removing what is not there is an error") {
  const TempDir dir;
  CHECK(code_of(PosixFileSystem::remove(dir.file("missing"))) == ENOENT);
}

TEST_CASE("a directory that cannot be opened cannot be made durable, and says so") {
  const TempDir dir;
  CHECK(PosixFileSystem::sync_directory_of(dir.file("not yet there")));
  CHECK(code_of(PosixFileSystem::sync_directory_of(dir.file("missing/file"))) == ENOENT);
  CHECK(PosixFileSystem::sync_directory_of("/file in the root"));
}

TEST_CASE("an object that is assigned over keeps nothing open") {
  const TempDir dir;
  auto file = PosixFileSystem::open_or_create(dir.file("a")).value();
  const int first = file.descriptor();
  file = PosixFileSystem::open_or_create(dir.file("b")).value();
  struct ::stat status {};
  CHECK(::fstat(first, &status) == -1);
}

#endif  // REWAL_POSIX
