// SPDX-License-Identifier: MIT
//
// Exact views of a mapped file, and the one mapping that successive readers share while it is large enough.
// A view may be used by any thread; the cache is guarded by its owner's mutex. When a file may be mapped, and what
// may be cut from it, is left to FileStorage.

#ifndef REWAL_STORAGE_MAPPING_HPP
#define REWAL_STORAGE_MAPPING_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

/// Exactly the bytes [0, size) of a file; keeps them mapped for as long as it lives, whatever becomes of the file.
template <class Region>
class FileMapping {
 public:
  FileMapping() noexcept = default;
  FileMapping(std::shared_ptr<const Region> region, std::size_t size) noexcept
      : region_(std::move(region)), size_(size) {}

  [[nodiscard]] Bytes bytes() const noexcept { return region_ == nullptr ? Bytes() : Bytes(region_->data(), size_); }

 private:
  std::shared_ptr<const Region> region_;
  std::size_t size_ = 0;
};

/// The latest mapping of a file, kept so that reading again costs neither a system call nor page faults.
template <class FileSystem>
class MappingCache {
 public:
  using Region = typename FileSystem::Region;
  using Mapping = FileMapping<Region>;

  /// A view of the first `size` bytes, all of which the file has. May throw std::bad_alloc.
  [[nodiscard]] Result<std::shared_ptr<const Mapping>> get(FileSystem& files, const typename FileSystem::File& file,
                                                           std::uint64_t size) {
    if (size > (std::numeric_limits<std::size_t>::max)() / 2) {
      return Error(Errc::io, std::make_error_code(std::errc::not_enough_memory),
                   "the log file is too large to be mapped in this process");
    }
    const auto wanted = static_cast<std::size_t>(size);
    if (region_ == nullptr || region_->size() < wanted) {
      auto region = map_anew(files, file, wanted);
      if (!region) return region.error();
      region_ = std::make_shared<const Region>(std::move(*region));
    }
    return std::make_shared<const Mapping>(region_, wanted);
  }

  /// Forgets the mapping; views handed out keep theirs.
  void drop() noexcept { region_.reset(); }

 private:
  // Address space is all that headroom costs; with it a growing log is mapped anew only as often as it doubles.
  static constexpr std::size_t least_headroom_bytes =
      sizeof(void*) >= 8 ? std::size_t{256} << 20 : std::size_t{1} << 20;

  [[nodiscard]] static Result<Region> map_anew(FileSystem& files, const typename FileSystem::File& file,
                                               std::size_t size) {
    if constexpr (FileSystem::maps_past_the_end) {
      const std::size_t growth = sizeof(void*) >= 8 ? size : 0;
      const std::size_t headroom = growth > least_headroom_bytes ? growth : least_headroom_bytes;
      auto generous = files.map(file, size + headroom);
      if (generous) return generous;
    } else {
      // As much as the file has: preallocated space saves mapping anew after each append.
      const auto whole = files.size(file);
      if (whole && *whole > size && *whole <= (std::numeric_limits<std::size_t>::max)() / 2) {
        auto generous = files.map(file, static_cast<std::size_t>(*whole));
        if (generous) return generous;
      }
    }
    return files.map(file, size);
  }

  std::shared_ptr<const Region> region_;
};

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_MAPPING_HPP
