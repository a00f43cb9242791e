// SPDX-License-Identifier: MIT
//
// The simulated disk: files and one directory in memory that know what an fsync has made durable and what a crash may
// take away, as a file system under FileStorage (SimFileSystem) and as a Storage of its own (SimDisk).
// All calls may come from any thread. It knows nothing of frames; what an image means is left to the oracle.
//
// WHAT A CRASH MAY LEAVE, each choice independent of all others:
//   - of each 512-byte sector written since the last sync, any content that it has had since then, the durable one
//     included, which is zeros where the file ended before;
//   - of each cut since the last sync, whether it happened: if not, the old bytes are back. A cut within a block of
//   4096
//     bytes zeroes the rest of that block as a write does; what lies behind goes all at once, being metadata;
//   - as the file's size, any that it has had since the last sync, and any multiple of 512 between the smallest and the
//     largest of them; bytes that no sector brings are zeros;
//   - of the names made, changed and removed since the directory was last synced, any subset. A rename is atomic.
// A sync that fails drops the dirty sectors and calls them clean: reads still show them, the disk has some of them or
// none, and no later sync brings them, unless the sector is written again.

#ifndef REWAL_TESTS_TORTURE_SIM_DISK_HPP
#define REWAL_TESTS_TORTURE_SIM_DISK_HPP

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/storage.hpp>

#include <torture/oracle.hpp>
#include <torture/report.hpp>

namespace rewal_torture {

inline constexpr std::size_t sector_bytes = 512;
inline constexpr std::size_t block_bytes = 4096;
using Sector = std::array<std::byte, sector_bytes>;

/// Files by name, as they stand on the disk after a crash.
using Directory = std::map<std::string, Image>;

/// What a sector held at some time. `cut` is the number of the cut that took it away, 0 if it was written.
struct Version {
  Sector content;
  std::size_t cut = 0;
};

/// What the disk holds of one file, and what it may hold.
struct DiskFile {
  Image durable;  // sectors, zeros where none was ever written
  std::uint64_t durable_size = 0;
  std::map<std::size_t, std::vector<Version>> unsynced;  // contents since the last sync, oldest first
  std::vector<std::uint64_t> unsynced_sizes;             // sizes since the last sync, oldest first
  std::size_t unsynced_cuts = 0;                         // cuts since the last sync

  [[nodiscard]] Sector durable_sector(std::size_t number) const {
    Sector sector{};
    const std::size_t at = number * sector_bytes;
    if (at < durable.size())
      std::memcpy(sector.data(), durable.data() + at, (std::min)(sector_bytes, durable.size() - at));
    return sector;
  }
  void put(std::size_t number, const Sector& sector) {
    const std::size_t at = number * sector_bytes;
    if (durable.size() < at + sector_bytes) durable.resize(at + sector_bytes);
    std::memcpy(durable.data() + at, sector.data(), sector_bytes);
  }
  [[nodiscard]] std::vector<std::uint64_t> possible_sizes() const {
    std::vector<std::uint64_t> sizes = unsynced_sizes;
    sizes.push_back(durable_size);
    const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
    for (std::uint64_t size = *least / sector_bytes * sector_bytes + sector_bytes, end = *most; size < end;
         size += sector_bytes) {
      sizes.push_back(size);
    }
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    return sizes;
  }
};

/// Names that change together, in one directory operation.
struct NameChange {
  std::optional<std::string> removed;
  std::optional<std::pair<std::string, std::size_t>> added;  // name and number of the file
};

/// Everything that a crash decides about.
struct DiskState {
  std::vector<DiskFile> files;
  std::map<std::string, std::size_t> durable_names;
  std::vector<NameChange> unsynced_names;

  [[nodiscard]] std::size_t unsynced_sectors() const {
    std::size_t count = 0;
    for (const auto& file : files) count += file.unsynced.size();
    return count;
  }
};

/// The images that a crash in one state may leave. Each of its choices has so many outcomes, the first of them
/// being that nothing of it reached the disk and the last that all did.
class CrashImages {
 public:
  explicit CrashImages(const DiskState& state) : state_(state) {
    for (std::size_t i = 0; i < state.unsynced_names.size(); ++i) outcomes_.push_back(2);
    for (const auto& file : state.files) {
      for (std::size_t i = 0; i < file.unsynced_cuts; ++i) outcomes_.push_back(2);
      sizes_.push_back(file.possible_sizes());
      outcomes_.push_back(sizes_.back().size());
      for (const auto& [number, contents] : file.unsynced) outcomes_.push_back(contents.size() + 1);
    }
  }

  /// How many combinations there are, at most 2^62.
  [[nodiscard]] std::uint64_t combinations() const {
    std::uint64_t product = 1;
    for (const std::size_t n : outcomes_) {
      if (product > (std::uint64_t{1} << 62) / n) return std::uint64_t{1} << 62;
      product *= n;
    }
    return product;
  }

  /// Calls f(directory) for each distinct image: of all combinations where they are at most `most`, else of `most`
  /// samples, the extremes and each single choice against the rest among them. Returns whether it went through all.
  template <class F>
  bool each(std::uint64_t most, Random& random, F f) {
    std::unordered_set<std::uint64_t> seen;
    const auto offer = [&](const std::vector<std::size_t>& choice) {
      Directory directory = image(choice);
      std::uint64_t hash = directory.size();
      for (const auto& [name, bytes] : directory) hash = hash_of(bytes, hash + std::hash<std::string>()(name));
      if (seen.insert(hash).second) f(std::move(directory));
    };
    std::vector<std::size_t> choice(outcomes_.size(), 0);
    if (combinations() <= most) {
      for (;;) {
        offer(choice);
        std::size_t i = 0;
        while (i < choice.size() && ++choice[i] == outcomes_[i]) choice[i++] = 0;
        if (i == choice.size()) return true;
      }
    }
    std::vector<std::size_t> all(outcomes_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = outcomes_[i] - 1;
    offer(choice);
    offer(all);
    std::uint64_t offered = 2;
    for (std::size_t i = 0; i < all.size() && offered < most; ++i) {
      auto one = choice;
      one[i] = all[i];
      offer(one);
      one = all;
      one[i] = 0;
      offer(one);
      offered += 2;
    }
    for (; offered < most; ++offered) {
      // Half of the samples keep most of what was written: a lonely missing sector is what hurts.
      const bool full = random.below(2) == 0;
      for (std::size_t i = 0; i < choice.size(); ++i) {
        choice[i] = full && random.below(4) != 0 ? all[i] : static_cast<std::size_t>(random.below(outcomes_[i]));
      }
      offer(choice);
    }
    return false;
  }

 private:
  [[nodiscard]] Directory image(const std::vector<std::size_t>& choice) const {
    std::size_t next = 0;
    auto names = state_.durable_names;
    for (const auto& change : state_.unsynced_names) {
      if (choice[next++] == 0) continue;
      if (change.removed) names.erase(*change.removed);
      if (change.added) names.insert_or_assign(change.added->first, change.added->second);
    }
    std::vector<Image> contents;
    for (std::size_t i = 0; i < state_.files.size(); ++i) {
      const DiskFile& file = state_.files[i];
      const std::size_t cuts = next;
      const auto happened = [&](const Version& version) { return choice[cuts + version.cut - 1] == 1; };
      next += file.unsynced_cuts;
      const auto size = static_cast<std::size_t>(sizes_[i][choice[next++]]);
      Image bytes = file.durable;
      bytes.resize((std::max)(bytes.size(), (size + sector_bytes - 1) / sector_bytes * sector_bytes));
      for (const auto& [number, versions] : file.unsynced) {
        std::size_t version = choice[next++];
        for (std::size_t v = versions.size(); v > version; --v) {
          if (versions[v - 1].cut != 0 && happened(versions[v - 1])) version = v;
        }
        while (version > 0 && versions[version - 1].cut != 0 && !happened(versions[version - 1])) --version;
        if (version == 0 || number * sector_bytes >= size) continue;
        std::memcpy(bytes.data() + number * sector_bytes, versions[version - 1].content.data(), sector_bytes);
      }
      bytes.resize(size);
      contents.push_back(std::move(bytes));
    }
    Directory directory;
    for (const auto& [name, number] : names) directory[name] = contents[number];
    return directory;
  }

  const DiskState& state_;
  std::vector<std::vector<std::uint64_t>> sizes_;
  std::vector<std::size_t> outcomes_;
};

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

inline rewal::Error sim_error(int number) {
  return {rewal::Errc::io, std::error_code(number, std::generic_category())};
}
inline rewal::Result<void> sim_result(const std::optional<int>& refused) {
  return refused ? rewal::Result<void>(sim_error(*refused)) : rewal::Result<void>();
}

/// The seam beneath FileStorage, over a SimVolume.
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

inline constexpr const char* log_name = "log";

/// A custom storage on the simulated disk, with none of the optional extras but preserve(). The file is there already,
/// as with a raw device.
class SimDisk {
 public:
  explicit SimDisk(std::shared_ptr<SimVolume> volume) : files_{std::move(volume)} {
    const auto log = files_.open_or_create(path_);
    log_.number = log.value().number;
    static_cast<void>(files_.sync_directory_of(path_));
  }

  rewal::Result<std::size_t> write(rewal::Bytes bytes) {
    const auto end = files_.size(log_);
    return files_.write_at(log_, bytes, *end);
  }
  rewal::Result<void> sync() { return files_.sync_data(log_); }
  rewal::Result<void> close() { return {}; }
  rewal::Result<std::uint64_t> size() { return files_.size(log_); }
  rewal::Result<void> truncate(std::uint64_t n) { return files_.truncate(log_, n); }
  rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    return files_.read_at(log_, into, offset);
  }
  rewal::Result<std::string> preserve(std::uint64_t offset, rewal::Bytes bytes) {
    const auto copy = rewal::detail::SavedCopy<SimFileSystem>(files_, path_, log_, offset).save(bytes);
    if (!copy) return copy.error();
    return rewal::detail::to_utf8(*copy);
  }

 private:
  SimFileSystem files_;
  SimFileSystem::Path path_ = rewal::PathArg(log_name).native();
  SimFileSystem::File log_;
};
static_assert(rewal::Storage<SimDisk>);

/// Opens `S` on a volume.
template <class S>
rewal::Result<S> open_sim(const std::shared_ptr<SimVolume>& volume) {
  if constexpr (std::is_same_v<S, SimDisk>) {
    return SimDisk(volume);
  } else {
    return S::open(log_name, SimFileSystem{volume});
  }
}

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_SIM_DISK_HPP
