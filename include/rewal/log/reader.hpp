// SPDX-License-Identifier: MIT
//
// Reader: a log's file read without owning it, also beside the process that writes it, on a read-only medium, or damaged.
// It takes no lock and changes nothing. One thread at a time; iterators and ranges that it gave are each their own thread's.
// What a file means is decided by the code that opens logs, in recovery/.

#ifndef REWAL_LOG_READER_HPP
#define REWAL_LOG_READER_HPP

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/fwd.hpp>
#include <rewal/log/frame_range.hpp>
#include <rewal/log/refused_calls.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/read/frame_cursor.hpp>
#include <rewal/read/iterator.hpp>
#include <rewal/read/replay.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/read/source.hpp>
#include <rewal/recovery/copying.hpp>
#include <rewal/recovery/examiner.hpp>
#include <rewal/recovery/frame_walk.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/read_only.hpp>

namespace rewal {

namespace detail {

/// What a reader asks of a storage: `size` and `read_at` of the Storage concept.
template <class S>
concept ReadableStorage = requires(S& storage, std::span<std::byte> into, std::uint64_t offset) {
  { storage.size() } -> std::same_as<Result<std::uint64_t>>;
  { storage.read_at(into, offset) } -> std::same_as<Result<std::size_t>>;
};

}  // namespace detail

/// Made by `Reader<>::open(path)...build()`. It sees the file as it was at build(), or at the last refresh().
///
/// Errors of all calls are I/O alone: what is wrong with the file is an Examination, or a FrameInfo. replay() and iterator()
/// also return `compressor_required`, and `corrupted` for a frame that does not decompress.
template <class S, class C>
class [[nodiscard]] Reader {
  static_assert(detail::ReadableStorage<S>,
                "rewal: what a Reader reads needs Result<std::uint64_t> size() and "
                "Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t offset)");
  static_assert(detail::require_compressor<C>());

  using Stored = detail::ReadOnly<S>;
  using Shared = detail::SharedLog<Stored, C>;

 public:
  using Iterator = detail::Iterator<Stored, C>;
  using FrameRange = detail::FrameRange<Shared, Stored>;

  /// Begins to open the file at `path`; nothing happens before build().
  [[nodiscard]] static ReaderBuilder<ReadOnlyFile, NoCompressor> open(PathArg path);

  /// What opening the file as a log would find, without doing it. Reads the whole file.
  [[nodiscard]] Result<Examination> examine() const { return examine(detail::ScanSettings{}); }

  /// The same with up to so many threads, no more than the process may run on.
  [[nodiscard]] Result<Examination> examine(unsigned threads) const {
    detail::ScanSettings settings;
    settings.most_threads = threads;
    settings.also_unmapped = true;
    return examine(settings);
  }

  /// As those of Wal, over the frames before the first bad one. Of a file that is being written the end is the end.
  template <detail::ReplayFunction F>
  Result<std::uint64_t> replay(Lsn from, F&& f) const {
    return detail::replay(shared_, from, std::forward<F>(f));
  }
  template <detail::ReplayFunction F>
  Result<std::uint64_t> replay(Lsn from, Lsn to, F&& f) const {
    return detail::replay(shared_, from, to, std::forward<F>(f));
  }
  [[nodiscard]] Result<Iterator> iterator(Lsn from = 0) const { return Iterator(shared_, from); }
  [[nodiscard]] Result<Iterator> iterator(Lsn from, Lsn to) const { return Iterator(shared_, from, to); }

  /// The frames from `offset` on, where one begins, as a range of `Result<FrameInfo>`. It goes on behind damage at the next
  /// whole frame, and shows the bytes between as an element whose validity is not `valid`.
  [[nodiscard]] FrameRange frames(std::uint64_t offset = 0) const {
    return FrameRange(shared_, shared_->storage, offset, end());
  }

  /// Looks at the file again: later calls see what was appended since.
  Result<void> refresh() {
    const auto size = detail::storage_call(shared_.get(), [&] { return shared_->storage.size(); });
    if (!size) return size.error();
    shared_->written_end.store(*size, std::memory_order_release);
    return {};
  }

  /// A copy of everything whole and valid before the first bad frame, in a new file that opens as a log. Returns the
  /// highest LSN in it. Errors: `io` with std::errc::file_exists where the name is taken, which is left as it is; else what
  /// the system said; there is no file then.
  Result<Lsn> copy_to(PathArg path) const {
    return detail::copy_frames(shared_->storage, shared_.get(), end(), path, new_file_mode, true,
                               [](std::uint64_t, const detail::format::Header&) { return true; });
  }

  /// Every whole frame, those behind damage too, in a new file. Returns what was written and what was left out. Errors as
  /// copy_to(). LSNs in it may jump, and go back.
  Result<Salvage> salvage_to(PathArg path) const {
    return detail::salvage_frames(shared_->storage, shared_.get(), end(), path, new_file_mode);
  }

 private:
  friend class ReaderBuilder<S, C>;

  static constexpr unsigned new_file_mode = 0644;
  static constexpr unsigned most_readings = 1000;  // each of them sees more frames than the one before

  explicit Reader(std::shared_ptr<Shared> shared) noexcept : shared_(std::move(shared)) {}

  [[nodiscard]] std::uint64_t end() const noexcept { return shared_->written_end.load(std::memory_order_acquire); }

  [[nodiscard]] Result<Examination> examine(detail::ScanSettings settings) const {
    return detail::or_not_enough_memory([&]() -> Result<Examination> {
      const std::uint64_t size = end();
      for (unsigned readings = 1;; ++readings) {
        detail::SparseIndex index;  // of its own: a later refresh() goes on behind what was indexed
        detail::Examiner<Stored> examiner(shared_->storage, shared_.get(), size, 1);
        if (auto examined = examiner.run(index, settings); !examined) {
          return detail::named_by(shared_->storage, examined.error());
        }
        auto seen = examination_of(examiner.findings());
        if (!seen || !seen->bad_at || readings == most_readings || !is_frame_by_now(*seen->bad_at, size)) return seen;
      }
    });
  }

  /// Of bad bytes of a file that is being written: what was seen behind them may be newer than they were.
  [[nodiscard]] bool is_frame_by_now(std::uint64_t offset, std::uint64_t size) const {
    detail::FrameCursor<Stored> cursor(detail::Source<Stored>(shared_->storage, shared_.get(), size), offset);
    return cursor.next() == detail::Walk::frame;
  }

  [[nodiscard]] Result<Examination> examination_of(const detail::Findings& found) const {
    Examination seen;
    seen.verdict = found.verdict;
    seen.frames = found.tally.frames;
    seen.events = found.tally.events;
    seen.first_lsn = found.tally.lowest;
    seen.last_lsn = found.tally.highest;
    seen.file_bytes = found.size;
    seen.kept_bytes = found.tally.end;
    seen.gaps = found.tally.gaps;
    seen.inversions = found.tally.inversions;
    seen.compressed_frames = found.tally.compressed_frames;
    seen.reason = detail::reason_for(found, "stand behind the last frame");
    if (found.verdict == Verdict::new_log || found.verdict == Verdict::clean) {
      seen.zero_bytes = found.size - found.tally.end;
      return seen;
    }
    seen.bad_at = found.tally.end;
    seen.proof_at = found.beyond.proof_at;
    if (found.verdict == Verdict::foreign) return seen;
    auto beyond = detail::frames_beyond(shared_->storage, shared_.get(), found.tally.end, found.size);
    if (!beyond) return detail::named_by(shared_->storage, beyond.error());
    seen.beyond = beyond->frames;
    seen.zero_bytes = found.size - beyond->end;
    return seen;
  }

  std::shared_ptr<Shared> shared_;
};

/// What is to be read, said option by option.
template <class S, class C>
class [[nodiscard]] ReaderBuilder : detail::RefusedPolicies<ReaderBuilder<S, C>> {
 public:
  using detail::RefusedPolicies<ReaderBuilder>::compressor;

  /// Reads compressed frames.
  template <Compressor T>
  [[nodiscard]] ReaderBuilder<S, T> compressor(T policy) && {
    return {std::move(path_), std::move(storage_), std::move(policy), max_frame_bytes_};
  }
  /// Reads these bytes instead of a file; the path is then only a name.
  template <detail::ReadableStorage T>
  [[nodiscard]] ReaderBuilder<T, C> storage(T policy) && {
    return {std::move(path_), std::optional<T>(std::move(policy)), std::move(compressor_), max_frame_bytes_};
  }
  /// Decompression stops there. Default 1 GiB.
  ReaderBuilder&& max_frame_bytes(std::uint64_t bytes) && {
    max_frame_bytes_ = bytes;
    return std::move(*this);
  }

  /// Opens the file for reading alone. Errors: `io` with what the system said.
  [[nodiscard]] Result<Reader<S, C>> build() && {
    if constexpr (std::is_same_v<S, ReadOnlyFile>) {
      if (!storage_) {
        auto opened = ReadOnlyFile::open(path_);
        if (!opened) return opened.error();
        storage_.emplace(std::move(*opened));
      }
    }
    return detail::or_not_enough_memory([&]() -> Result<Reader<S, C>> {
      using Shared = typename Reader<S, C>::Shared;
      auto shared =
          std::make_shared<Shared>(detail::ReadOnly<S>(std::move(*storage_)), std::move(compressor_), max_frame_bytes_);
      shared->bad_frame_is_end = true;
      shared->lsns_ascend = false;  // not known
      Reader<S, C> reader(std::move(shared));
      if (auto seen = reader.refresh(); !seen) return seen.error();
      return reader;
    });
  }

 private:
  template <class, class>
  friend class Reader;
  template <class, class>
  friend class ReaderBuilder;

  explicit ReaderBuilder(PathArg path) : path_(std::move(path)) {}
  ReaderBuilder(PathArg path, std::optional<S> storage, C compressor, std::uint64_t max_frame_bytes)
      : path_(std::move(path)),
        storage_(std::move(storage)),
        compressor_(std::move(compressor)),
        max_frame_bytes_(max_frame_bytes) {}

  PathArg path_;
  std::optional<S> storage_;
  [[no_unique_address]] C compressor_{};
  std::uint64_t max_frame_bytes_ = detail::Options{}.max_frame_bytes;
};

template <class S, class C>
ReaderBuilder<ReadOnlyFile, NoCompressor> Reader<S, C>::open(PathArg path) {
  return ReaderBuilder<ReadOnlyFile, NoCompressor>(std::move(path));
}

}  // namespace rewal

#endif  // REWAL_LOG_READER_HPP
