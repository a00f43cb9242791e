// SPDX-License-Identifier: MIT
//
// DiskState: what a disk holds of its files and names, what was written since the last sync, and so what a crash may
// leave of it. Plain data; who changes it is the volume.

#ifndef REWAL_TESTS_TORTURE_DISK_STATE_HPP
#define REWAL_TESTS_TORTURE_DISK_STATE_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torture/oracle.hpp>

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

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_DISK_STATE_HPP
