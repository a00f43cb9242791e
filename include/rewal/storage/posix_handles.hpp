// SPDX-License-Identifier: MIT
//
// What POSIX systems hand out for a file: PosixFile, an open descriptor with the lock that was taken through it, and
// PosixRegion, a mapping. Each belongs to one owner; both give back what they hold when they go.
// What is done with them is left to posix_file.hpp.

#ifndef REWAL_STORAGE_POSIX_HANDLES_HPP
#define REWAL_STORAGE_POSIX_HANDLES_HPP

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <cstddef>
#include <utility>

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

namespace rewal::detail {

/// An open descriptor, closed with the object. Movable.
class PosixFile {
 public:
  PosixFile() noexcept = default;
  explicit PosixFile(int descriptor) noexcept : descriptor_(descriptor) {}
  PosixFile(PosixFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), locked_by_(std::exchange(other.locked_by_, 0)) {}
  PosixFile& operator=(PosixFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(locked_by_, other.locked_by_);
    return *this;
  }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  [[nodiscard]] ::pid_t locked_by() const noexcept { return locked_by_; }
  void set_locked_by(::pid_t process) noexcept { locked_by_ = process; }

 private:
  int descriptor_ = -1;
  ::pid_t locked_by_ = 0;
};

/// A read-only mapping of the first bytes of a file, unmapped with the object. Movable.
class PosixRegion {
 public:
  PosixRegion(void* data, std::size_t size) noexcept : data_(data), size_(size) {}
  PosixRegion(PosixRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PosixRegion& operator=(PosixRegion&&) = delete;
  ~PosixRegion() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }

  [[nodiscard]] const std::byte* data() const noexcept { return static_cast<const std::byte*>(data_); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  void* data_;
  std::size_t size_;
};

}  // namespace rewal::detail

#endif  // REWAL_POSIX

#endif  // REWAL_STORAGE_POSIX_HANDLES_HPP
