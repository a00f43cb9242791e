// SPDX-License-Identifier: MIT
//
// NewFile: a file that is whole under its name, or absent. It is written under a temporary name beside it, fsynced, renamed
// without replacing anything, and its directory is fsynced. Used by one thread.
// What is in it is left to the caller. A crash leaves no more than the temporary file.

#ifndef REWAL_STORAGE_NEW_FILE_HPP
#define REWAL_STORAGE_NEW_FILE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/native_file.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/short_name.hpp>

namespace rewal::detail {

template <class FileSystem = NativeFileSystem>
class NewFile {
 public:
  using File = typename FileSystem::File;

  explicit NewFile(NativePath path, FileSystem files = {}) : files_(std::move(files)), path_(std::move(path)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    // Only after a failure: nothing depends on the removal.
    if (temporary_) static_cast<void>(files_.remove(*temporary_));
  }

  /// `io` with std::errc::file_exists where the name is taken already.
  [[nodiscard]] Result<void> create(unsigned mode) {
    if (auto existing = files_.open_existing(path_); existing) return exists();
    const NativePath base = with_suffix(shortened(path_, most_behind), ".tmp");
    for (unsigned number = 0; number < most_tries; ++number) {
      NativePath name = with_suffix(base, std::to_string(number));
      auto file = files_.create_exclusive(name, mode);
      if (!file) {
        if (files_.exists_already(file.error())) continue;
        return file.error();
      }
      temporary_.emplace(std::move(name));
      file_ = std::move(*file);
      return {};
    }
    return Error(Errc::io, std::make_error_code(std::errc::file_exists),
                 "too many unfinished copies stand beside that name: remove the .tmp files");
  }

  [[nodiscard]] Result<void> append(Bytes bytes) {
    unsigned fruitless = 0;
    while (!bytes.empty()) {
      const auto count = files_.write_at(file_, bytes, size_);
      if (count && *count > 0 && *count <= bytes.size()) {
        bytes = bytes.subspan(*count);
        size_ += *count;
        fruitless = 0;
        continue;
      }
      if (count) return Error(Errc::short_write);
      if (count.error().system() != std::errc::interrupted || ++fruitless == most_interruptions) {
        return told_as(count.error(), "writing the copy failed: make room or check the device, then copy again");
      }
    }
    return {};
  }

  /// The file is there under its name, durably.
  [[nodiscard]] Result<void> finish() {
    constexpr const char* what = "fsync of the copy failed: check the device, then copy again";
    if (auto synced = files_.sync_all(file_); !synced) return told_as(synced.error(), what);
    if (auto closed = files_.close(file_); !closed) return told_as(closed.error(), what);
    if (auto renamed = files_.rename_new(*temporary_, path_); !renamed) {
      return files_.exists_already(renamed.error()) ? exists() : renamed;
    }
    temporary_.reset();
    return files_.sync_directory_of(path_);
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// The error, with the name of the new file.
  [[nodiscard]] Error in_file(const Error& error) const noexcept { return detail::in_file(error, path_); }

 private:
  static constexpr unsigned most_tries = 1000;
  static constexpr std::size_t most_behind = 8;  // ".tmp" and a number
  static constexpr unsigned most_interruptions = 100;

  [[nodiscard]] static Result<void> exists() noexcept {
    return Error(Errc::io, std::make_error_code(std::errc::file_exists),
                 "a file of that name exists and was left as it is: choose another name, or remove it first");
  }

  [[no_unique_address]] FileSystem files_;
  NativePath path_;
  std::optional<NativePath> temporary_;  // while it is to be removed
  File file_;
  std::uint64_t size_ = 0;
};

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_NEW_FILE_HPP
