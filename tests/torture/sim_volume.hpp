// SPDX-License-Identifier: MIT
//
// SimVolume: a machine with files and one directory in memory that know what an fsync has made durable. It knows nothing
// of frames; what an image means is left to the oracle. Its lock is taken by who calls.
//
// A sync that fails drops the dirty sectors and calls them clean: reads still show them, the disk has some of them or
// none, and no later sync brings them, unless the sector is written again.

#ifndef REWAL_TESTS_TORTURE_SIM_VOLUME_HPP
#define REWAL_TESTS_TORTURE_SIM_VOLUME_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>

#include <torture/disk_state.hpp>
#include <torture/oracle.hpp>
#include <torture/report.hpp>

namespace rewal_torture {

enum class OpKind : std::uint8_t { create, write, truncate, allocate, sync, rename, remove, sync_directory };

inline const char* name_of(OpKind kind) {
  constexpr const char* names[] = {"create", "write",  "truncate", "allocate",
                                   "sync",   "rename", "remove",   "sync directory"};
  return names[static_cast<std::size_t>(kind)];
}

struct Op {
  OpKind kind;
  std::string name;           // of the file
  std::uint64_t offset = 0;   // where it writes or cuts
  std::uint64_t size = 0;     // how much it writes
  std::uint64_t durable = 0;  // before it, this many of the file's first bytes were durable as they stood
};

/// The machine: its running state and its disk.
class SimVolume {
 public:
  static constexpr std::size_t capacity_bytes = 256 * 1024;  // of a file

  /// A file in the page cache. Mapped readers keep it alive.
  struct Inode {
    std::unique_ptr<std::byte[]> bytes{new std::byte[capacity_bytes]{}};
    std::uint64_t size = 0;
    bool locked = false;
  };

  /// Called before each operation, with nothing locked by the caller but the volume.
  std::function<void(const SimVolume&, const Op&)> before_operation;
  /// May refuse an operation; a refused sync drops what it should have written.
  std::function<std::optional<int>(const Op&)> refuse;
  std::uint64_t loss_seed = 1;  // which of the dropped sectors reached the disk all the same; 0: none

  SimVolume() = default;
  /// The machine after a restart.
  explicit SimVolume(const Directory& found) {
    for (const auto& [name, bytes] : found) {
      const std::size_t number = add_file();
      auto& inode = *inodes_[number];
      inode.size = bytes.size();
      std::copy(bytes.begin(), bytes.end(), inode.bytes.get());
      auto& file = disk_.files[number];
      file.durable = bytes;
      file.durable_size = bytes.size();
      names_[name] = number;
      disk_.durable_names[name] = number;
    }
  }

  // ---- for the test ----------------------------------------------------------------------------------------------

  [[nodiscard]] const DiskState& disk() const { return disk_; }
  [[nodiscard]] const std::vector<Op>& operations() const { return operations_; }
  /// A file as the running machine shows it.
  [[nodiscard]] std::optional<Image> visible(const std::string& name) const {
    const auto found = names_.find(name);
    if (found == names_.end()) return std::nullopt;
    const Inode& inode = *inodes_[found->second];
    return Image(inode.bytes.get(), inode.bytes.get() + inode.size);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, number] : names_) all.push_back(name);
    return all;
  }
  /// Whether a crash now could change nothing about the file.
  [[nodiscard]] bool is_durable(const std::string& name) const {
    const auto found = names_.find(name);
    const auto durable = disk_.durable_names.find(name);
    if (found == names_.end() || durable == disk_.durable_names.end() || found->second != durable->second) return false;
    for (const auto& change : disk_.unsynced_names) {
      if (change.removed == name || (change.added && change.added->first == name)) return false;
    }
    const Inode& inode = *inodes_[found->second];
    return disk_.files[found->second].durable_size == inode.size && durable_prefix(found->second) == inode.size;
  }

  // ---- for the file system; all of them under the lock -----------------------------------------------------------

  std::mutex mutex;

  [[nodiscard]] std::optional<std::size_t> find(const std::string& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] const std::shared_ptr<Inode>& inode(std::size_t number) const { return inodes_[number]; }

  std::optional<int> create(const std::string& name, std::size_t& number) {
    if (const auto refused = begin({OpKind::create, name})) return refused;
    number = add_file();
    names_[name] = number;
    disk_.unsynced_names.push_back({std::nullopt, std::pair(name, number)});
    return std::nullopt;
  }
  std::optional<int> write(std::size_t number, rewal::Bytes bytes, std::uint64_t offset) {
    if (const auto refused =
            begin({OpKind::write, name_of_file(number), offset, bytes.size(), durable_prefix(number)})) {
      return refused;
    }
    Inode& inode = *inodes_[number];
    if (offset + bytes.size() > capacity_bytes) return ENOSPC;
    std::memcpy(inode.bytes.get() + offset, bytes.data(), bytes.size());
    const std::uint64_t end = offset + bytes.size();
    if (end > inode.size) resize(number, end);
    note_sectors(number, offset, end);
    return std::nullopt;
  }
  std::optional<int> truncate(std::size_t number, std::uint64_t size) {
    if (const auto refused = begin({OpKind::truncate, name_of_file(number), size})) return refused;
    Inode& inode = *inodes_[number];
    if (size > capacity_bytes) return EFBIG;
    if (size < inode.size) {
      const std::uint64_t old_size = inode.size;
      std::memset(inode.bytes.get() + size, 0, static_cast<std::size_t>(old_size - size));
      resize(number, size);
      const std::uint64_t block_end = (size + block_bytes - 1) / block_bytes * block_bytes;
      note_sectors(number, size, (std::min)(old_size, block_end));
      note_sectors(number, block_end, old_size, ++disk_.files[number].unsynced_cuts);
    } else if (size > inode.size) {
      resize(number, size);
    }
    return std::nullopt;
  }
  std::optional<int> allocate(std::size_t number, std::uint64_t to) {
    if (const auto refused = begin({OpKind::allocate, name_of_file(number), inodes_[number]->size, to})) return refused;
    if (to > capacity_bytes) return ENOSPC;
    if (to > inodes_[number]->size) resize(number, to);
    return std::nullopt;
  }
  std::optional<int> sync(std::size_t number) {
    const auto refused = begin({OpKind::sync, name_of_file(number)});
    DiskFile& file = disk_.files[number];
    Random chance(loss_seed);
    for (const auto& [sector, contents] : file.unsynced) {
      if (!refused || (loss_seed != 0 && chance.below(2) == 0)) file.put(sector, contents.back().content);
    }
    file.unsynced.clear();
    file.unsynced_cuts = 0;
    if (refused) return refused;
    file.durable_size = inodes_[number]->size;
    file.unsynced_sizes.clear();
    return std::nullopt;
  }
  std::optional<int> sync_directory() {
    const auto refused = begin({OpKind::sync_directory, {}});
    if (!refused) disk_.durable_names = names_;
    disk_.unsynced_names.clear();
    return refused;
  }
  std::optional<int> rename_new(const std::string& from, const std::string& to) {
    if (const auto refused = begin({OpKind::rename, from})) return refused;
    if (!names_.contains(from)) return ENOENT;
    if (names_.contains(to)) return EEXIST;
    const std::size_t number = names_[from];
    names_.erase(from);
    names_[to] = number;
    disk_.unsynced_names.push_back({from, std::pair(to, number)});
    return std::nullopt;
  }
  std::optional<int> remove(const std::string& name) {
    if (const auto refused = begin({OpKind::remove, name})) return refused;
    if (names_.erase(name) == 0) return ENOENT;
    disk_.unsynced_names.push_back({name, std::nullopt});
    return std::nullopt;
  }

 private:
  std::optional<int> begin(Op op) {
    if (before_operation) before_operation(*this, op);
    operations_.push_back(op);
    return refuse ? refuse(operations_.back()) : std::nullopt;
  }
  std::size_t add_file() {
    inodes_.push_back(std::make_shared<Inode>());
    disk_.files.emplace_back();
    return inodes_.size() - 1;
  }
  void resize(std::size_t number, std::uint64_t size) {
    inodes_[number]->size = size;
    disk_.files[number].unsynced_sizes.push_back(size);
  }
  [[nodiscard]] Sector cached_sector(std::size_t number, std::size_t sector) const {
    Sector content{};
    const Inode& inode = *inodes_[number];
    const std::uint64_t at = sector * sector_bytes;
    if (at < inode.size) {
      std::memcpy(content.data(), inode.bytes.get() + at,
                  static_cast<std::size_t>((std::min<std::uint64_t>)(sector_bytes, inode.size - at)));
    }
    return content;
  }
  void note_sectors(std::size_t number, std::uint64_t from, std::uint64_t to, std::size_t cut = 0) {
    auto& unsynced = disk_.files[number].unsynced;
    for (auto sector = static_cast<std::size_t>(from / sector_bytes); sector * sector_bytes < to; ++sector) {
      unsynced[sector].push_back({cached_sector(number, sector), cut});
    }
  }
  /// How many of the first bytes the disk holds as the machine shows them.
  [[nodiscard]] std::uint64_t durable_prefix(std::size_t number) const {
    const DiskFile& file = disk_.files[number];
    const Inode& inode = *inodes_[number];
    std::uint64_t end = (std::min)(inode.size, file.durable_size);
    for (const std::uint64_t size : file.unsynced_sizes) end = (std::min)(end, size);
    for (std::uint64_t at = 0; at < end; at += sector_bytes) {
      const auto sector = static_cast<std::size_t>(at / sector_bytes);
      const auto size = static_cast<std::size_t>((std::min<std::uint64_t>)(sector_bytes, end - at));
      const Sector cached = cached_sector(number, sector);
      const auto differs = [&](const Version& other) {
        return std::memcmp(other.content.data(), cached.data(), size) != 0;
      };
      bool durable = !differs({file.durable_sector(sector)});
      if (const auto found = file.unsynced.find(sector); found != file.unsynced.end()) {
        durable = durable && std::none_of(found->second.begin(), found->second.end(), differs);
      }
      if (!durable) return at;
    }
    return end;
  }
  [[nodiscard]] std::string name_of_file(std::size_t number) const {
    for (const auto& [name, other] : names_) {
      if (other == number) return name;
    }
    return "(unlinked)";
  }

  std::vector<std::shared_ptr<Inode>> inodes_;
  std::map<std::string, std::size_t> names_;
  std::vector<Op> operations_;
  DiskState disk_;
};

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_SIM_VOLUME_HPP
