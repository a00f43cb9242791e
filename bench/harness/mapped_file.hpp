// SPDX-License-Identifier: MIT
//
// MappedFile: a file opened and mapped for reading with plain calls, the yardstick of what the log reads.

#ifndef REWAL_BENCH_MAPPED_FILE_HPP
#define REWAL_BENCH_MAPPED_FILE_HPP

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <rewal/crc32c/crc32c.hpp>

#include "check.hpp"

namespace bench {

class MappedFile {
 public:
  explicit MappedFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) die("cannot open " + path);
    size_ = static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END));
    void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_, 0);
    if (mapped == MAP_FAILED) die("cannot map " + path);
    data_ = static_cast<const std::byte*>(mapped);
  }
  ~MappedFile() {
    ::munmap(const_cast<std::byte*>(data_), size_);
    ::close(fd_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// One pass over frames of this size with the log's own kernel; how many hold the checksum they end with.
  [[nodiscard]] std::uint64_t right_checksums(std::size_t frame) const {
    std::uint64_t right = 0;
    for (std::size_t at = 0; at + frame <= size_; at += frame) {
      const std::byte* const end = data_ + at + frame - 4;
      std::uint32_t stored = 0;
      std::memcpy(&stored, end, sizeof stored);
      right += rewal::detail::crc32c(0, data_ + at, frame - 4) == stored ? 1u : 0u;
    }
    return right;
  }

 private:
  int fd_;
  std::size_t size_ = 0;
  const std::byte* data_ = nullptr;
};

}  // namespace bench

#endif  // REWAL_BENCH_MAPPED_FILE_HPP
