// SPDX-License-Identifier: MIT
//
// MemoryStorage: a log's bytes in memory, for the tests of programs that use a log.
// It is a handle: copies share one disk, so the copy that a test keeps shows what the log's copy wrote. All its calls
// may be made from any thread. It cannot crash, fill up or fail: those are left to storages made for that.

#ifndef REWAL_STORAGE_MEMORY_STORAGE_HPP
#define REWAL_STORAGE_MEMORY_STORAGE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal {

namespace detail {

/// MemoryStorage; a template so that it is compiled where it is used only.
template <class = void>
class BasicMemoryStorage {
 public:
  /// Bytes that preserve() kept.
  struct SavedCopy {
    std::string name;
    std::vector<std::byte> bytes;
  };

  /// An empty disk.
  BasicMemoryStorage() : disk_(std::make_shared<Disk>()) {}
  BasicMemoryStorage(const BasicMemoryStorage& other) noexcept : disk_(other.disk_) {}
  BasicMemoryStorage(BasicMemoryStorage&& other) noexcept : disk_(other.disk_), closed_(other.closed_) {}
  BasicMemoryStorage& operator=(const BasicMemoryStorage& other) noexcept {
    if (this != &other) {
      disk_ = other.disk_;
      closed_ = false;
    }
    return *this;
  }
  BasicMemoryStorage& operator=(BasicMemoryStorage&& other) noexcept {
    disk_ = other.disk_;
    closed_ = other.closed_;
    return *this;
  }
  ~BasicMemoryStorage() = default;

  /// Appends all of it or, if memory is short, nothing.
  [[nodiscard]] Result<std::size_t> write(Bytes bytes) {
    const std::lock_guard lock(disk_->mutex);
    if (closed_) return Errc::closed;
    if (bytes.size() > most_bytes - disk_->size) return not_enough_memory();
    return or_not_enough_memory([&]() -> Result<std::size_t> {
      disk_->append(bytes);
      return bytes.size();
    });
  }

  [[nodiscard]] Result<void> sync() {
    const std::shared_lock lock(disk_->mutex);
    if (closed_) return Errc::closed;
    return {};
  }

  /// Ends this handle's reads and writes.
  [[nodiscard]] Result<void> close() {
    const std::lock_guard lock(disk_->mutex);
    closed_ = true;
    return {};
  }

  [[nodiscard]] Result<std::uint64_t> size() const {
    const std::shared_lock lock(disk_->mutex);
    if (closed_) return Errc::closed;
    return std::uint64_t{disk_->size};
  }

  /// Makes `n` the end; beyond the end it adds zeros.
  [[nodiscard]] Result<void> truncate(std::uint64_t n) {
    const std::lock_guard lock(disk_->mutex);
    if (closed_) return Errc::closed;
    if (n > most_bytes) return not_enough_memory();
    return or_not_enough_memory([&]() -> Result<void> {
      disk_->resize(static_cast<std::size_t>(n));
      return {};
    });
  }

  /// Copies from `offset` on; short only at the end, where it is 0.
  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    const std::shared_lock lock(disk_->mutex);
    if (closed_) return Errc::closed;
    if (offset >= disk_->size || into.empty()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    const std::size_t count = (std::min)(into.size(), disk_->size - from);
    std::memcpy(into.data(), disk_->data() + from, count);
    return count;
  }

  /// Keeps a copy of bytes about to be cut as `memory.cut-<offset>`; `.1`, `.2` follow where a different copy of that
  /// name exists. Returns its name.
  [[nodiscard]] Result<std::string> preserve(std::uint64_t offset, Bytes bytes) {
    const std::lock_guard lock(disk_->mutex);
    if (closed_) return Errc::closed;
    return or_not_enough_memory([&]() -> Result<std::string> { return disk_->keep(offset, bytes); });
  }

  /// The whole content now, whether or not a handle is closed, also while a log writes. The view stays valid for as
  /// long as a handle on this disk lives. Writes never change what it shows; after a truncate, which only opening a
  /// damaged log or closing in the middle of a write calls, bytes behind the cut may be overwritten.
  [[nodiscard]] Bytes bytes() const {
    const std::shared_lock lock(disk_->mutex);
    return {disk_->data(), disk_->size};
  }

  /// The copies that preserve() kept, oldest first.
  [[nodiscard]] std::vector<SavedCopy> preserved() const {
    const std::shared_lock lock(disk_->mutex);
    return disk_->copies;
  }

 private:
  static constexpr std::size_t most_bytes = (std::numeric_limits<std::size_t>::max)() / 2;

  /// What the handles share. Buffers that became too small are kept, so that views of them stay valid: each is at least
  /// twice as large as the one before, so together they are no larger than the last.
  struct Disk {
    [[nodiscard]] std::byte* data() const noexcept { return buffers.empty() ? nullptr : buffers.back().get(); }

    void append(Bytes added) {
      if (added.empty()) return;
      reserve(added.size());
      std::memcpy(data() + size, added.data(), added.size());
      size += added.size();
    }

    void resize(std::size_t n) {
      if (n > size) {
        reserve(n - size);
        std::memset(data() + size, 0, n - size);
      }
      size = n;
    }

    void reserve(std::size_t more) {
      if (more <= capacity - size) return;
      const std::size_t larger = (std::max)({capacity * 2, size + more, std::size_t{4096}});
      buffers.reserve(buffers.size() + 1);
      std::unique_ptr<std::byte[]> grown(new std::byte[larger]);
      if (size > 0) std::memcpy(grown.get(), data(), size);
      buffers.push_back(std::move(grown));
      capacity = larger;
    }

    [[nodiscard]] std::string keep(std::uint64_t offset, Bytes bytes) {
      const std::string base = "memory.cut-" + std::to_string(offset);
      std::string name = base;
      for (std::size_t number = 1;; ++number) {
        const auto same_name =
            std::find_if(copies.begin(), copies.end(), [&](const auto& copy) { return copy.name == name; });
        if (same_name == copies.end()) break;
        if (as_text(bytes_of(same_name->bytes)) == as_text(bytes)) return name;
        name = base + "." + std::to_string(number);
      }
      copies.push_back({name, std::vector<std::byte>(bytes.begin(), bytes.end())});
      return name;
    }

    std::shared_mutex mutex;                            // guards everything here, and the handles' closed flags
    std::vector<std::unique_ptr<std::byte[]>> buffers;  // the last is in use
    std::size_t capacity = 0;                           // of the last
    std::size_t size = 0;
    std::vector<SavedCopy> copies;
  };

  std::shared_ptr<Disk> disk_;  // never null
  bool closed_ = false;         // under the disk's mutex
};

}  // namespace detail

/// A storage in memory.
///
///     rewal::MemoryStorage disk;
///     auto wal = rewal::Wal<>::open("name").storage(disk).build();   // the log gets a copy of the handle
///     ...
///     wal->shutdown(); disk.bytes();                                 // what it wrote
///     rewal::Wal<>::open("name").storage(disk).build();              // opens the same content again
///
/// A copy is a new handle on the same content and is open, even if the one it was copied from is closed. A move takes
/// the handle with its state, and leaves an equal one behind. Closing a handle ends its own reads and writes; the
/// content stays for the others and for bytes(). Nothing stops two logs from using one disk at once: do not.
class MemoryStorage : public detail::BasicMemoryStorage<> {};

}  // namespace rewal

#endif  // REWAL_STORAGE_MEMORY_STORAGE_HPP
