// SPDX-License-Identifier: MIT
//
// OpenFile, a file opened for reading alone, and SliceStorage, a part of it as a storage that a Reader can read as if
// it were a whole log: so the frames behind a damaged place are read by the same code as those before it.
// Any thread may read; nothing is ever written, locked or fsynced.

#ifndef WALCTL_SLICE_STORAGE_HPP
#define WALCTL_SLICE_STORAGE_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>

namespace walctl {

class OpenFile {
 public:
  static rewal::Result<std::shared_ptr<const OpenFile>> open(const std::string& path) {
    // Without O_NONBLOCK a FIFO would wait for its writer.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) return failure("opening the file failed: check its path and permissions");
    auto file = std::make_shared<const OpenFile>(descriptor);
    struct ::stat status {};
    if (::fstat(descriptor, &status) != 0) return failure("asking for the file's size failed: check the device");
    if (!S_ISREG(status.st_mode)) {
      return rewal::Error(rewal::Errc::io, std::make_error_code(std::errc::invalid_argument),
                          "this is no regular file: pass a file's path");
    }
    return file;
  }

  explicit OpenFile(int descriptor) noexcept : descriptor_(descriptor) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(descriptor_); }

  [[nodiscard]] rewal::Result<std::uint64_t> size() const {
    struct ::stat status {};
    if (::fstat(descriptor_, &status) != 0) return failure("asking for the file's size failed: check the device");
    return static_cast<std::uint64_t>(status.st_size);
  }
  /// Whether it was written to within the last seconds, so that somebody may be at it.
  [[nodiscard]] bool is_fresh() const {
    struct ::stat status {};
    return ::fstat(descriptor_, &status) == 0 && ::time(nullptr) - status.st_mtime <= 2;
  }
  /// Whether somebody removed it meanwhile.
  [[nodiscard]] bool is_removed() const {
    struct ::stat status {};
    return ::fstat(descriptor_, &status) == 0 && status.st_nlink == 0;
  }
  [[nodiscard]] rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    for (;;) {
      const auto count = ::pread(descriptor_, into.data(), into.size(), static_cast<::off_t>(offset));
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return failure("reading the file failed: check the device");
    }
  }

 private:
  static rewal::Error failure(const char* what) {
    return {rewal::Errc::io, std::error_code(errno, std::system_category()), what};
  }

  int descriptor_;
};

class SliceStorage {
 public:
  /// The bytes [begin, end) of the file.
  SliceStorage(std::shared_ptr<const OpenFile> file, std::uint64_t begin, std::uint64_t end) noexcept
      : file_(std::move(file)), begin_(begin), end_(std::max(begin, end)) {}

  rewal::Result<std::uint64_t> size() const { return end_ - begin_; }
  rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    if (offset >= end_ - begin_) return std::size_t{0};
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), end_ - begin_ - offset));
    return file_->read_at(into.first(size), begin_ + offset);
  }
  rewal::Result<void> close() { return {}; }

  rewal::Result<std::size_t> write(rewal::Bytes) { return rewal::Errc::invalid_state; }
  rewal::Result<void> sync() { return rewal::Errc::invalid_state; }
  rewal::Result<void> truncate(std::uint64_t) { return rewal::Errc::invalid_state; }

 private:
  std::shared_ptr<const OpenFile> file_;
  std::uint64_t begin_;
  std::uint64_t end_;
};

}  // namespace walctl

#endif  // WALCTL_SLICE_STORAGE_HPP
