// SPDX-License-Identifier: MIT
//
// The file calls of POSIX systems: Linux first, then macOS, then the rest. Each does one thing and says what the
// system said; none keeps state. Any thread may make any of them; who may touch a file while it is being closed, and
// where the log's end is, is left to FileStorage.

#ifndef REWAL_STORAGE_POSIX_FILE_HPP
#define REWAL_STORAGE_POSIX_FILE_HPP

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_status.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/posix_calls.hpp>
#include <rewal/storage/posix_handles.hpp>
#include <rewal/storage/posix_names.hpp>
#if REWAL_LINUX
#include <sys/vfs.h>
#endif

namespace rewal::detail {

/// The seam between FileStorage and the system. A replacement has the same members, static or not.
struct PosixFileSystem : PosixNames {
  using File = PosixFile;
  using Region = PosixRegion;

  /// A mapping may be longer than the file: bytes that the file gains later show up in it.
  static constexpr bool maps_past_the_end = true;

  // Opening. Only regular files are opened; descriptors are not inherited through exec.

  /// Opens for reading and writing, creating an empty file (0644) where there is none.
  [[nodiscard]] static Result<File> open_or_create(const NativePath& path, unsigned mode = 0644) noexcept {
    constexpr const char* what = "opening the log file failed: check its path and permissions";
    auto existing = open_regular(path, O_RDWR | O_NOCTTY, 0, what);  // some systems refuse O_CREAT for what is there
    if (existing || existing.error().system().value() != ENOENT) return existing;
    auto created = open_regular(path, O_RDWR | O_CREAT | O_NOCTTY, mode, what);
    if (created || created.error().system().value() != ENOENT) return created;
    return told_as(created.error(), "opening the log file failed, its folder does not exist: create that first");
  }

  /// Creates a file that must not exist yet, with no more permissions than `like` has.
  [[nodiscard]] static Result<File> create_new(const NativePath& path, const File& like) noexcept {
    posix::FileStatus status{};
    const bool known = posix::fstat(like.descriptor(), &status) == 0;
    const unsigned mode = known ? status.st_mode & 0666u : 0600u;
    return open_regular(path, O_RDWR | O_CREAT | O_EXCL, mode,
                        "creating a file beside the log failed: check the directory's permissions");
  }

  /// Creates a file that must not exist yet, with these permissions under the umask.
  [[nodiscard]] static Result<File> create_exclusive(const NativePath& path, unsigned mode) noexcept {
    return open_regular(path, O_RDWR | O_CREAT | O_EXCL, mode,
                        "creating a file failed: check its path and the directory's permissions");
  }

  /// Opens what is there, for reading and for fsync.
  [[nodiscard]] static Result<File> open_existing(const NativePath& path) noexcept {
    return open_regular(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0,
                        "opening the file failed: check its path and permissions");
  }

  /// Whether overwriting copies, so that space reserved ahead is of no use.
  [[nodiscard]] static bool copies_on_write([[maybe_unused]] const File& file) noexcept {
#if REWAL_LINUX
    constexpr std::uint32_t kinds[] = {0x9123683E, 0x2FC12FC1, 0xCA451A4E};  // btrfs, ZFS, bcachefs
    struct ::statfs status {};
    if (::fstatfs(file.descriptor(), &status) != 0) return false;
    for (const std::uint32_t kind : kinds) {
      if (static_cast<std::uint32_t>(status.f_type) == kind) return true;
    }
#endif
    return false;
  }

  /// Where bytes that were written begin, at `offset` or behind it: before that is a hole. `offset` where the system does
  /// not tell; the end of the file where there are none.
  [[nodiscard]] static std::uint64_t next_data([[maybe_unused]] const File& file, std::uint64_t offset) noexcept {
#if REWAL_LINUX && defined(SEEK_DATA)
    if (offset > posix::max_offset) return offset;
    const auto found = posix::seek(file.descriptor(), static_cast<posix::Offset>(offset), SEEK_DATA);
    if (found >= 0) return static_cast<std::uint64_t>(found);
    if (errno == ENXIO) {
      const auto end = size(file);
      if (end && *end > offset) return *end;
    }
#endif
    return offset;
  }

  // Bytes.

  [[nodiscard]] static Result<std::uint64_t> size(const File& file) noexcept {
    posix::FileStatus status{};
    if (posix::fstat(file.descriptor(), &status) != 0) {
      return posix::failure("asking for the log file's size failed: check the device");
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  /// Its size, and whether a directory still knows it. A file that was renamed elsewhere, or has another hard link, has
  /// a name.
  [[nodiscard]] static Result<FileStatus> status(const File& file) noexcept {
    posix::FileStatus status{};
    if (posix::fstat(file.descriptor(), &status) != 0) {
      return posix::failure("asking whether the log file is still there failed: check the device");
    }
    return FileStatus{static_cast<std::uint64_t>(status.st_size), status.st_nlink > 0};
  }

  /// Whether the path is this file's, for file systems that do not count names.
  [[nodiscard]] static bool leads_to(const NativePath& path, const File& file) noexcept {
    posix::FileStatus by_path{};
    posix::FileStatus by_file{};
    return posix::status_of(path.c_str(), &by_path) == 0 && posix::fstat(file.descriptor(), &by_file) == 0 &&
           by_path.st_dev == by_file.st_dev && by_path.st_ino == by_file.st_ino;
  }

  /// May be short; 0 is the end.
  [[nodiscard]] static Result<std::size_t> read_at(const File& file, std::span<std::byte> into,
                                                   std::uint64_t offset) noexcept {
    if (offset > posix::max_offset) return std::size_t{0};
    const auto size = into.size() < posix::max_transfer_bytes ? into.size() : posix::max_transfer_bytes;
    const auto count = posix::uninterrupted(
        [&] { return posix::pread(file.descriptor(), into.data(), size, static_cast<posix::Offset>(offset)); });
    if (count < 0) return posix::failure("reading the log file failed: check the device");
    return static_cast<std::size_t>(count);
  }

  /// One attempt: may be short, and EINTR is returned like every other error.
  [[nodiscard]] static Result<std::size_t> write_at(const File& file, Bytes bytes, std::uint64_t offset) noexcept {
    constexpr const char* what = "writing the log file failed: make room or check the device, then open the log again";
    if (offset > posix::max_offset) return posix::failure(EFBIG, what);
    const auto size = posix::allowed_bytes(
        offset, bytes.size() < posix::max_transfer_bytes ? bytes.size() : posix::max_transfer_bytes);
    if (size == 0 && !bytes.empty()) return posix::failure(EFBIG, what);
    const auto count = posix::pwrite(file.descriptor(), bytes.data(), size, static_cast<posix::Offset>(offset));
    if (count < 0) return posix::failure(what);
    return static_cast<std::size_t>(count);
  }

  [[nodiscard]] static Result<void> truncate(const File& file, std::uint64_t size) noexcept {
    constexpr const char* what = "truncating the log file failed: check its permissions and the device";
    if (size > posix::max_offset) return posix::failure(EFBIG, what);
    if (size > posix::file_size_limit()) {  // which raises SIGXFSZ for what grows, and forbids no cut
      posix::FileStatus status{};
      const bool known = posix::fstat(file.descriptor(), &status) == 0;
      if (!known || size > static_cast<std::uint64_t>(status.st_size)) return posix::failure(EFBIG, what);
    }
    const int result =
        posix::uninterrupted([&] { return posix::ftruncate(file.descriptor(), static_cast<posix::Offset>(size)); });
    if (result != 0) return posix::failure(what);
    return {};
  }

  /// Grows the file from `from` bytes to `to`, with room on the device behind the new bytes, which read as zeros.
  /// The C library's posix_fallocate is not used: where the file system cannot do it, that one writes.
  [[nodiscard]] static Result<void> allocate(const File& file, std::uint64_t from, std::uint64_t to) noexcept {
    constexpr const char* what = "preallocating the log file failed: the file grows with each write instead";
    // Beyond the limit the system would not only refuse but raise SIGXFSZ, for room that is not needed yet.
    if (to > posix::max_offset || to > posix::file_size_limit()) return posix::failure(EFBIG, what);
#if REWAL_LINUX
    const auto offset = static_cast<posix::Offset>(from);
    const auto size = static_cast<posix::Offset>(to - from);
    if (posix::fallocate(file.descriptor(), offset, size) != 0) return posix::failure(what);
    return {};
#elif REWAL_APPLE
    ::fstore_t request{F_ALLOCATEALL, F_PEOFPOSMODE, 0, static_cast<off_t>(to - from), 0};
    if (::fcntl(file.descriptor(), F_PREALLOCATE, &request) == -1) return posix::failure(what);
    return truncate(file, to);
#else
    static_cast<void>(file);
    static_cast<void>(from);
    return posix::failure(EOPNOTSUPP, what);
#endif
  }

  // Durability. A failed sync is never repeated, EINTR included: the system may have marked the lost pages clean.

  /// The bytes, and the size if that is what makes them readable.
  [[nodiscard]] static Result<void> sync_data(const File& file) noexcept {
#if REWAL_LINUX
    if (::fdatasync(file.descriptor()) != 0) return posix::failure(sync_failed);
    return {};
#else
    return sync_all(file);
#endif
  }

  /// The bytes and everything the system knows about the file.
  [[nodiscard]] static Result<void> sync_all(const File& file) noexcept {
    if (posix::flush(file.descriptor()) != 0) return posix::failure(sync_failed);
    return {};
  }

  // The lock. It belongs to the open file, which a mapping and a forked child keep open: closing does not release it.

  /// Takes the exclusive lock or returns file_locked; never waits.
  [[nodiscard]] static Result<void> lock(File& file) noexcept {
    if (posix::uninterrupted([&] { return ::flock(file.descriptor(), LOCK_EX | LOCK_NB); }) == 0) {
      file.set_locked_by(::getpid());
      return {};
    }
    if (errno == EWOULDBLOCK) return Error(Errc::file_locked, std::error_code(errno, std::system_category()));
    return posix::failure("locking the log file failed: keep it on a file system that supports flock");
  }

  /// Whether this process took the lock. A forked child has the descriptor, but the file is not its own to change.
  [[nodiscard]] static bool holds_lock(const File& file) noexcept { return file.locked_by() == ::getpid(); }

  [[nodiscard]] static Result<void> unlock(File& file) noexcept {
    file.set_locked_by(0);
    if (posix::uninterrupted([&] { return ::flock(file.descriptor(), LOCK_UN); }) == 0) return {};
    return posix::failure("unlocking the log file failed: it stays locked until this process ends");
  }

  /// The descriptor is gone afterwards, whatever the result.
  [[nodiscard]] static Result<void> close(File& file) noexcept {
    const int descriptor = file.release();
    if (descriptor < 0 || ::close(descriptor) == 0 || errno == EINTR) return {};
    return posix::failure("closing the log file failed: check the device");
  }

  // Mapping.

  /// Maps the first `size` bytes, at least one, for reading front to back.
  [[nodiscard]] static Result<Region> map(const File& file, std::size_t size) noexcept {
    // Through an opening of its own where there can be one: a mapping keeps what it was made through open, also in a
    // forked child, and with it the lock.
    const PosixFile unlocked(reopened(file));
    const int through = unlocked.descriptor() >= 0 ? unlocked.descriptor() : file.descriptor();
    void* const data = posix::mmap_shared(through, size);
    if (data == MAP_FAILED) return posix::failure("mapping the log file failed: raise the limit on address space");
    // Doubles the read-ahead and reads nothing that is not asked for (128 MiB not in memory: 82 ms against 134).
    static_cast<void>(::madvise(data, size, MADV_SEQUENTIAL));
    return Region(data, size);
  }

  /// Whether a truncation was refused because the file is mapped; never here.
  [[nodiscard]] static bool refused_by_mapping(const Error&) noexcept { return false; }

  /// Whether create_new or rename_new found something of that name.
  [[nodiscard]] static bool exists_already(const Error& error) noexcept { return error.system().value() == EEXIST; }

 private:
  static constexpr const char* sync_failed =
      "fsync of the log file failed: what it covered may be lost, check the device and open the log again";

  [[nodiscard]] static Result<File> open_regular(const NativePath& path, int flags, unsigned mode,
                                                 const char* what) noexcept {
    File file(posix::open_beyond_standard(path.c_str(), flags, mode));
    if (file.descriptor() < 0) return posix::failure(what);
    posix::FileStatus status{};
    if (posix::fstat(file.descriptor(), &status) != 0) return posix::failure(what);
    if (!S_ISREG(status.st_mode)) {
      return invalid_argument("the path of the log names something other than a regular file: pass a file's path");
    }
    return file;
  }

  /// The same file opened anew, for reading; -1 where that cannot be done. Elsewhere a mapping keeps no opening.
  [[nodiscard]] static int reopened([[maybe_unused]] const File& file) noexcept {
#if REWAL_LINUX
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", file.descriptor());
    return posix::uninterrupted([&] { return posix::open(name, O_RDONLY | O_CLOEXEC, 0); });
#else
    return -1;
#endif
  }
};

}  // namespace rewal::detail

#endif  // REWAL_POSIX

#endif  // REWAL_STORAGE_POSIX_FILE_HPP
