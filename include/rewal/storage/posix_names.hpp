// SPDX-License-Identifier: MIT
//
// Names of files on POSIX systems: given without replacing another file, taken away, and made durable in their
// directory. Stateless, for any thread. What the files are is left to posix_file.hpp and its users.

#ifndef REWAL_STORAGE_POSIX_NAMES_HPP
#define REWAL_STORAGE_POSIX_NAMES_HPP

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/posix_calls.hpp>
#include <rewal/storage/posix_handles.hpp>
#if REWAL_LINUX
#include <sys/syscall.h>
#endif

namespace rewal::detail {

struct PosixNames {
  /// Makes the names in the directory of `path` durable: the one where the file really is, if `path` is a link to it.
  [[nodiscard]] static Result<void> sync_directory_of(const NativePath& path) {
    struct Free {
      void operator()(char* text) const noexcept { std::free(text); }
    };
    const std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
    const std::string directory = parent_of(real != nullptr ? std::string(real.get()) : path);
    const PosixFile file(posix::open_beyond_standard(directory.c_str(), O_RDONLY | O_DIRECTORY, 0));
    if (file.descriptor() < 0) {
      return posix::failure("opening the log's directory to fsync it failed: check its permissions");
    }
    // A file system that has no fsync of directories, or none of what is open for reading (EBADF), has nothing that could
    // be waited for.
    if (posix::flush(file.descriptor()) != 0 && !posix::means_not_supported(errno) && errno != EBADF) {
      return posix::failure("fsync of the log's directory failed: check the device");
    }
    return {};
  }

  /// Renames `from` to `to`, which must not exist: an existing one is never replaced.
  [[nodiscard]] static Result<void> rename_new(const NativePath& from, const NativePath& to) noexcept {
#if REWAL_LINUX && defined(SYS_renameat2)
    constexpr unsigned no_replace = 1;
    if (::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), no_replace) == 0) return {};
    if (!posix::means_not_supported(errno)) return posix::failure(rename_failed);
#elif REWAL_APPLE
    if (::renamex_np(from.c_str(), to.c_str(), RENAME_EXCL) == 0) return {};
    if (!posix::means_not_supported(errno)) return posix::failure(rename_failed);
#endif
    return link_new(from, to);
  }

  /// The same by a second name: for file systems whose rename knows only how to replace.
  [[nodiscard]] static Result<void> link_new(const NativePath& from, const NativePath& to) noexcept {
    if (::link(from.c_str(), to.c_str()) == 0) return remove(from);
    return posix::means_not_supported(errno) || errno == EMLINK ? rename_over_own(from, to)
                                                                : posix::failure(rename_failed);
  }

  /// The same where there are no second names either: the name is taken by an empty file of our own, which is replaced. A
  /// crash between leaves that.
  [[nodiscard]] static Result<void> rename_over_own(const NativePath& from, const NativePath& to) noexcept {
    {
      const PosixFile own(posix::open_beyond_standard(to.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
      if (own.descriptor() < 0) return posix::failure(rename_failed);
    }
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    const Error error = posix::failure(rename_failed);
    static_cast<void>(::unlink(to.c_str()));
    return error;
  }

  [[nodiscard]] static Result<void> remove(const NativePath& path) noexcept {
    if (::unlink(path.c_str()) != 0) {
      return posix::failure("removing a file beside the log failed: check the directory's permissions");
    }
    return {};
  }

 private:
  static constexpr const char* rename_failed =
      "renaming a file beside the log failed: check the directory's permissions";

  [[nodiscard]] static std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
  }
};

}  // namespace rewal::detail

#endif  // REWAL_POSIX

#endif  // REWAL_STORAGE_POSIX_NAMES_HPP
