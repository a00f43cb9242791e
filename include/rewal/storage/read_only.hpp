// SPDX-License-Identifier: MIT
//
// ReadOnlyFile: the bytes of a file that belongs to somebody else, and ReadOnly: any storage, as far as a reader may use
// it. Neither locks, writes or fsyncs anything. Any number of threads may read.
// What the bytes mean is left to the reader.
//
// Whoever owns the file may make it shorter: a log that is closed cuts its preallocated space. What was there when the
// reader took its length reads as zeros then, as that space does; it is never mapped, so nothing dies of SIGBUS.

#ifndef REWAL_STORAGE_READ_ONLY_HPP
#define REWAL_STORAGE_READ_ONLY_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/fwd.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/native_file.hpp>
#include <rewal/storage/path.hpp>

namespace rewal {
namespace detail {

template <class FileSystem>
class BasicReadOnlyFile {
 public:
  /// Opens what is there, for reading alone.
  [[nodiscard]] static Result<BasicReadOnlyFile> open(const PathArg& path, FileSystem files = {}) {
    if (auto usable = path.usable(); !usable) return usable.error();
    auto file = files.open_existing(path.native());
    if (!file) return detail::in_file(file.error(), path.native());
    return or_not_enough_memory([&]() -> Result<BasicReadOnlyFile> {
      return BasicReadOnlyFile(std::move(files), std::move(*file), path.native());
    });
  }

  [[nodiscard]] Result<std::uint64_t> size() const { return named_by(*this, files_.size(file_)); }
  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    return named_by(*this, files_.read_at(file_, into, offset));
  }
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const noexcept {
    if constexpr (requires { files_.next_data(file_, offset); }) return files_.next_data(file_, offset);
    return offset;
  }

  /// The error, with the name of this file.
  [[nodiscard]] Error in_file(const Error& error) const noexcept { return detail::in_file(error, path_); }

 private:
  BasicReadOnlyFile(FileSystem files, typename FileSystem::File file, NativePath path) noexcept
      : files_(std::move(files)), file_(std::move(file)), path_(std::move(path)) {}

  [[no_unique_address]] FileSystem files_;
  typename FileSystem::File file_;
  NativePath path_;
};

/// `size` and `read_at` of a storage, and nothing else of it.
template <class S>
class ReadOnly {
 public:
  explicit ReadOnly(S storage) : storage_(std::move(storage)) {}

  [[nodiscard]] Result<std::uint64_t> size() { return storage_.size(); }
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) {
    if constexpr (requires { storage_.next_data(offset); }) return storage_.next_data(offset);
    return offset;
  }

  [[nodiscard]] Error in_file(const Error& error) const noexcept { return named_by(storage_, error); }

  /// Of bytes that were there once: those that are there no more are zeros.
  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    auto count = storage_.read_at(into, offset);
    if (!count || *count != 0 || into.empty()) return count;
    std::memset(into.data(), 0, into.size());
    return into.size();
  }

 private:
  S storage_;
};

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_STORAGE_READ_ONLY_HPP
