// SPDX-License-Identifier: MIT
//
// Disk: the content of a block device in memory, of which only blocks that were ever written take room, and copies
// share what is the same. A value, used by one thread at a time. What a device does beside storing (flushing, losing) is
// left to the recorder and the cutter.

#ifndef REWAL_TESTS_POWERCUT_DISK_HPP
#define REWAL_TESTS_POWERCUT_DISK_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace rewal_powercut {

[[noreturn]] inline void give_up(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Disk {
 public:
  static constexpr std::uint64_t block_bytes = 4096;

  Disk() = default;
  explicit Disk(std::uint64_t size) : size_(size) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }

  void read(std::uint64_t at, std::span<std::byte> into) const {
    each_block(at, into, [&](std::uint64_t block, std::uint64_t within, std::span<std::byte> part) {
      const auto found = blocks_.find(block);
      if (found == blocks_.end()) {
        std::memset(part.data(), 0, part.size());
      } else {
        std::memcpy(part.data(), found->second->data() + within, part.size());
      }
    });
  }

  void write(std::uint64_t at, std::span<const std::byte> bytes) {
    each_block(at, bytes, [&](std::uint64_t block, std::uint64_t within, std::span<const std::byte> part) {
      auto& content = blocks_[block];
      if (content == nullptr) {
        content = std::make_shared<Block>();
      } else if (content.use_count() > 1) {
        content = std::make_shared<Block>(*content);
      }
      std::memcpy(content->data() + within, part.data(), part.size());
    });
  }

  /// Into an empty file; what was never written is a hole there.
  void store(int file) const {
    if (::ftruncate(file, static_cast<off_t>(size_)) != 0) give_up("making a disk's file as long as the disk");
    for (const auto& [block, content] : blocks_) {
      const auto at = static_cast<off_t>(block * block_bytes);
      if (::pwrite(file, content->data(), block_bytes, at) != static_cast<ssize_t>(block_bytes)) {
        give_up("writing a disk's file");
      }
    }
  }

  [[nodiscard]] static Disk load(int file) {
    struct ::stat status {};
    if (::fstat(file, &status) != 0) give_up("the size of a disk's file");
    Disk disk(static_cast<std::uint64_t>(status.st_size));
    Block block;
    for (off_t at = 0;;) {
      at = ::lseek(file, at, SEEK_DATA);
      if (at < 0) return disk;  // no more data
      at -= at % static_cast<off_t>(block_bytes);
      const auto count = ::pread(file, block.data(), block_bytes, at);
      if (count <= 0) return disk;
      const auto bytes = std::span(block).first(static_cast<std::size_t>(count));
      if (std::any_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != std::byte{}; })) {
        disk.write(static_cast<std::uint64_t>(at), bytes);
      }
      at += static_cast<off_t>(block_bytes);
    }
  }

 private:
  using Block = std::array<std::byte, block_bytes>;

  template <class Bytes, class Each>
  static void each_block(std::uint64_t at, Bytes bytes, Each each) {
    while (!bytes.empty()) {
      const auto within = at % block_bytes;
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), block_bytes - within));
      each(at / block_bytes, within, bytes.first(count));
      bytes = bytes.subspan(count);
      at += count;
    }
  }

  std::uint64_t size_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Block>> blocks_;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_DISK_HPP
