// SPDX-License-Identifier: MIT
//
// SimDisk: a custom storage on a simulated volume, with none of the optional extras but preserve(); and how a log opens
// any storage on one. All calls may come from any thread.

#ifndef REWAL_TESTS_TORTURE_SIM_DISK_HPP
#define REWAL_TESTS_TORTURE_SIM_DISK_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/storage.hpp>

#include <torture/sim_file_system.hpp>
#include <torture/sim_volume.hpp>

namespace rewal_torture {

inline constexpr const char* log_name = "log";

/// The file is there already, as with a raw device.
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
