// SPDX-License-Identifier: MIT
//
// What Windows hands out, and gives back with the object that owns it: an open file, a view of one. Movable, each used
// as its owner says. The calls on them are those of windows_file.hpp.

#ifndef REWAL_STORAGE_WINDOWS_HANDLES_HPP
#define REWAL_STORAGE_WINDOWS_HANDLES_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <cstddef>
#include <utility>

#include <rewal/storage/windows_api.hpp>

namespace rewal::detail {

/// An open handle, closed with the object. Movable.
class WindowsFile {
 public:
  WindowsFile() noexcept = default;
  explicit WindowsFile(windows::Handle handle) noexcept : handle_(handle) {}
  WindowsFile(WindowsFile&& other) noexcept
      : handle_(std::exchange(other.handle_, windows::no_file)), locked_(std::exchange(other.locked_, false)) {}
  WindowsFile& operator=(WindowsFile&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(locked_, other.locked_);
    return *this;
  }
  WindowsFile(const WindowsFile&) = delete;
  WindowsFile& operator=(const WindowsFile&) = delete;
  ~WindowsFile() {
    if (handle_ != windows::no_file) ::CloseHandle(handle_);
  }

  [[nodiscard]] windows::Handle handle() const noexcept { return handle_; }
  [[nodiscard]] windows::Handle release() noexcept { return std::exchange(handle_, windows::no_file); }
  [[nodiscard]] bool locked() const noexcept { return locked_; }
  void set_locked(bool locked) noexcept { locked_ = locked; }

 private:
  windows::Handle handle_ = windows::no_file;
  bool locked_ = false;
};

/// A read-only view of the first bytes of a file, unmapped with the object. Movable.
class WindowsRegion {
 public:
  WindowsRegion(void* data, std::size_t size) noexcept : data_(data), size_(size) {}
  WindowsRegion(WindowsRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  WindowsRegion& operator=(WindowsRegion&&) = delete;
  ~WindowsRegion() {
    if (data_ != nullptr) ::UnmapViewOfFile(data_);
  }

  [[nodiscard]] const std::byte* data() const noexcept { return static_cast<const std::byte*>(data_); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  void* data_;
  std::size_t size_;
};

}  // namespace rewal::detail

#endif  // REWAL_WINDOWS

#endif  // REWAL_STORAGE_WINDOWS_HANDLES_HPP
