// SPDX-License-Identifier: MIT
//
// RawFile: a fresh file written with plain system calls, the yardstick of what the log writes. Gone with the object.

#ifndef REWAL_BENCH_RAW_FILE_HPP
#define REWAL_BENCH_RAW_FILE_HPP

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "check.hpp"
#include "setting.hpp"

namespace bench {

class RawFile {
 public:
  /// With `reserve`, space of that size is allocated and on disk before anything is written.
  explicit RawFile(const std::string& name, std::uint64_t reserve = 0)
      : path_(setting().fresh(name)), fd_(::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644)) {
    if (fd_ < 0) die("cannot create " + path_);
    if (reserve != 0 && (::posix_fallocate(fd_, 0, static_cast<off_t>(reserve)) != 0 || ::fsync(fd_) != 0)) {
      die("cannot reserve space in " + path_);
    }
  }
  ~RawFile() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  void write(const void* data, std::size_t size) {
    if (::write(fd_, data, size) != static_cast<ssize_t>(size)) die("a raw write failed");
    written_ += size;
  }
  void sync() {
    if (::fdatasync(fd_) != 0) die("a raw fdatasync failed");
  }

  /// `bytes` in pieces of the given ones.
  void write_in_pieces(const std::string& piece, std::uint64_t bytes) {
    for (std::uint64_t left = bytes; left > 0;) {
      const auto size = static_cast<std::size_t>((std::min<std::uint64_t>)(left, piece.size()));
      write(piece.data(), size);
      left -= size;
    }
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  std::string path_;
  int fd_;
  std::uint64_t written_ = 0;
};

}  // namespace bench

#endif  // REWAL_BENCH_RAW_FILE_HPP
