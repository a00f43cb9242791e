// SPDX-License-Identifier: MIT
//
// FileState: the open file behind a FileStorage, where it ends, and who may touch it while it is being closed.
// Threads are those of FileStorage, which asks whether the file is open before each call.
// The system's calls are left to the file system, which a test may replace.

#ifndef REWAL_STORAGE_FILE_STATE_HPP
#define REWAL_STORAGE_FILE_STATE_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_status.hpp>
#include <rewal/storage/mapping.hpp>
#include <rewal/storage/own_file.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/sync/fork_list.hpp>

namespace rewal::detail {

/// The open file of a FileStorage, its lock, its two ends and its mapping.
///
/// Two ends: the logical end is where the next write goes, and all that size, read_at and map know of; the file may be
/// longer, by preallocated zeros, which close() cuts.
///
/// | edge      | release                      | acquire                         | without it                        |
/// |-----------|------------------------------|---------------------------------|-----------------------------------|
/// | `grown`   | end: stored after the write  | end: loaded by size, read, map  | a reader passes the written bytes |
/// | `closing` | closed: set, relaxed         | closed: tested, relaxed         | nothing: `handle` decides; the    |
/// |           |                              |                                 | flag keeps late readers from      |
/// |           |                              |                                 | holding close() up                |
///
/// Lock order: `mapping`, then `handle`. Neither is taken by write or sync.
template <class FileSystem>
struct FileState {
  using Mapping = typename MappingCache<FileSystem>::Mapping;

  FileState(FileSystem system, NativePath name) : files(std::move(system)), path(std::move(name)) {}
  FileState(const FileState&) = delete;
  FileState& operator=(const FileState&) = delete;
  ~FileState() {
    // By name: a mapping that is still held, or a forked child, keeps the file open beyond this descriptor.
    if (!closed.load(std::memory_order_relaxed) && files.holds_lock(file)) static_cast<void>(files.unlock(file));
  }

  [[nodiscard]] bool copies_on_write() const noexcept {
    if constexpr (requires { files.copies_on_write(file); }) return files.copies_on_write(file);
    return false;
  }

  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const noexcept {
    if constexpr (requires { files.next_data(file, offset); }) return files.next_data(file, offset);
    return offset;
  }

  [[nodiscard]] Result<void> open([[maybe_unused]] unsigned mode) {
    const auto opened = open_own(file, in_forks, this, &leave_to_parent, [&] {
      if constexpr (requires { files.open_or_create(path, mode); }) {
        return files.open_or_create(path, mode);
      } else {
        return files.open_or_create(path);
      }
    });
    if (!opened) return opened;
    if (auto locked = files.lock(file); !locked) return locked;
    const auto found = files.size(file);
    if (!found) return found.error();
    // An empty file may be this call's own, or one whose creator died before it could fsync the name. Without that
    // fsync a power loss could take away the whole file, events that were fsynced into it included.
    if (*found == 0) {
      if (auto synced = files.sync_all(file); !synced) return synced;
      if (auto synced = files.sync_directory_of(path); !synced) return synced;
    }
    end.store(*found, std::memory_order_relaxed);  // no reader yet
    reserved = length = *found;
    const auto status = files.status(file);
    if (!status) return status.error();
    counts_names = status->has_name || !is_at_its_path();
    return counts_names ? still_there(*status, length) : Result<void>();
  }

  /// Whether a file that is said to have no name has one all the same.
  [[nodiscard]] bool is_at_its_path() const noexcept {
    if constexpr (requires { files.leads_to(path, file); }) return files.leads_to(path, file);
    return false;
  }

  /// Looks at the file after its fsync, since before it says less.
  [[nodiscard]] Result<void> sync() {
    if (auto synced = files.sync_data(file); !synced) return synced;
    const auto status = files.status(file);
    if (!status) return status.error();
    return counts_names ? still_there(*status, length) : as_long_as(*status, length);
  }

  /// To be asked before the file is made longer: a file that had been cut would get back its length, with a hole.
  [[nodiscard]] Result<void> not_cut() {
    const auto status = files.status(file);
    return status ? as_long_as(*status, length) : status.error();
  }

  [[nodiscard]] Result<std::size_t> write(Bytes bytes) {
    if (bytes.empty()) return std::size_t{0};
    const auto offset = end.load(std::memory_order_relaxed);  // own field
    if (bytes.size() > length - offset) {
      if (auto checked = not_cut(); !checked) return checked.error();
    }
    const auto count = files.write_at(file, bytes, offset);
    if (!count) {
      reserved = (std::max)(reserved, offset + bytes.size());  // some of it may stand behind the end
      return count;
    }
    length = (std::max)(length, offset + *count);
    reserved = (std::max)(reserved, length);
    end.store(offset + *count, std::memory_order_release);  // edge `grown`
    return count;
  }

  [[nodiscard]] Result<void> truncate(std::uint64_t n) {
    {
      const std::lock_guard own(mapping);
      mapped.drop();  // Windows truncates no mapped file
    }
    const auto old_end = end.load(std::memory_order_relaxed);  // own field
    if (n > old_end && reserved > old_end) {
      // What stands behind the end may be the rest of a failed write, not zeros.
      if (auto cut = files.truncate(file, old_end); !cut) return cut;
      reserved = length = old_end;
    }
    if (auto cut = files.truncate(file, n); cut) {
      reserved = length = n;
    } else if (!files.refused_by_mapping(cut.error()) || n > old_end || !is_zero_from(n)) {
      return cut;
    }
    end.store(n, std::memory_order_release);  // edge `grown`
    return {};
  }

  /// Whether all that stands at `n` and behind it is what preallocation leaves.
  [[nodiscard]] bool is_zero_from(std::uint64_t n) {
    std::array<std::byte, 4096> buffer;
    while (n < reserved) {
      const auto count = files.read_at(file, buffer, n);
      if (!count) return false;
      if (*count == 0) return true;
      const auto bytes = std::span(buffer).first((std::min)(*count, buffer.size()));
      if (std::any_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != std::byte{}; })) return false;
      n += bytes.size();
    }
    return true;
  }

  [[nodiscard]] Result<void> preallocate(std::uint64_t size) {
    if (size <= reserved) return {};
    if (auto checked = not_cut(); !checked) return checked;
    auto allocated = files.allocate(file, reserved, size);
    if (allocated) {
      reserved = length = size;
    } else {
      // It may have got half of the way, and other programs want that space.
      if (const auto cut = files.truncate(file, length); !cut) {
        const auto found = files.size(file);
        reserved = (std::max)(reserved, found ? *found : size);
      }
    }
    return allocated;
  }

  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    const std::shared_lock reading(handle);
    if (closed.load(std::memory_order_relaxed)) return Errc::closed;
    const auto limit = end.load(std::memory_order_acquire);  // edge `grown`
    if (offset >= limit || into.empty()) return std::size_t{0};
    return files.read_at(
        file, into.first(static_cast<std::size_t>((std::min<std::uint64_t>)(into.size(), limit - offset))), offset);
  }

  [[nodiscard]] Result<std::shared_ptr<const Mapping>> map(std::uint64_t size) {
    if (size > end.load(std::memory_order_acquire)) {  // edge `grown`
      return invalid_argument("more was to be mapped than the log holds: ask for at most size() bytes");
    }
    if (size == 0) return std::make_shared<const Mapping>();
    const std::lock_guard own(mapping);
    const std::shared_lock reading(handle);
    if (closed.load(std::memory_order_relaxed)) return Errc::closed;
    return mapped.get(files, file, size);
  }

  [[nodiscard]] Result<void> close() {
    closed.store(true, std::memory_order_relaxed);  // edge `closing`
    const std::lock_guard own(mapping);
    const std::lock_guard alone(handle);
    mapped.drop();
    Result<void> result;
    // A forked child may close its copy of the descriptor; the file and its lock are still its parent's.
    if (files.holds_lock(file)) {
      result = cut();
      keep_first(result, files.unlock(file));
    }
    keep_first(result, files.close(file));
    return result;
  }

  [[nodiscard]] Result<void> cut() {
    const auto true_end = end.load(std::memory_order_relaxed);  // own field
    if (reserved <= true_end) return {};
    auto result = files.truncate(file, true_end);
    if (!result && files.refused_by_mapping(result.error())) return {};
    return result;
  }

  /// In a forked child, whose descriptor would keep the lock after its parent is gone.
  static void leave_to_parent(void* state) noexcept {
    auto& self = *static_cast<FileState*>(state);
    self.closed.store(true, std::memory_order_relaxed);
    [[maybe_unused]] const auto closes_it = std::move(self.file);
  }

  static void keep_first(Result<void>& first, const Result<void>& next) noexcept {
    if (first) first = next;
  }

  // Set by open.
  [[no_unique_address]] FileSystem files;
  NativePath path;

  // Written by the writing thread: write, truncate, preallocate and close, which never overlap.
  std::uint64_t reserved = 0;         // the file is at most this long
  bool counts_names = true;           // by open: some file systems say of every file that it has none
  std::uint64_t length = 0;           // and at least this, which is not less than its logical end, or it was cut
  std::atomic<std::uint64_t> end{0};  // read by everyone
  std::atomic<bool> closed{false};    // read by everyone

  mutable std::shared_mutex handle;  // shared: reading through `file`; alone: closing it
  typename FileSystem::File file;
  std::mutex mapping;
  MappingCache<FileSystem> mapped;  // under `mapping`

  ForkEntry in_forks;  // last, so that it goes first
};

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_FILE_STATE_HPP
