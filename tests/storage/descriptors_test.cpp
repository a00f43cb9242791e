// SPDX-License-Identifier: MIT
//
// The numbers under which a log's files are open: never those of standard input, output and error, which a program may
// have closed and then prints to all the same.

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <storage/in_child.hpp>
#include <string>
#include <support/temp_dir.hpp>

namespace {

using rewal::BytesArg;
using rewal::FileStorage;
using rewal_test::TempDir;
namespace posix = rewal::detail::posix;

/// Runs `body` in a child where standard input, output and error are closed; returns its result.
template <class Body>
int without_standard_descriptors(Body body) {
  return rewal_test::in_child([&] {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    return body();
  });
}

bool any_standard_descriptor_is_open() {
  struct ::stat status {};
  for (int fd = 0; fd < 3; ++fd) {
    if (::fstat(fd, &status) == 0) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a log whose program has closed standard output and error gets none of what is printed") {
  const TempDir dir;
  const std::string path = dir.file("log.wal");
  const auto body = [&] {
    auto storage = FileStorage::open(path);
    if (!storage || any_standard_descriptor_is_open()) return 1;
    if (!storage->write(BytesArg("abc").bytes())) return 2;
    if (::write(STDERR_FILENO, "printed", 7) != -1 || errno != EBADF) return 3;
    if (!storage->preserve(1, BytesArg("bc").bytes())) return 4;  // opens copies and the directory
    return any_standard_descriptor_is_open() ? 5 : 0;
  };
  CHECK(without_standard_descriptors(body) == 0);
  CHECK(dir.read("log.wal") == "abc");
  CHECK(dir.read("log.wal.cut-1") == "bc");
}

TEST_CASE("whatever is opened, file or directory, has a number beyond the standard ones and is not inherited") {
  const TempDir dir;
  dir.write("file", "abc");
  const std::string file = dir.file("file");
  const std::string directory = dir.path().string();
  CHECK(without_standard_descriptors([&] {
          for (const std::string& path : {file, directory, file}) {
            const int fd = posix::open_beyond_standard(path.c_str(), O_RDONLY, 0);
            if (fd < 3) return 1;
            if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return 2;
          }
          return any_standard_descriptor_is_open() ? 3 : 0;
        }) == 0);
}

#endif  // REWAL_POSIX
