// SPDX-License-Identifier: MIT
//
// Keeps a durable copy of bytes that are about to be cut from a log, as `<file>.cut-<offset>` beside it.
// Called by one thread while the log's lock is held, so no other log works on the same names. An existing different
// copy is never replaced and never mistaken for this one: `.1`, `.2` and so on follow.

#ifndef REWAL_STORAGE_SAVED_COPY_HPP
#define REWAL_STORAGE_SAVED_COPY_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/short_name.hpp>

namespace rewal::detail {

template <class FileSystem>
class SavedCopy {
 public:
  using File = typename FileSystem::File;

  /// `log` lends the copy its permissions.
  SavedCopy(FileSystem& files, const NativePath& log_path, const File& log, std::uint64_t offset)
      : files_(files), log_(log), base_(with_number(shortened(log_path, most_behind), ".cut-", offset)) {}
  SavedCopy(const SavedCopy&) = delete;
  SavedCopy& operator=(const SavedCopy&) = delete;
  ~SavedCopy() {
    // Only after a failure, or when the copy turned out to exist: nothing depends on the removal.
    if (temporary_) static_cast<void>(files_.remove(*temporary_));
  }

  /// Returns the path of the copy once its bytes and its name are durable. May throw std::bad_alloc.
  [[nodiscard]] Result<NativePath> save(Bytes bytes) {
    for (unsigned number = 0; number < most_copies; ++number) {
      const NativePath name = numbered(number);
      // A name that is taken by something that cannot be opened shows when the copy is renamed to it.
      if (auto existing = files_.open_existing(name); existing) {
        if (holds(*existing, bytes)) return made_durable(*existing, name);
        continue;
      }
      if (!temporary_) {
        if (auto written = write_temporary(bytes); !written) return in_file(written.error(), name);
      }
      auto renamed = files_.rename_new(*temporary_, name);
      if (renamed) {
        temporary_.reset();
        if (auto synced = files_.sync_directory_of(name); !synced) return in_file(synced.error(), name);
        return name;
      }
      if (!files_.exists_already(renamed.error())) return in_file(renamed.error(), name);
    }
    return Error(Errc::io, std::make_error_code(std::errc::file_exists),
                 "too many saved copies stand beside the log: move the .cut- files elsewhere");
  }

 private:
  static constexpr unsigned most_copies = 10'000;
  static constexpr std::size_t most_behind = 40;  // ".cut-", an offset, ".", ".tmp" and a number

  // In two steps: g++ 12 warns of the library's own `"." + string`.
  [[nodiscard]] static NativePath with_number(const NativePath& path, std::string_view what, std::uint64_t number) {
    return with_suffix(with_suffix(path, what), std::to_string(number));
  }
  [[nodiscard]] NativePath numbered(unsigned number) const {
    return number == 0 ? base_ : with_number(base_, ".", number);
  }

  /// A name that no crash has left behind, the bytes in it, and an fsync: only a whole copy is ever given its name.
  [[nodiscard]] Result<void> write_temporary(Bytes bytes) {
    for (unsigned number = 0; number < most_copies; ++number) {
      NativePath name = with_number(base_, ".tmp", number);
      auto file = files_.create_new(name, log_);
      if (!file) {
        if (files_.exists_already(file.error())) continue;
        return file.error();
      }
      temporary_.emplace(std::move(name));
      if (auto written = write_all(*file, bytes); !written) return written;
      if (auto synced = files_.sync_all(*file); !synced) return synced;
      return files_.close(*file);
    }
    return Error(Errc::io, std::make_error_code(std::errc::file_exists),
                 "too many unfinished copies stand beside the log: remove the .cut-*.tmp files");
  }

  [[nodiscard]] Result<void> write_all(const File& file, Bytes bytes) {
    std::uint64_t offset = 0;
    unsigned idle = 0;
    while (!bytes.empty()) {
      const auto count = files_.write_at(file, bytes, offset);
      if (count && *count > 0 && *count <= bytes.size()) {
        bytes = bytes.subspan(*count);
        offset += *count;
        idle = 0;
        continue;
      }
      if (count) return Error(Errc::short_write);
      if (count.error().system() != std::errc::interrupted || ++idle == most_interruptions) {
        return told_as(count.error(),
                       "saving what is to be cut failed, and nothing was cut: make room or check the device");
      }
    }
    return {};
  }
  static constexpr unsigned most_interruptions = 100;

  /// Whether the file is this copy. One that cannot be read is another: a further copy is always safe.
  [[nodiscard]] bool holds(const File& file, Bytes bytes) {
    const auto size = files_.size(file);
    if (!size || *size != bytes.size()) return false;
    std::array<std::byte, 4096> buffer;
    std::uint64_t offset = 0;
    while (!bytes.empty()) {
      const auto count = files_.read_at(file, std::span(buffer).first((std::min)(buffer.size(), bytes.size())), offset);
      if (!count || *count == 0 || std::memcmp(buffer.data(), bytes.data(), *count) != 0) return false;
      bytes = bytes.subspan(*count);
      offset += *count;
    }
    return true;
  }

  [[nodiscard]] Result<NativePath> made_durable(const File& file, const NativePath& name) {
    if (auto synced = files_.sync_all(file); !synced) return synced.error();
    if (auto synced = files_.sync_directory_of(name); !synced) return synced.error();
    return name;
  }

  FileSystem& files_;
  const File& log_;
  NativePath base_;
  std::optional<NativePath> temporary_;
};

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_SAVED_COPY_HPP
