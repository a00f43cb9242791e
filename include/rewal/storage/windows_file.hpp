// SPDX-License-Identifier: MIT
//
// The file calls of Windows, with the members and promises of posix_file.hpp; only what differs is said here.
// Any thread may make any of them; none keeps state. Windows cuts no file that is mapped, and its names are durable by
// the file system's own journal.
//
// WHAT OTHERS MAY DO. While a log is open, other programs may read its file and copy it, and nothing else: the system
// refuses them to write into it, cut it, delete it, rename it or put another file in its place, so that nothing is
// acknowledged into a file that nobody finds again. Files that stand beside a log, and those that are only read, are shared
// for everything.
// Where another program holds a file for a moment, the call waits a quarter of a second for it.

#ifndef REWAL_STORAGE_WINDOWS_FILE_HPP
#define REWAL_STORAGE_WINDOWS_FILE_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_status.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/windows_api.hpp>
#include <rewal/storage/windows_errors.hpp>
#include <rewal/storage/windows_handles.hpp>
#include <rewal/storage/windows_path.hpp>

namespace rewal::detail {

/// The seam between FileStorage and the system.
struct WindowsFileSystem {
  using File = WindowsFile;
  using Region = WindowsRegion;

  /// A view is never longer than its file.
  static constexpr bool maps_past_the_end = false;

  [[nodiscard]] static Result<File> open_or_create(const NativePath& path) noexcept {
    return open_regular(path, windows::open_always, windows::file_share_reading,
                        "opening the log file failed: check its path and permissions");
  }

  /// Permissions are those that the directory gives.
  [[nodiscard]] static Result<File> create_new(const NativePath& path, const File&) noexcept {
    return open_regular(path, windows::create_new, windows::file_share_all,
                        "creating a file beside the log failed: check the directory's permissions");
  }

  [[nodiscard]] static Result<File> create_exclusive(const NativePath& path, unsigned) noexcept {
    return open_regular(path, windows::create_new, windows::file_share_all,
                        "creating a file failed: check its path and the directory's permissions");
  }

  /// For writing too, if that is allowed: flushing needs that right.
  [[nodiscard]] static Result<File> open_existing(const NativePath& path) noexcept {
    return open_regular(path, windows::open_existing, windows::file_share_all,
                        "opening the file failed: check its path and permissions");
  }

  [[nodiscard]] static Result<std::uint64_t> size(const File& file) noexcept {
    std::int64_t size = 0;
    if (::GetFileSizeEx(file.handle(), reinterpret_cast<_LARGE_INTEGER*>(&size)) == 0) {
      return windows::failure("asking for the log file's size failed: check the device");
    }
    return static_cast<std::uint64_t>(size);
  }

  /// A file that is being deleted has no name any more.
  [[nodiscard]] static Result<FileStatus> status(const File& file) noexcept {
    windows::StandardInfo info;
    if (!windows::standard_info(file.handle(), info)) {
      return windows::failure("asking whether the log file is still there failed: check the device");
    }
    return FileStatus{static_cast<std::uint64_t>(info.end_of_file), info.links > 0 && info.delete_pending == 0};
  }

  [[nodiscard]] static Result<std::size_t> read_at(const File& file, std::span<std::byte> into,
                                                   std::uint64_t offset) noexcept {
    if (offset > max_offset) return std::size_t{0};
    windows::Place place(offset);
    unsigned long count = 0;
    const auto read = [&] {
      return ::ReadFile(file.handle(), into.data(), transfer_bytes(into.size()), &count, place.overlapped()) != 0;
    };
    if (const int code = windows::patiently(read, is_locked)) {
      if (code == windows::error_handle_eof) return std::size_t{0};
      return windows::failure_beside_others(code, "reading the log file failed: check the device");
    }
    return std::size_t{count};
  }

  [[nodiscard]] static Result<std::size_t> write_at(const File& file, Bytes bytes, std::uint64_t offset) noexcept {
    constexpr const char* what = "writing the log file failed: make room or check the device, then open the log again";
    if (offset > max_offset) return windows::failure(windows::error_arithmetic_overflow, what);
    windows::Place place(offset);
    unsigned long count = 0;
    const auto write = [&] {
      return ::WriteFile(file.handle(), bytes.data(), transfer_bytes(bytes.size()), &count, place.overlapped()) != 0;
    };
    if (const int code = windows::patiently(write, is_locked)) return windows::failure_beside_others(code, what);
    return std::size_t{count};
  }

  [[nodiscard]] static Result<void> truncate(const File& file, std::uint64_t size) noexcept {
    constexpr const char* what = "truncating the log file failed: end what reads it, and check its permissions";
    if (size > max_offset) return windows::failure(windows::error_arithmetic_overflow, what);
    if (!windows::set_file_number(file.handle(), windows::file_end_of_file_info, static_cast<std::int64_t>(size))) {
      return windows::failure(what);
    }
    return {};
  }

  /// Clusters are given to a file with its size.
  [[nodiscard]] static Result<void> allocate(const File& file, std::uint64_t, std::uint64_t to) noexcept {
    constexpr const char* what = "preallocating the log file failed: the file grows with each write instead";
    if (to > max_offset) return windows::failure(windows::error_arithmetic_overflow, what);
    if (!windows::set_file_number(file.handle(), windows::file_end_of_file_info, static_cast<std::int64_t>(to))) {
      return windows::failure(what);
    }
    return {};
  }

  [[nodiscard]] static Result<void> sync_data(const File& file) noexcept { return sync_all(file); }

  [[nodiscard]] static Result<void> sync_all(const File& file) noexcept {
    if (::FlushFileBuffers(file.handle()) == 0) {
      return windows::failure(
          "flushing the log file failed: what it covered may be lost, check the device and open the log again");
    }
    return {};
  }

  /// Nothing to do: NTFS journals names in the order of their changes, so flushing the file makes its name durable, and
  /// a rename is written through.
  [[nodiscard]] static Result<void> sync_directory_of(const NativePath&) noexcept { return {}; }

  [[nodiscard]] static Result<void> lock(File& file) noexcept {
    windows::Place place(lock_offset);
    const unsigned long flags = windows::lockfile_exclusive_lock | windows::lockfile_fail_immediately;
    if (::LockFileEx(file.handle(), flags, 0, 1, 0, place.overlapped()) != 0) {
      file.set_locked(true);
      return {};
    }
    const int code = windows::last_error();
    if (code == windows::error_lock_violation || code == windows::error_io_pending) {
      return locked_by_a_log();
    }
    return windows::failure(code, "locking the log file failed: keep it on a file system that supports locks");
  }

  [[nodiscard]] static bool holds_lock(const File& file) noexcept { return file.locked(); }

  [[nodiscard]] static Result<void> unlock(File& file) noexcept {
    file.set_locked(false);
    windows::Place place(lock_offset);
    if (::UnlockFileEx(file.handle(), 0, 1, 0, place.overlapped()) != 0) return {};
    return windows::failure("unlocking the log file failed: it stays locked until this process ends");
  }

  [[nodiscard]] static Result<void> close(File& file) noexcept {
    const auto handle = file.release();
    if (handle == windows::no_file || ::CloseHandle(handle) != 0) return {};
    return windows::failure("closing the log file failed: check the device");
  }

  [[nodiscard]] static Result<Region> map(const File& file, std::size_t size) noexcept {
    constexpr const char* what = "mapping the log file failed: free some address space";
    const auto bytes = static_cast<std::uint64_t>(size);
    const auto section =
        ::CreateFileMappingW(file.handle(), nullptr, windows::page_readonly, static_cast<unsigned long>(bytes >> 32),
                             static_cast<unsigned long>(bytes & 0xffffffffu), nullptr);
    if (section == nullptr) return windows::failure(what);
    void* const data = ::MapViewOfFile(section, windows::file_map_read, 0, 0, size);
    const int code = windows::last_error();
    ::CloseHandle(section);  // the view keeps what it needs
    if (data == nullptr) return windows::failure(code, what);
    return Region(data, size);
  }

  [[nodiscard]] static bool refused_by_mapping(const Error& error) noexcept {
    return error.system().value() == windows::error_user_mapped_file;
  }

  [[nodiscard]] static Result<void> rename_new(const NativePath& from, const NativePath& to) noexcept {
    const WindowsPath old_name(from);
    const WindowsPath new_name(to);
    const auto rename = [&] {
      return ::MoveFileExW(old_name.c_str(), new_name.c_str(), windows::movefile_write_through) != 0;
    };
    const int code = windows::patiently(rename, windows::may_pass);
    if (code == 0) return {};
    return windows::failure_beside_others(code,
                                          "renaming a file beside the log failed: check the directory's permissions");
  }

  [[nodiscard]] static Result<void> remove(const NativePath& path) noexcept {
    const WindowsPath name(path);
    const int code = windows::patiently([&] { return ::DeleteFileW(name.c_str()) != 0; }, windows::may_pass);
    if (code == 0) return {};
    return windows::failure_beside_others(code,
                                          "removing a file beside the log failed: check the directory's permissions");
  }

  [[nodiscard]] static bool exists_already(const Error& error) noexcept {
    const int code = error.system().value();
    return code == windows::error_file_exists || code == windows::error_already_exists;
  }

 private:
  static constexpr std::uint64_t max_offset = INT64_MAX;

  /// Locked ranges cannot be read by others, so the lock lies where no byte will ever be. A lock on the whole range, as
  /// other implementations take it, still meets this one.
  static constexpr std::uint64_t lock_offset = std::uint64_t{1} << 62;

  [[nodiscard]] static unsigned long transfer_bytes(std::size_t size) noexcept {
    constexpr std::size_t most = std::size_t{1} << 30;
    return static_cast<unsigned long>(size < most ? size : most);
  }

  [[nodiscard]] static Error locked_by_a_log() noexcept {
    return {Errc::file_locked, windows::system_code(windows::error_lock_violation)};
  }

  /// Another program has locked the place: unlike a log, some lock what they read.
  [[nodiscard]] static bool is_locked(int code) noexcept { return code == windows::error_lock_violation; }

  /// Whether it is worth while to open it again: a directory, and a file that may not be written, stay what they are, and
  /// a log is no scanner.
  [[nodiscard]] static bool may_open_later(int code, const WindowsPath& path) noexcept {
    if (code != windows::error_access_denied) return windows::may_pass(code) && !is_locked_by_a_log(path);
    const unsigned long attributes = ::GetFileAttributesW(path.c_str());
    return attributes == windows::invalid_file_attributes || (attributes & windows::file_attribute_unwritable) == 0;
  }

  /// A file that somebody keeps others from writing may be a log's, which lets it be read, and looked whether it is locked.
  [[nodiscard]] static bool is_locked_by_a_log(const WindowsPath& path) noexcept {
    File file(::CreateFileW(path.c_str(), windows::generic_read, windows::file_share_all, nullptr,
                            windows::open_existing, windows::file_attribute_normal, nullptr));
    if (file.handle() == windows::no_file) return false;
    const auto locked = lock(file);
    return !locked && locked.error() == Errc::file_locked;
  }

  [[nodiscard]] static Result<File> open_regular(const NativePath& path, unsigned long how, unsigned long shared,
                                                 const char* what) noexcept {
    const WindowsPath name(path);
    File file;
    const auto open = [&](unsigned long rights) {
      file = File(::CreateFileW(name.c_str(), rights, shared, nullptr, how, windows::file_attribute_normal, nullptr));
      return file.handle() != windows::no_file;
    };
    // What is there may be read, even if it may not be written or another program keeps others from it.
    const auto open_to_read = [&](int error) {
      return how == windows::open_existing && windows::may_pass(error) && open(windows::generic_read);
    };
    bool is_open = false;
    const int code =
        windows::patiently([&] { return is_open = open(windows::generic_read | windows::generic_write); },
                           [&](int error) { return !(is_open = open_to_read(error)) && may_open_later(error, name); });
    if (!is_open) {
      if (code == windows::error_sharing_violation && is_locked_by_a_log(name)) return locked_by_a_log();
      return windows::failure_beside_others(code, what);
    }
    if (::GetFileType(file.handle()) != windows::file_type_disk) {
      return invalid_argument("the path of the log names something other than a regular file: pass a file's path");
    }
    return file;
  }
};

}  // namespace rewal::detail

#endif  // REWAL_WINDOWS

#endif  // REWAL_STORAGE_WINDOWS_FILE_HPP
