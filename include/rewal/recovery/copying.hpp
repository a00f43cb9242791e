// SPDX-License-Identifier: MIT
//
// Copying: whole frames of a log into a new file, every one of them checked on the way.
// Runs on the calling thread, beside a writer: it reads a snapshot. How the file gets its name is left to NewFile.
//
// What is written is what was checked, from the same memory; so nothing that the system could copy by itself would save
// more than one pass. A copy that is not finished leaves no file under the name.

#ifndef REWAL_RECOVERY_COPYING_HPP
#define REWAL_RECOVERY_COPYING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/format/format.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/lsn.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/frame_walk.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/new_file.hpp>
#include <rewal/storage/path.hpp>

namespace rewal::detail {

/// Gathers what is appended to a file into large writes.
template <class File>
class GatheredWrites {
 public:
  explicit GatheredWrites(File& file) : file_(file) { gathered_.reserve(most_bytes); }

  [[nodiscard]] Result<void> append(Bytes bytes) {
    if (gathered_.size() + bytes.size() > most_bytes) {
      if (auto written = flush(); !written) return written;
    }
    if (bytes.size() > most_bytes) return file_.append(bytes);
    gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
    return {};
  }
  [[nodiscard]] Result<void> flush() {
    auto written = file_.append(bytes_of(gathered_));
    gathered_.clear();
    return written;
  }

 private:
  static constexpr std::size_t most_bytes = 256 * 1024;

  File& file_;
  std::vector<std::byte> gathered_;
};

/// Copies the frames of [0, end) as long as `belongs(offset, header)`; the end, or bad bytes where `bad_is_end`, ends them.
/// The highest LSN in the copy, 0 where it is empty. Errors: `corrupted` for bad bytes, `io` with std::errc::file_exists
/// where the name is taken, else what the storage or the system said; there is no file then.
template <class FileSystem = NativeFileSystem, class S, class Belongs>
[[nodiscard]] Result<Lsn> copy_frames(S& storage, const PolicyMarks* log, std::uint64_t end, const PathArg& path,
                                      unsigned mode, bool bad_is_end, Belongs belongs, FileSystem files = {}) {
  if (auto usable = path.usable(); !usable) return usable.error();
  return or_not_enough_memory([&]() -> Result<Lsn> {
    NewFile<FileSystem> copy(path.native(), std::move(files));
    if (auto created = copy.create(mode); !created) return copy.in_file(created.error());
    GatheredWrites<NewFile<FileSystem>> writes(copy);
    FrameCursor<S> cursor(Source<S>(storage, log, end), 0);
    Lsn highest = 0;
    for (;;) {
      const Walk walk = cursor.next();
      if (walk == Walk::failed) return named_by(storage, cursor.error());
      if (walk == Walk::bad && !bad_is_end) return named_by(storage, damage_at(cursor.offset(), cursor.validity()));
      if (walk != Walk::frame || !belongs(cursor.offset(), cursor.header())) break;
      highest = (std::max)(highest, cursor.header().last_lsn());
      if (auto written = writes.append(cursor.frame()); !written) return copy.in_file(written.error());
    }
    if (auto written = writes.flush(); !written) return copy.in_file(written.error());
    if (auto finished = copy.finish(); !finished) return copy.in_file(finished.error());
    return highest;
  });
}

/// Copies what is durable of a log that is being written: the first `recovered` bytes, whatever their order, and behind them
/// the frames up to the LSN `durable`. `end` is the end of a frame. Otherwise as copy_frames().
template <class S>
[[nodiscard]] Result<Lsn> copy_durable(S& storage, const PolicyMarks* log, std::uint64_t end, std::uint64_t recovered,
                                       Lsn durable, const PathArg& path, unsigned mode) {
  return copy_frames(storage, log, end, path, mode, false, [=](std::uint64_t offset, const format::Header& header) {
    return offset < recovered || header.last_lsn() <= durable;
  });
}

/// Writes every whole frame of [0, end), those behind damage too, to a new file. Its first frame says of no fsync before it.
template <class FileSystem = NativeFileSystem, class S>
[[nodiscard]] Result<Salvage> salvage_frames(S& storage, const PolicyMarks* log, std::uint64_t end, const PathArg& path,
                                             unsigned mode, FileSystem files = {}) {
  if (auto usable = path.usable(); !usable) return usable.error();
  return or_not_enough_memory([&]() -> Result<Salvage> {
    NewFile<FileSystem> copy(path.native(), std::move(files));
    if (auto created = copy.create(mode); !created) return copy.in_file(created.error());
    FrameWalk<S> walk(storage, log, 0, end);
    Salvage salvage;
    for (;;) {
      const auto next = walk.next();
      if (!next) return named_by(storage, next.error());
      if (!*next) break;
      const FrameInfo& frame = **next;
      if (frame.validity != FrameValidity::valid) {
        salvage.left_out_bytes += frame.size;
        ++salvage.left_out_places;
        continue;
      }
      const Bytes bytes = walk.bytes_of_last(frame);
      if (bytes.empty()) return named_by(storage, walk.error());
      std::vector<std::byte> owned(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(frame.size));
      if (salvage.frames == 0 && frame.synced_before) {
        store_le(owned.data() + format::flags_at,
                 static_cast<std::uint16_t>(frame.compressed ? format::flag_compressed : 0));
        store_le(owned.data() + owned.size() - format::trailer_bytes,
                 crc32c(0, owned.data(), owned.size() - format::trailer_bytes));
      }
      if (auto written = copy.append(bytes_of(owned)); !written) return copy.in_file(written.error());
      ++salvage.frames;
      salvage.events += frame.count;
      salvage.last_lsn = (std::max)(salvage.last_lsn, frame.last_lsn);
    }
    salvage.bytes = copy.size();
    if (auto finished = copy.finish(); !finished) return copy.in_file(finished.error());
    return salvage;
  });
}

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_COPYING_HPP
