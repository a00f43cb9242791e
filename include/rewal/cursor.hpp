// SPDX-License-Identifier: MIT
//
// Cursor: a small file that remembers how far somebody has come in a log, for those who cannot ask their target what it
// holds. Every call may come from any thread; one commit runs at a time.
// What the file's bytes mean is left to format/cursor_image.hpp, which log the LSN belongs to is left to the user.
//
//   auto opened = rewal::Cursor::open("mailer.cursor");
//   if (!opened) return fail(opened.error().message());
//   rewal::Cursor cursor = std::move(*opened);
//   auto events = wal.follow(cursor.lsn() + 1);
//   ...                                                 // send what next_borrowed() hands out, then
//   if (auto ok = cursor.commit(lsn); !ok) return fail(ok.error().message());

#ifndef REWAL_CURSOR_HPP
#define REWAL_CURSOR_HPP

#include <rewal/platform.hpp>

#if REWAL_CXX20
REWAL_HEADERS_BEGIN

// Invariants.
//   1. While a cursor is open and sound, both of its slots are on the disk: `newest`, and the one before it.
//   2. A commit writes the slot that `newest` does not stand in, once, and fsyncs. `newest` changes after both succeeded.
//      So a crash at any moment leaves `newest` or the value that is being committed.
//   3. After the first error nothing more is written: what the disk holds is then the old or the new value, and no later
//      fsync proves which (one that failed may have marked the lost bytes clean).
//   4. open() writes the value that it found once more, and fsyncs it, before it hands it out: what an earlier process
//      wrote and could not fsync may stand in the system's memory alone. The bytes are those that stand there, in the
//      same place, so that even a torn write changes none; where the disk holds an older slot, invariant 2 holds.
//   5. A new file and its name are fsynced before open() returns. A creation that a crash cut short is done again.
//   6. A file that is damaged or is none of a cursor's is not written to.
//   7. A file that was removed, replaced or cut short remembers nothing: after each fsync it is looked at.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/format/cursor_image.hpp>
#include <rewal/fwd.hpp>
#include <rewal/lsn.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/native_file.hpp>
#include <rewal/storage/own_file.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/sync/fork_list.hpp>

namespace rewal {
namespace detail {

/// Cursor over a file system that a test may replace.
template <class FileSystem>
class BasicCursor {
 public:
  /// Opens the file, or creates it durably, and locks it.
  /// Errors: file_locked while a cursor in any process has it open; corrupted for a cursor's file whose slots are both
  /// damaged; invalid_record for a file that is none of a cursor's, or of a later version; io with what the system said.
  /// Costs one write and one fsync, a new file those of its directory too.
  [[nodiscard]] static Result<BasicCursor> open(const PathArg& path, FileSystem files = {}) {
    if (auto checked = path.usable(); !checked) return checked.error();
    return or_not_enough_memory([&]() -> Result<BasicCursor> {
      auto state = std::make_unique<State>(std::move(files));
      if (auto opened = state->open(path.native()); !opened) return detail::in_file(opened.error(), path.native());
      return BasicCursor(std::move(state));
    });
  }

  /// What was committed last, 0 in a new cursor. Kept after an error and after close(): it is the last LSN whose commit
  /// succeeded. Waits for a commit in progress.
  [[nodiscard]] Lsn lsn() const {
    if (state_ == nullptr) return 0;
    if (state_->is_inherited()) return state_->newest.lsn;
    const std::lock_guard own(state_->mutex);
    return state_->newest.lsn;
  }

  /// Remembers `lsn`, any LSN, also a lower one. Durable once it succeeded: one write and one fdatasync. After an error
  /// the file holds the old LSN or this one, and every later commit returns that error: open the cursor again. Where
  /// somebody removed or replaced the file, that is `io` with std::errc::no_such_file_or_directory; where it was made
  /// shorter, `corrupted`.
  [[nodiscard]] Result<void> commit(Lsn lsn) {
    if (state_ == nullptr) return not_open();
    if (state_->is_inherited()) return not_this_process();
    const std::lock_guard own(state_->mutex);
    return state_->commit(lsn);
  }

  /// Closes the file and releases its lock. Again: success. The destructor does the same and tells nobody.
  [[nodiscard]] Result<void> close() {
    if (state_ == nullptr || state_->is_inherited()) return {};
    const std::lock_guard own(state_->mutex);
    return state_->close();
  }

 private:
  struct State;

  [[nodiscard]] static Error not_this_process() noexcept {
    return {Errc::not_running, "this cursor belongs to the process that opened it: open one of your own"};
  }

  explicit BasicCursor(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

  [[nodiscard]] static Error not_open() noexcept {
    return {Errc::not_running, "this Cursor was moved from: use the object it was moved to"};
  }

  std::unique_ptr<State> state_;
};

template <class FileSystem>
struct BasicCursor<FileSystem>::State {
  explicit State(FileSystem system) : files(std::move(system)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { static_cast<void>(close()); }

  [[nodiscard]] Result<void> open(const NativePath& name) {
    path = name;
    const auto opened = open_own(file, in_forks, this, &leave_to_parent, [&] { return files.open_or_create(path); });
    if (!opened) {
      return told_as(opened.error(), "opening the cursor's file failed: check its path and permissions");
    }
    is_open = true;
    if (auto locked = files.lock(file); !locked) {
      return told_as(locked.error(),
                     locked.error() == Errc::file_locked
                         ? "another cursor holds this file: close it first, in this or the other process"
                         : "locking the cursor's file failed: keep it where flock is supported");
    }
    const auto status = files.status(file);
    if (!status) return told_as(status.error(), status_failed);
    counts_names = status->has_name;
    const auto found = read();
    if (!found) return told_as(found.error(), "reading the cursor's file failed: check the device");
    switch (found->meaning) {
      case CursorImage::Meaning::fresh: return create();
      case CursorImage::Meaning::value: newest = found->newest; return put(newest);
      case CursorImage::Meaning::damaged:
        return Error(Errc::corrupted,
                     "the cursor's file is damaged: find out what its target holds, and replace it by a new one");
      case CursorImage::Meaning::unknown:
        return Error(Errc::invalid_record, "the cursor's file is of a later version: use the program that wrote it");
      case CursorImage::Meaning::foreign: break;
    }
    return Error(Errc::invalid_record, "the file is none of a cursor's: pass the path of another one");
  }

  [[nodiscard]] Result<CursorImage::Found> read() {
    const auto size = files.size(file);
    if (!size) return size.error();
    std::array<std::byte, CursorImage::bytes> content;
    std::size_t filled = 0;
    while (filled < content.size()) {
      const auto count = files.read_at(file, std::span(content).subspan(filled), filled);
      if (!count) return count.error();
      if (*count == 0) break;
      filled += *count;
    }
    return CursorImage::read(Bytes(content.data(), filled), *size);
  }

  [[nodiscard]] Result<void> create() {
    const auto image = CursorImage::fresh();
    if (auto written = write(image, 0); !written) return written;
    if (auto synced = files.sync_all(file); !synced) return told_as(synced.error(), sync_failed);
    if (auto synced = files.sync_directory_of(path); !synced) {
      return told_as(synced.error(), "fsync of the cursor's directory failed: check its permissions and the device");
    }
    newest = CursorImage::first_slots[1];
    return {};
  }

  [[nodiscard]] Result<void> commit(Lsn lsn) {
    if (first_error) return *first_error;
    if (!is_open) return Error(Errc::closed, "the cursor is closed: open it again to go on");
    // A forked child has the descriptor, but the file is its parent's to change.
    if (!files.holds_lock(file)) return not_this_process();
    const CursorSlot next{newest.sequence + 1, lsn};
    if (auto done = put(next); !done) {
      const Error error = detail::in_file(done.error(), path);
      first_error = error;
      return error;
    }
    newest = next;
    return {};
  }

  /// One write and one fdatasync.
  [[nodiscard]] Result<void> put(const CursorSlot& slot) {
    std::array<std::byte, CursorSlot::bytes> bytes;
    slot.store(bytes.data());
    if (auto written = write(bytes, CursorImage::offset_of(slot.sequence)); !written) return written;
    if (auto synced = files.sync_data(file); !synced) return told_as(synced.error(), sync_failed);
    return still_there();
  }

  /// Whether the file can be found again, in its whole length.
  [[nodiscard]] Result<void> still_there() {
    const auto status = files.status(file);
    if (!status) return told_as(status.error(), status_failed);
    if (counts_names && !status->has_name) {
      return Error(Errc::io, std::make_error_code(std::errc::no_such_file_or_directory),
                   "the cursor's file was removed or replaced while the cursor was open: find out who removes it, and "
                   "open the cursor again");
    }
    if (status->size >= CursorImage::bytes) return {};
    return Error(Errc::corrupted,
                 "the cursor's file was made shorter by somebody else while the cursor was open: find out who cuts it, "
                 "and replace it by a new one");
  }

  /// All of it, or an error; a short or interrupted write is continued, a bounded number of times without progress.
  [[nodiscard]] Result<void> write(Bytes bytes, std::uint64_t offset) {
    for (unsigned idle = 0; !bytes.empty();) {
      const auto count = files.write_at(file, bytes, offset);
      if (count && (*count == 0 || *count > bytes.size())) {
        return Error(Errc::short_write, "the device took no bytes of the cursor's file: check it");
      }
      if (count) {
        bytes = bytes.subspan(*count);
        offset += *count;
        idle = 0;
      } else if (count.error().system() != std::errc::interrupted || ++idle == most_interruptions) {
        return told_as(count.error(), "writing the cursor's file failed: make room or check the device");
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> close() {
    if (!std::exchange(is_open, false)) return {};
    Result<void> result;
    // By name: a forked child keeps the file open beyond this descriptor.
    if (files.holds_lock(file)) result = files.unlock(file);
    if (auto closed = files.close(file); result && !closed) result = closed;
    if (!result) return in_file(told_as(result.error(), "closing the cursor's file failed: check the device"), path);
    return {};
  }

  [[nodiscard]] bool is_inherited() const noexcept { return inherited.load(std::memory_order_relaxed); }

  /// In a forked child: its descriptor would keep the lock, and the mutex may be held by a thread that it has not.
  static void leave_to_parent(void* state) noexcept {
    auto& self = *static_cast<State*>(state);
    self.inherited.store(true, std::memory_order_relaxed);
    self.is_open = false;
    [[maybe_unused]] const auto closes_it = std::move(self.file);
  }

  static constexpr unsigned most_interruptions = 100;
  static constexpr const char* sync_failed =
      "fsync of the cursor's file failed: what was committed may be lost, check the device and open the cursor again";

  static constexpr const char* status_failed = "asking for the state of the cursor's file failed: check the device";

  [[no_unique_address]] FileSystem files;
  std::mutex mutex;  // of everything below
  NativePath path;
  typename FileSystem::File file;
  bool is_open = false;
  bool counts_names = true;  // some file systems say of no file that it has a name
  CursorSlot newest;
  std::optional<Error> first_error;
  std::atomic<bool> inherited{false};  // by the fork, in the child

  ForkEntry in_forks;  // last, so that it goes first
};

}  // namespace detail
}  // namespace rewal

REWAL_HEADERS_END
#endif  // REWAL_CXX20

#endif  // REWAL_CURSOR_HPP
