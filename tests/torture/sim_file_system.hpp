// SPDX-License-Identifier: MIT
//
// SimFileSystem: the file system under FileStorage, over a simulated volume; and FileStorage itself on it. All calls may
// come from any thread.

#ifndef REWAL_TESTS_TORTURE_SIM_FILE_SYSTEM_HPP
#define REWAL_TESTS_TORTURE_SIM_FILE_SYSTEM_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/storage.hpp>

#include <torture/sim_volume.hpp>

namespace rewal_torture {

inline rewal::Error sim_error(int number) {
  return {rewal::Errc::io, std::error_code(number, std::generic_category())};
}
inline rewal::Result<void> sim_result(const std::optional<int>& refused) {
  return refused ? rewal::Result<void>(sim_error(*refused)) : rewal::Result<void>();
}

struct SimFileSystem {
  struct File {
    std::optional<std::size_t> number;
    bool locked = false;
  };
  class Region {
   public:
    Region(std::shared_ptr<SimVolume::Inode> inode, std::size_t size) : inode_(std::move(inode)), size_(size) {}
    [[nodiscard]] const std::byte* data() const { return inode_->bytes.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }

   private:
    std::shared_ptr<SimVolume::Inode> inode_;
    std::size_t size_;
  };
  using Path = rewal::detail::NativePath;
  template <class T>
  using Result = rewal::Result<T>;
  static constexpr bool maps_past_the_end = false;

  std::shared_ptr<SimVolume> volume = std::make_shared<SimVolume>();

  Result<File> open_or_create(const Path& path) {
    const std::lock_guard lock(volume->mutex);
    const std::string name = rewal::detail::to_utf8(path);
    if (const auto found = volume->find(name)) return File{found};
    std::size_t number = 0;
    if (const auto refused = volume->create(name, number)) return sim_error(*refused);
    return File{number};
  }
  Result<File> create_new(const Path& path, const File&) {
    const std::lock_guard lock(volume->mutex);
    const std::string name = rewal::detail::to_utf8(path);
    if (volume->find(name)) return sim_error(EEXIST);
    std::size_t number = 0;
    if (const auto refused = volume->create(name, number)) return sim_error(*refused);
    return File{number};
  }
  Result<File> open_existing(const Path& path) {
    const std::lock_guard lock(volume->mutex);
    const auto found = volume->find(rewal::detail::to_utf8(path));
    return found ? Result<File>(File{found}) : Result<File>(sim_error(ENOENT));
  }
  Result<std::uint64_t> size(const File& file) {
    const std::lock_guard lock(volume->mutex);
    return std::uint64_t{volume->inode(*file.number)->size};
  }
  Result<rewal::detail::FileStatus> status(const File& file) {
    return rewal::detail::FileStatus{size(file).value(), true};
  }
  Result<std::size_t> read_at(const File& file, std::span<std::byte> into, std::uint64_t offset) {
    const std::lock_guard lock(volume->mutex);
    const auto& inode = *volume->inode(*file.number);
    if (offset >= inode.size) return std::size_t{0};
    const auto count = static_cast<std::size_t>((std::min<std::uint64_t>)(into.size(), inode.size - offset));
    std::memcpy(into.data(), inode.bytes.get() + offset, count);
    return count;
  }
  Result<std::size_t> write_at(const File& file, rewal::Bytes bytes, std::uint64_t offset) {
    const std::lock_guard lock(volume->mutex);
    if (const auto refused = volume->write(*file.number, bytes, offset)) return sim_error(*refused);
    return bytes.size();
  }
  Result<void> truncate(const File& file, std::uint64_t size) {
    const std::lock_guard lock(volume->mutex);
    return sim_result(volume->truncate(*file.number, size));
  }
  Result<void> allocate(const File& file, std::uint64_t, std::uint64_t to) {
    const std::lock_guard lock(volume->mutex);
    return sim_result(volume->allocate(*file.number, to));
  }
  Result<void> sync_data(const File& file) {
    const std::lock_guard lock(volume->mutex);
    return sim_result(volume->sync(*file.number));
  }
  Result<void> sync_all(const File& file) { return sync_data(file); }
  Result<void> sync_directory_of(const Path&) {
    const std::lock_guard lock(volume->mutex);
    return sim_result(volume->sync_directory());
  }
  Result<void> lock(File& file) {
    const std::lock_guard lock(volume->mutex);
    auto& inode = *volume->inode(*file.number);
    if (inode.locked) return rewal::Errc::file_locked;
    inode.locked = file.locked = true;
    return {};
  }
  [[nodiscard]] bool holds_lock(const File& file) const { return file.locked; }
  Result<void> unlock(File& file) {
    const std::lock_guard lock(volume->mutex);
    volume->inode(*file.number)->locked = file.locked = false;
    return {};
  }
  Result<void> close(File& file) {
    file.number.reset();
    return {};
  }
  Result<Region> map(const File& file, std::size_t size) {
    const std::lock_guard lock(volume->mutex);
    return Region(volume->inode(*file.number), size);
  }
  [[nodiscard]] static bool refused_by_mapping(const rewal::Error&) { return false; }
  Result<void> rename_new(const Path& from, const Path& to) {
    const std::lock_guard lock(volume->mutex);
    return sim_result(volume->rename_new(rewal::detail::to_utf8(from), rewal::detail::to_utf8(to)));
  }
  Result<void> remove(const Path& path) {
    const std::lock_guard lock(volume->mutex);
    return sim_result(volume->remove(rewal::detail::to_utf8(path)));
  }
  [[nodiscard]] static bool exists_already(const rewal::Error& error) { return error.system().value() == EEXIST; }
};

/// FileStorage itself, on the simulated disk.
using SimFileStorage = rewal::detail::BasicFileStorage<SimFileSystem>;
static_assert(rewal::Storage<SimFileStorage>);

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_SIM_FILE_SYSTEM_HPP
