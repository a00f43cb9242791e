// SPDX-License-Identifier: MIT
//
// FileStorage: a log's bytes in one file, locked against every other log, with mapped reads, room made in advance and
// copies saved before a cut. Threads are those of the Storage concept; read_at, size and map are safe beside close().
// What is known of the file is left to FileState, frames and retries to the log above.

#ifndef REWAL_STORAGE_FILE_STORAGE_HPP
#define REWAL_STORAGE_FILE_STORAGE_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/fwd.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/file_state.hpp>
#include <rewal/storage/mapping.hpp>
#include <rewal/storage/native_file.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/saved_copy.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal {
namespace detail {

/// FileStorage over a file system that a test may replace.
template <class FileSystem>
class BasicFileStorage {
 public:
  using Mapping = typename MappingCache<FileSystem>::Mapping;

  /// Opens the file or creates it, and locks it. A new name is durable when this returns.
  /// Errors: file_locked while any log in any process has it open; io with what the system said, or with
  /// std::errc::invalid_argument for a path that cannot be a file's.
  /// A file that it creates has the permissions `mode` under the umask, where the system has them.
  [[nodiscard]] static Result<BasicFileStorage> open(const PathArg& path, FileSystem files = {}, unsigned mode = 0644) {
    if (auto checked = path.usable(); !checked) return checked.error();
    return or_not_enough_memory([&]() -> Result<BasicFileStorage> {
      auto state = std::make_unique<State>(std::move(files), path.native());
      if (auto opened = state->open(mode); !opened) return detail::in_file(opened.error(), path.native());
      return BasicFileStorage(std::move(state));
    });
  }

  /// Appends at the end with one system call; returns how many bytes it took. EINTR is returned, not repeated.
  [[nodiscard]] Result<std::size_t> write(Bytes bytes) {
    return is_open() ? named_by(*this, state_->write(bytes)) : Errc::closed;
  }

  /// Everything written, and the end of the file, survive a power loss once this succeeded. Never repeated inside.
  /// Errors: besides the fsync's own, io with std::errc::no_such_file_or_directory for a file that was removed or
  /// replaced meanwhile, and corrupted for one that somebody else made shorter.
  [[nodiscard]] Result<void> sync() { return is_open() ? named_by(*this, state_->sync()) : Errc::closed; }

  /// Makes `n` the end and cuts the file there; beyond the end it adds zeros. Bytes that are cut must no longer be
  /// touched through a mapping. While one is held Windows cuts nothing: zeros then stay behind the end, as preallocated
  /// space does, and other bytes are error 1224.
  [[nodiscard]] Result<void> truncate(std::uint64_t n) {
    return is_open() ? named_by(*this, state_->truncate(n)) : Errc::closed;
  }

  /// The end: where the next write goes. Preallocated space does not count.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (!is_open()) return Errc::closed;
    return state_->end.load(std::memory_order_acquire);  // edge `grown`
  }

  /// Copies from `offset` on; may be short, and 0 is the end.
  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    return is_open() ? named_by(*this, state_->read_at(into, offset)) : Errc::closed;
  }

  /// Cuts preallocated space, releases the lock, closes. Waits for a read_at in progress, never for a mapping; where a
  /// mapping forbids the cut (Windows) the zeros stay, which is no error. Whatever it returns, the file is closed and
  /// unlocked, and the next call succeeds. A storage destroyed without close() only closes and unlocks: who drops it
  /// has met an error or refused the file, and then nothing more may change.
  [[nodiscard]] Result<void> close() {
    if (!is_open()) return {};
    return named_by(*this, state_->close());
  }

  /// The bytes [0, size), size being at most size(), for as long as the pointer lives. A device error, or another
  /// program that cuts the file, ends the process that touches them with SIGBUS.
  [[nodiscard]] Result<std::shared_ptr<const Mapping>> map(std::uint64_t size) const {
    using Mapped = Result<std::shared_ptr<const Mapping>>;
    if (!is_open()) return Errc::closed;
    return or_not_enough_memory([&]() -> Mapped { return named_by(*this, state_->map(size)); });
  }

  /// Makes the file at least `size` bytes long, with room on the device. The logical end stays.
  [[nodiscard]] Result<void> preallocate(std::uint64_t size) {
    return is_open() ? named_by(*this, state_->preallocate(size)) : Errc::closed;
  }

  /// Whether space reserved ahead is of no use here, since the file system copies what is overwritten.
  [[nodiscard]] bool copies_on_write() const noexcept { return is_open() && state_->copies_on_write(); }

  /// Where bytes that were written begin, at `offset` or behind it; before that is a hole.
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const noexcept {
    return is_open() ? state_->next_data(offset) : offset;
  }

  /// Saves bytes about to be cut at `offset` as `<file>.cut-<offset>`; returns that path when it is durable. The same
  /// bytes saved again are found again; a different copy of that name is kept, and `.1`, `.2` follow.
  [[nodiscard]] Result<std::string> preserve(std::uint64_t offset, Bytes bytes) {
    if (!is_open()) return Errc::closed;
    return or_not_enough_memory([&]() -> Result<std::string> {
      const auto path = SavedCopy<FileSystem>(state_->files, state_->path, state_->file, offset).save(bytes);
      if (!path) return in_file(path.error());
      return to_utf8(*path);
    });
  }

  /// The error, with the name of this file.
  [[nodiscard]] Error in_file(const Error& error) const noexcept {
    return state_ == nullptr ? error : detail::in_file(error, state_->path);
  }

 private:
  using State = FileState<FileSystem>;

  explicit BasicFileStorage(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

  /// A storage that was moved from counts as closed.
  [[nodiscard]] bool is_open() const noexcept {
    return state_ != nullptr && !state_->closed.load(std::memory_order_relaxed);  // edge `closing`
  }

  std::unique_ptr<State> state_;
};

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_STORAGE_FILE_STORAGE_HPP
