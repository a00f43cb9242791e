// SPDX-License-Identifier: MIT
//
// The C library's file calls under one set of names, with 64-bit offsets on every system, and how their errors are
// told. Thin, stateless, for any thread. What the calls are for is said by their users,
// posix_file.hpp and posix_names.hpp.

#ifndef REWAL_STORAGE_POSIX_CALLS_HPP
#define REWAL_STORAGE_POSIX_CALLS_HPP

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <rewal/error.hpp>

namespace rewal::detail {

// Offsets of 64 bits, whatever the program asked of its C library: a header cannot set _FILE_OFFSET_BITS.
#if defined(_LARGEFILE64_SOURCE)
namespace posix {
using FileStatus = struct ::stat64;
using Offset = ::off64_t;
inline int open(const char* path, int flags, unsigned mode) noexcept { return ::open64(path, flags, mode); }
inline int fstat(int fd, FileStatus* status) noexcept { return ::fstat64(fd, status); }
inline int status_of(const char* path, FileStatus* status) noexcept { return ::stat64(path, status); }
inline int ftruncate(int fd, Offset size) noexcept { return ::ftruncate64(fd, size); }
inline Offset seek(int fd, Offset offset, int whence) noexcept { return ::lseek64(fd, offset, whence); }
inline ::ssize_t pread(int fd, void* into, std::size_t size, Offset offset) {
  return ::pread64(fd, into, size, offset);
}
inline ::ssize_t pwrite(int fd, const void* from, std::size_t size, Offset offset) {
  return ::pwrite64(fd, from, size, offset);
}
inline void* mmap_shared(int fd, std::size_t size) noexcept {
  return ::mmap64(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
}
#if REWAL_LINUX
inline int fallocate(int fd, Offset from, Offset size) { return ::fallocate64(fd, 0, from, size); }
#endif
inline std::uint64_t file_size_limit() noexcept {
  struct ::rlimit64 limit {};
  if (::getrlimit64(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM64_INFINITY) return UINT64_MAX;
  return limit.rlim_cur;
}
}  // namespace posix
#else
namespace posix {
using FileStatus = struct ::stat;
using Offset = ::off_t;
inline int open(const char* path, int flags, unsigned mode) noexcept { return ::open(path, flags, mode); }
inline int fstat(int fd, FileStatus* status) noexcept { return ::fstat(fd, status); }
inline int status_of(const char* path, FileStatus* status) noexcept { return ::stat(path, status); }
inline int ftruncate(int fd, Offset size) noexcept { return ::ftruncate(fd, size); }
inline Offset seek(int fd, Offset offset, int whence) noexcept { return ::lseek(fd, offset, whence); }
inline ::ssize_t pread(int fd, void* into, std::size_t size, Offset offset) { return ::pread(fd, into, size, offset); }
inline ::ssize_t pwrite(int fd, const void* from, std::size_t size, Offset offset) {
  return ::pwrite(fd, from, size, offset);
}
inline void* mmap_shared(int fd, std::size_t size) noexcept {
  return ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
}
#if REWAL_LINUX
inline int fallocate(int fd, Offset from, Offset size) { return ::fallocate(fd, 0, from, size); }
#endif
inline std::uint64_t file_size_limit() noexcept {
  struct ::rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return static_cast<std::uint64_t>(limit.rlim_cur);
}
}  // namespace posix
#endif

static_assert(sizeof(posix::Offset) == 8, "rewal needs 64-bit file offsets: compile with -D_FILE_OFFSET_BITS=64");

namespace posix {

inline constexpr std::uint64_t max_offset = INT64_MAX;

/// Most bytes asked of one read or write: some systems refuse more than INT_MAX, Linux stops there by itself.
inline constexpr std::size_t max_transfer_bytes = std::size_t{1} << 30;

[[nodiscard]] inline Error failure(int code, const char* what) noexcept {
  return {Errc::io, std::error_code(code, std::system_category()), what};
}
[[nodiscard]] inline Error failure(const char* what) noexcept { return failure(errno, what); }

/// Repeats a call that a signal cut short and that has then done nothing. Never used for fsync or pwrite.
template <class Call>
[[nodiscard]] auto uninterrupted(Call call) noexcept {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

/// Opens a file that programs started by this one do not inherit, under a number beyond those of standard input, output
/// and error: where one of these is closed, a file that got its number would receive what the program prints.
[[nodiscard]] inline int open_beyond_standard(const char* path, int flags, unsigned mode) noexcept {
  const int first = uninterrupted([&] { return open(path, flags | O_CLOEXEC, mode); });
  if (first < 0 || first > STDERR_FILENO) return first;
  const int moved = ::fcntl(first, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int code = errno;
  ::close(first);
  errno = code;
  return moved;
}

/// How many of the bytes [offset, offset + size) may be written: all but those over the process's limit on file sizes, whose
/// writing would not only fail but raise SIGXFSZ.
[[nodiscard]] inline std::size_t allowed_bytes(std::uint64_t offset, std::size_t size) noexcept {
  const std::uint64_t limit = file_size_limit();
  if (offset >= limit) return 0;
  return limit - offset < size ? static_cast<std::size_t>(limit - offset) : size;
}

/// Whether a file system says that it does not know a call, and has done nothing: FUSE and network ones in their own ways.
[[nodiscard]] inline bool means_not_supported(int code) noexcept {
  return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP || code == ENOTSUP || code == EPERM;
}

/// As far as the drive's platters. Never repeated.
[[nodiscard]] inline int flush(int fd) noexcept {
#if REWAL_APPLE
  // fsync stops at the drive's cache there. A file system without the call (some network ones) refuses it at once,
  // before anything was tried.
  if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
  if (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY) return -1;
#endif
  return ::fsync(fd);
}

}  // namespace posix

}  // namespace rewal::detail

#endif  // REWAL_POSIX

#endif  // REWAL_STORAGE_POSIX_CALLS_HPP
