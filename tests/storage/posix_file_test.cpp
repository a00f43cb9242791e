// SPDX-License-Identifier: MIT
//
// The POSIX calls by themselves: each tells the system's own error, and no way of renaming replaces a file.

#include <rewal/platform.hpp>

#if REWAL_POSIX

#if REWAL_LINUX
#include <sys/inotify.h>
#endif
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <rewal/bytes.hpp>
#include <rewal/storage/posix_file.hpp>
#include <string>
#include <support/refused_call.hpp>
#include <support/temp_dir.hpp>
#include <system_error>
#include <vector>

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

#if REWAL_LINUX
TEST_CASE("the directory that is made durable is the one where the file is, not that of a link to it") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "elsewhere");
  dir.write("elsewhere/real.wal", "");
  std::filesystem::create_symlink(dir / "elsewhere" / "real.wal", dir / "link.wal");
  const int openings = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  REQUIRE(openings >= 0);
  CHECK(::inotify_add_watch(openings, dir.file("elsewhere").c_str(), IN_OPEN) >= 0);
  CHECK(PosixFileSystem::sync_directory_of(dir.file("link.wal")));
  alignas(::inotify_event) std::byte events[1024];
  CHECK(::read(openings, events, sizeof events) > 0);
  ::close(openings);
}
#endif

TEST_CASE("an object that is assigned over keeps nothing open") {
  const TempDir dir;
  auto file = PosixFileSystem::open_or_create(dir.file("a")).value();
  const int first = file.descriptor();
  file = PosixFileSystem::open_or_create(dir.file("b")).value();
  struct ::stat status {};
  CHECK(::fstat(first, &status) == -1);
}

TEST_CASE("a relative path without a directory is made durable in the working directory") {
  CHECK(PosixFileSystem::sync_directory_of("rewal test: no such file"));
}

TEST_CASE("a copy of a file whose permissions cannot be told is its owner's alone") {
  const TempDir dir;
  const PosixFile unknown;
  CHECK(PosixFileSystem::create_new(dir.file("copy"), unknown));
  struct ::stat status {};
  REQUIRE(::stat(dir.file("copy").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

namespace {

/// No file of this process may grow beyond this, while it lives.
class SizeLimit {
 public:
  explicit SizeLimit(::rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const ::rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  ~SizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  ::rlimit before_{};
};

}  // namespace

TEST_CASE("room beyond the limit on file size is refused before the system raises a signal for it") {
  const TempDir dir;
  const auto file = PosixFileSystem::open_or_create(dir.file("file")).value();
  int beyond = 0;
  int within = 0;
  {
    const SizeLimit limit(4096);
    beyond = code_of(PosixFileSystem::allocate(file, 0, 4097));
    within = code_of(PosixFileSystem::allocate(file, 0, 4096));
  }
  CHECK(beyond == EFBIG);
  CHECK((within == 0 || within == EOPNOTSUPP));
}

TEST_CASE("a file beyond the limit on file size can be cut to a length that is still beyond it, and does not grow") {
  const TempDir dir;
  const auto file = PosixFileSystem::open_or_create(dir.file("file")).value();
  REQUIRE(PosixFileSystem::truncate(file, 16'384));
  int cut = 0;
  int grown = 0;
  {
    const SizeLimit limit(4096);
    cut = code_of(PosixFileSystem::truncate(file, 8192));
    grown = code_of(PosixFileSystem::truncate(file, 8193));
  }
  CHECK(cut == 0);
  CHECK(grown == EFBIG);
  CHECK(PosixFileSystem::size(file) == std::uint64_t{8192});
}

TEST_CASE("a write of more than the system takes at once is short") {
  const TempDir dir;
  const auto file = PosixFileSystem::open_or_create(dir.file("file")).value();
  // Memory that is there only when it is touched, and a limit behind which nothing is written.
  const std::size_t size = rewal::detail::posix::max_transfer_bytes + 4096;
  void* const zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(zeros != MAP_FAILED);
  std::size_t written = 0;
  {
    const SizeLimit limit(8192);
    written = PosixFileSystem::write_at(file, rewal::Bytes(static_cast<const std::byte*>(zeros), size), 0).value_or(0);
  }
  ::munmap(zeros, size);
  CHECK(written == 8192);
  CHECK(PosixFileSystem::size(file) == std::uint64_t{8192});
}

#if REWAL_LINUX && !REWAL_TSAN

namespace {

// How the C library asks what a file is.
#if SIZE_MAX == 0xFFFFFFFF && defined(SYS_statx)
constexpr long fstat_call = SYS_statx;  // for the time, which has more than 32 bits
#elif defined(SYS_newfstatat)
constexpr long fstat_call = SYS_newfstatat;
#else
constexpr long fstat_call = SYS_fstat;
#endif

/// What `f` returns where the system refuses this call.
template <class F>
auto with(long call, int error, F f) {
  decltype(f()) result = rewal::Errc::invalid_state;
  if (!rewal_test::where_refused(call, error, [&] { result = f(); })) SKIP("system calls cannot be filtered here");
  return result;
}

}  // namespace

TEST_CASE("a file that was opened and cannot be asked what it is, is not used") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  const TempDir dir;
  CHECK(code_of(with(fstat_call, EIO, [&] { return PosixFileSystem::open_or_create(dir.file("file")); })) == EIO);
}

TEST_CASE("a directory that the file system cannot fsync needs none, one that fails does") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  const TempDir dir;
  const auto synced = [&] { return PosixFileSystem::sync_directory_of(dir.file("file")); };
  CHECK(with(SYS_fsync, EINVAL, synced));
  CHECK(code_of(with(SYS_fsync, EIO, synced)) == EIO);
}

TEST_CASE("an interrupted close has closed") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  const TempDir dir;
  auto file = PosixFileSystem::open_or_create(dir.file("file")).value();
  const int descriptor = file.descriptor();
  CHECK(with(SYS_close, EINTR, [&] { return PosixFileSystem::close(file); }));
  CHECK(file.descriptor() == -1);
  ::close(descriptor);  // here the system had not even begun
}

TEST_CASE("where renaming can only replace, a copy gets its name by a second link") {
  if (!rewal_test::calls_can_be_refused()) SKIP("system calls cannot be refused here");
  const TempDir dir;
  for (const int error : {EINVAL, ENOSYS}) {
    dir.write("from", "new");
    CHECK(with(SYS_renameat2, error, [&] { return PosixFileSystem::rename_new(dir.file("from"), dir.file("to")); }));
    CHECK(dir.names() == std::vector<std::string>{"to"});
    CHECK(PosixFileSystem::remove(dir.file("to")));
  }
}

TEST_CASE("a limit on file size that cannot be told is none") {
  const TempDir dir;
  const auto file = PosixFileSystem::open_or_create(dir.file("file")).value();
  const int code = code_of(with(SYS_prlimit64, EPERM, [&] { return PosixFileSystem::allocate(file, 0, 4096); }));
  CHECK((code == 0 || code == EOPNOTSUPP));
}

#endif  // REWAL_LINUX && !REWAL_TSAN

#endif  // REWAL_POSIX
