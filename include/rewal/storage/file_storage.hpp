// SPDX-License-Identifier: MIT
//
// FileStorage: a log's bytes in one file, locked against every other log, with mapped reads, room made in advance and
// copies saved before a cut. Threads are those of the Storage concept; read_at, size and map are safe beside close().
// The system's calls are left to the file system behind it, frames and retries to the log above.

#ifndef REWAL_STORAGE_FILE_STORAGE_HPP
#define REWAL_STORAGE_FILE_STORAGE_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/mapping.hpp>
#include <rewal/storage/native_file.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/saved_copy.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal {
namespace detail {

/// FileStorage over a file system that a test may replace.
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
class BasicFileStorage {
 public:
  using Mapping = typename MappingCache<FileSystem>::Mapping;

  /// Opens the file or creates it, and locks it. A new name is durable when this returns.
  /// Errors: file_locked while any log in any process has it open; io with what the system said, or with
  /// std::errc::invalid_argument for a path that cannot be a file's.
  [[nodiscard]] static Result<BasicFileStorage> open(const PathArg& path, FileSystem files = {}) {
    if (auto checked = path.usable(); !checked) return checked.error();
    return or_not_enough_memory([&]() -> Result<BasicFileStorage> {
      auto state = std::make_unique<State>(std::move(files), path.native());
      if (auto opened = state->open(); !opened) return opened.error();
      return BasicFileStorage(std::move(state));
    });
  }

  /// Appends at the end with one system call; returns how many bytes it took. EINTR is returned, not repeated.
  [[nodiscard]] Result<std::size_t> write(Bytes bytes) { return is_open() ? state_->write(bytes) : Errc::closed; }

  /// Everything written, and the end of the file, survive a power loss once this succeeded. Never repeated inside.
  [[nodiscard]] Result<void> sync() { return is_open() ? state_->files.sync_data(state_->file) : Errc::closed; }

  /// Makes `n` the end and cuts the file there; beyond the end it adds zeros. Bytes that are cut must no longer be
  /// touched through a mapping. While one is held Windows cuts nothing: zeros then stay behind the end, as preallocated
  /// space does, and other bytes are error 1224.
  [[nodiscard]] Result<void> truncate(std::uint64_t n) { return is_open() ? state_->truncate(n) : Errc::closed; }

  /// The end: where the next write goes. Preallocated space does not count.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (!is_open()) return Errc::closed;
    return state_->end.load(std::memory_order_acquire);  // edge `grown`
  }

  /// Copies from `offset` on; may be short, and 0 is the end.
  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    return is_open() ? state_->read_at(into, offset) : Errc::closed;
  }

  /// Cuts preallocated space, releases the lock, closes. Waits for a read_at in progress, never for a mapping; where a
  /// mapping forbids the cut (Windows) the zeros stay, which is no error. Whatever it returns, the file is closed and
  /// unlocked, and the next call succeeds. A storage destroyed without close() only closes and unlocks: who drops it
  /// has met an error or refused the file, and then nothing more may change.
  [[nodiscard]] Result<void> close() {
    if (!is_open()) return {};
    return state_->close();
  }

  /// The bytes [0, size), size being at most size(), for as long as the pointer lives. A device error, or another
  /// program that cuts the file, ends the process that touches them with SIGBUS.
  [[nodiscard]] Result<std::shared_ptr<const Mapping>> map(std::uint64_t size) const {
    using Mapped = Result<std::shared_ptr<const Mapping>>;
    if (!is_open()) return Errc::closed;
    return or_not_enough_memory([&]() -> Mapped { return state_->map(size); });
  }

  /// Makes the file at least `size` bytes long, with room on the device. The logical end stays.
  [[nodiscard]] Result<void> preallocate(std::uint64_t size) {
    return is_open() ? state_->preallocate(size) : Errc::closed;
  }

  /// Saves bytes about to be cut at `offset` as `<file>.cut-<offset>`; returns that path when it is durable. The same
  /// bytes saved again are found again; a different copy of that name is kept, and `.1`, `.2` follow.
  [[nodiscard]] Result<std::string> preserve(std::uint64_t offset, Bytes bytes) {
    if (!is_open()) return Errc::closed;
    return or_not_enough_memory([&]() -> Result<std::string> {
      const auto path = SavedCopy<FileSystem>(state_->files, state_->path, state_->file, offset).save(bytes);
      if (!path) return path.error();
      return to_utf8(*path);
    });
  }

 private:
  struct State;

  explicit BasicFileStorage(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

  /// A storage that was moved from counts as closed.
  [[nodiscard]] bool is_open() const noexcept {
    return state_ != nullptr && !state_->closed.load(std::memory_order_relaxed);  // edge `closing`
  }

  std::unique_ptr<State> state_;
};

template <class FileSystem>
struct BasicFileStorage<FileSystem>::State {
  State(FileSystem system, NativePath name) : files(std::move(system)), path(std::move(name)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    // By name: a mapping that is still held, or a forked child, keeps the file open beyond this descriptor.
    if (!closed.load(std::memory_order_relaxed) && files.holds_lock(file)) static_cast<void>(files.unlock(file));
  }

  [[nodiscard]] Result<void> open() {
    auto opened = files.open_or_create(path);
    if (!opened) return opened.error();
    file = std::move(*opened);
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
    reserved = *found;
    return {};
  }

  [[nodiscard]] Result<std::size_t> write(Bytes bytes) {
    if (bytes.empty()) return std::size_t{0};
    const auto offset = end.load(std::memory_order_relaxed);  // own field
    const auto count = files.write_at(file, bytes, offset);
    if (!count) {
      reserved = (std::max)(reserved, offset + bytes.size());  // some of it may stand behind the end
      return count;
    }
    reserved = (std::max)(reserved, offset + *count);
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
      reserved = old_end;
    }
    if (auto cut = files.truncate(file, n); cut) {
      reserved = n;
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
    auto allocated = files.allocate(file, reserved, size);
    if (allocated) {
      reserved = size;
    } else {
      const auto found = files.size(file);  // it may have got half of the way
      reserved = (std::max)(reserved, found ? *found : size);
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

  static void keep_first(Result<void>& first, const Result<void>& next) noexcept {
    if (first) first = next;
  }

  // Set by open.
  [[no_unique_address]] FileSystem files;
  NativePath path;

  // Written by the writing thread: write, truncate, preallocate and close, which never overlap.
  std::uint64_t reserved = 0;         // the file is at most this long, and at least as long as its logical end
  std::atomic<std::uint64_t> end{0};  // read by everyone
  std::atomic<bool> closed{false};    // read by everyone

  mutable std::shared_mutex handle;  // shared: reading through `file`; alone: closing it
  typename FileSystem::File file;
  std::mutex mapping;
  MappingCache<FileSystem> mapped;  // under `mapping`
};

}  // namespace detail

/// The default storage of a log: one file, `flock`ed (`LockFileEx` on Windows), memory-mapped for reading.
using FileStorage = detail::BasicFileStorage<detail::NativeFileSystem>;

}  // namespace rewal

#endif  // REWAL_STORAGE_FILE_STORAGE_HPP
