// SPDX-License-Identifier: MIT
//
// Builder: what a log is to be, said option by option, and the one place where a log is opened.
// Used by one thread. build() takes the policies out of it; one without policies can be built again. What the options
// mean while the log runs is said in options.hpp and decided by the parts they are handed to.

#ifndef REWAL_LOG_BUILDER_HPP
#define REWAL_LOG_BUILDER_HPP

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <rewal/commit/core.hpp>
#include <rewal/commit/writer_thread.hpp>
#include <rewal/error.hpp>
#include <rewal/format/format.hpp>
#include <rewal/log/refused_calls.hpp>
#include <rewal/log/wal.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/recovery/recovery.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/path.hpp>
#include <rewal/storage/storage.hpp>
#include <rewal/sync/signals.hpp>

namespace rewal {

/// Made by `Wal<>::open(path)`. Calls that take a policy change the type of the log, so that the policy is inlined and
/// an absent one costs nothing; policies are passed by value and owned by the log. What makes no sense is an error of
/// build(): `io` with std::errc::invalid_argument and the reason.
template <class S, class C, class I, class H>
class [[nodiscard]] Builder : detail::RefusedPolicies<Builder<S, C, I, H>> {
  using Refused = detail::RefusedPolicies<Builder>;

 public:
  using Refused::compressor;
  using Refused::hooks;
  using Refused::indexer;
  using Refused::storage;

  /// When the writer fsyncs unasked. Default SyncMode::never.
  Builder& sync_mode(SyncMode mode) & {
    return set([&] { options_.sync_mode = mode; });
  }
  Builder&& sync_mode(SyncMode mode) && { return std::move(sync_mode(mode)); }

  /// What append does when the queue is full. Default Backpressure::block.
  Builder& backpressure(Backpressure what) & {
    return set([&] { options_.backpressure = what; });
  }
  Builder&& backpressure(Backpressure what) && { return std::move(backpressure(what)); }

  /// What build() does with damage. Default Recovery::repair.
  Builder& recovery(Recovery policy) & {
    return set([&] { options_.recovery = policy; });
  }
  Builder&& recovery(Recovery policy) && { return std::move(recovery(policy)); }

  /// Most frames accepted and not yet written, the write in progress included. Default 4096.
  Builder& queue_capacity(std::uint64_t frames) & {
    return set([&] { options_.queue_capacity = frames; });
  }
  Builder&& queue_capacity(std::uint64_t frames) && { return std::move(queue_capacity(frames)); }

  /// Most bytes of them, up to 1 GiB; a larger single frame is accepted when it stands alone, and later appends queue
  /// behind it. Default 2112 KiB: producers and writer rarely meet, and two frames of 1 MiB are in flight at once
  /// (bench_defaults). Of more than 4 MiB, a ninth holds the queue's own marks. An idle log gives the memory back.
  Builder& queue_bytes(std::uint64_t bytes) & {
    return set([&] { options_.queue_bytes = bytes; });
  }
  Builder&& queue_bytes(std::uint64_t bytes) && { return std::move(queue_bytes(bytes)); }

  /// Most bytes in one write, a larger single frame excepted. Default 64 KiB. Where more than that is queued, a write
  /// ends at a multiple of this (of the power of two below it) in the file, inside a frame too: whole pages cost less.
  Builder& buffer_capacity(std::uint64_t bytes) & {
    return set([&] { options_.buffer_capacity = bytes; });
  }
  Builder&& buffer_capacity(std::uint64_t bytes) && { return std::move(buffer_capacity(bytes)); }

  /// Larger appends are `invalid_record`, and decompression stops there (`corrupted`). Default 1 GiB; the format itself
  /// ends below 4 GiB.
  Builder& max_frame_bytes(std::uint64_t bytes) & {
    return set([&] { options_.max_frame_bytes = bytes; });
  }
  Builder&& max_frame_bytes(std::uint64_t bytes) && { return std::move(max_frame_bytes(bytes)); }

  /// Grow the file in steps of this size, so that an fsync need not write the file's size. A clean close cuts the file
  /// to its true length. 0 is off. Default 4 MiB; 0 where the file system copies what is overwritten (btrfs, ZFS, bcachefs).
  Builder& preallocate(std::uint64_t bytes) & {
    return set([&] {
      options_.preallocate_bytes = bytes;
      options_.preallocate_was_asked_for = true;
    });
  }
  Builder&& preallocate(std::uint64_t bytes) && { return std::move(preallocate(bytes)); }

  /// Permissions of the files that the log creates, under the umask, where the system has permissions of this kind: the
  /// log, and copies of it. A saved copy has those of its log. Default 0644.
  Builder& file_mode(unsigned mode) & {
    return set([&] { options_.file_mode = mode; });
  }
  Builder&& file_mode(unsigned mode) && { return std::move(file_mode(mode)); }

  /// First LSN of an empty log; ignored when the log holds events. Default 1; 0 is invalid.
  Builder& start_lsn(Lsn lsn) & {
    return set([&] { options_.start_lsn = lsn; });
  }
  Builder&& start_lsn(Lsn lsn) && { return std::move(start_lsn(lsn)); }

  /// Shrinks frames, and reads compressed ones.
  template <Compressor T>
  [[nodiscard]] Builder<S, T, I, H> compressor(T policy) {
    return {std::move(path_), options_, std::move(storage_), std::move(policy), std::move(indexer_), std::move(hooks_)};
  }
  /// Hears of each event once it is written.
  template <Indexer T>
  [[nodiscard]] Builder<S, C, T, H> indexer(T policy) {
    return {std::move(path_),       options_,          std::move(storage_),
            std::move(compressor_), std::move(policy), std::move(hooks_)};
  }
  /// Hears of what the log does.
  template <Hooks T>
  [[nodiscard]] Builder<S, C, I, T> hooks(T policy) {
    return {std::move(path_),    options_,         std::move(storage_), std::move(compressor_),
            std::move(indexer_), std::move(policy)};
  }
  /// Keeps the bytes instead of a file; the path is then only a name.
  template <Storage T>
  [[nodiscard]] Builder<T, C, I, H> storage(T policy) {
    return {std::move(path_),    options_,         std::optional<T>(std::move(policy)), std::move(compressor_),
            std::move(indexer_), std::move(hooks_)};
  }

  /// Opens the log: takes the lock, recovers what the file holds, fsyncs what it keeps and starts the writer thread.
  /// Errors: `file_locked`; `invalid_record` for a file that is no log of this format; `corrupted` with offset and LSN
  /// for damage that the recovery policy refuses; `io` with what the system said, or with std::errc::invalid_argument.
  [[nodiscard]] Result<Wal<S, C, I, H>> build() {
    if (const auto sense = make_sense(); !sense) return sense.error();
    if (used_up_)
      return Error(Errc::invalid_state, "this builder's policies went into an earlier build(): open(...) another");
    const bool storage_was_given = storage_.has_value();
    if constexpr (std::is_same_v<S, FileStorage>) {
      if (!storage_was_given) {
        Result<FileStorage> opened = FileStorage::open(path_, {}, options_.file_mode);
        if (!opened) return opened.error();
        storage_.emplace(std::move(*opened));
        if (!options_.preallocate_was_asked_for && storage_->copies_on_write()) options_.preallocate_bytes = 0;
      }
    }
    used_up_ = storage_was_given || detail::has_compressor<C> || detail::has_indexer<I> || detail::HasAnyHook<H>;
    REWAL_TRY { return open_on(std::move(*std::exchange(storage_, std::nullopt))); }
    REWAL_CATCH_ALL { return detail::not_enough_memory(); }
  }

 private:
  template <class, class, class, class>
  friend class Wal;
  template <class, class, class, class>
  friend class Builder;

  using Core = detail::Core<S, C, I, H>;
  using Shared = detail::SharedLog<S, C>;

  explicit Builder(PathArg path) : path_(std::move(path)) {}
  Builder(PathArg path, const detail::Options& options, std::optional<S> storage, C compressor, I indexer, H hooks)
      : path_(std::move(path)),
        options_(options),
        storage_(std::move(storage)),
        compressor_(std::move(compressor)),
        indexer_(std::move(indexer)),
        hooks_(std::move(hooks)) {}

  template <class F>
  Builder& set(F&& assign) {
    assign();
    return *this;
  }

  [[nodiscard]] Result<void> make_sense() const noexcept {
    using detail::invalid_argument;
    if (options_.queue_capacity == 0) return invalid_argument("queue_capacity is 0: allow at least one frame");
    if (options_.queue_bytes == 0) return invalid_argument("queue_bytes is 0: allow at least one byte");
    if (options_.queue_bytes > detail::Ring<>::most_bytes)
      return invalid_argument("queue_bytes is over 1 GiB: allow less");
    if (options_.buffer_capacity == 0) return invalid_argument("buffer_capacity is 0: allow at least one byte");
    if (options_.max_frame_bytes < detail::format::min_frame_bytes) {
      return invalid_argument("max_frame_bytes is below 34: no frame is that small");
    }
    if (options_.sync_mode.period().count() < 0)
      return invalid_argument("the sync interval is negative: pass 0 or more");
    if (options_.start_lsn == 0 || options_.start_lsn > detail::max_lsn) {
      return invalid_argument("start_lsn is 0 or over 2^64-2: the first LSN is at least 1");
    }
    return {};
  }

  [[nodiscard]] Result<Wal<S, C, I, H>> open_on(S storage) {
    auto shared = std::make_shared<Shared>(std::move(storage), std::move(compressor_), options_.max_frame_bytes);
    auto recovered = detail::recover(*shared, options_.recovery, options_.start_lsn);
    if (!recovered) return detail::named_by(shared->storage, recovered.error());
    const std::uint64_t end = recovered->report.kept_bytes;
    shared->written_end.store(end, std::memory_order_release);
    auto core = std::make_unique<Core>(std::move(shared), std::move(indexer_), std::move(hooks_), options_,
                                       std::move(recovered->report), end, recovered->last_lsn);
    if (recovered->damage_at) {
      core->corruptions = 1;
      core->hooks.on_corruption(*recovered->damage_at);
    }
    if (!core->in_forks.enter(core.get(), &leave_to_parent)) return detail::not_enough_memory();
    if (const auto started = start_writer(*core); !started) return started.error();
    core->hooks.on_start();
    return Wal<S, C, I, H>(std::move(core));
  }

  static void leave_to_parent(void* core) noexcept { static_cast<Core*>(core)->leave_to_parent(); }

  [[nodiscard]] static Result<void> start_writer(Core& core) {
    const detail::SignalsBlocked for_the_thread;
#if REWAL_EXCEPTIONS
    try {
      core.thread.start([&core] { detail::WriterThread<Core>(core).run(); });
      return {};
    } catch (const std::system_error& refused) {
      return Error(Errc::io, refused.code(), "the writer thread could not be started: free threads and open again");
    }
#else
    core.thread.start([&core] { detail::WriterThread<Core>(core).run(); });
    return {};
#endif
  }

  PathArg path_;
  detail::Options options_;
  std::optional<S> storage_;  // none: the file at path_
  bool used_up_ = false;      // policies were taken out by build(); without any it may be called again
  [[no_unique_address]] C compressor_{};
  [[no_unique_address]] I indexer_{};
  [[no_unique_address]] H hooks_{};
};

template <class S, class C, class I, class H>
Builder<FileStorage, NoCompressor, NoIndexer, NoHooks> Wal<S, C, I, H>::open(PathArg path) {
  return Builder<FileStorage, NoCompressor, NoIndexer, NoHooks>(std::move(path));
}

}  // namespace rewal

#endif  // REWAL_LOG_BUILDER_HPP
