// SPDX-License-Identifier: MIT
//
// StorageAppender: where the storage grows. It takes bytes there, all of them or none but those before an error,
// reserves space ahead and fsyncs. Called by the write lock's holder; abandon() by anybody. What the bytes are, what is
// told to whom, and that nothing follows an error is left to the writer.
//
// WHERE A WRITE SHOULD END. At a file offset that is a multiple of a large power of two, where there is more to write
// than fits: an operating system keeps a file in pages, and joins those that one write covers whole. Pieces of 64 KiB
// that end there cost two thirds of what pieces of the same size cost that end anywhere. See bench/growth_bench.cpp.

#ifndef REWAL_COMMIT_STORAGE_APPENDER_HPP
#define REWAL_COMMIT_STORAGE_APPENDER_HPP

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/policy/storage_call.hpp>
#include <rewal/queue/ring_span.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal::detail {

template <class S, class C, class Threads>
class StorageAppender {
 public:
  static constexpr std::uint64_t sector_bytes = 512;
  /// A write ends inside a frame only at a multiple of this or more, so never in the file's first sector.
  static constexpr std::uint64_t least_alignment = 4096;

  /// What became of a call: `stopped` is abandon()'s doing, `failed` the storage's, who says why.
  enum class Outcome : std::uint8_t { done, stopped, failed };

  struct Settings {
    std::uint64_t most_bytes;         // of one write
    std::uint64_t preallocate_bytes;  // 0: never
  };

  /// The storage holds `end` bytes.
  StorageAppender(SharedLog<S, C>& shared, std::uint64_t end, Settings settings) noexcept
      : shared_(shared),
        most_bytes_(settings.most_bytes),
        alignment_(std::bit_floor(settings.most_bytes)),
        preallocate_bytes_(settings.preallocate_bytes),
        stored_(end),
        allocated_(end) {}

  /// How many bytes the storage has been given.
  [[nodiscard]] std::uint64_t stored() const noexcept { return stored_; }

  /// The most bytes of one write.
  [[nodiscard]] std::uint64_t most_bytes() const noexcept { return most_bytes_; }

  /// Where a write should end that has more to write than most_bytes(): an offset in the file, or 0, at the end of a
  /// frame.
  [[nodiscard]] std::uint64_t good_end() const noexcept {
    if (alignment_ < least_alignment || stored_ > UINT64_MAX - most_bytes_) return 0;
    return (stored_ + most_bytes_) / alignment_ * alignment_;
  }

  /// Reserves space for `bytes` more. What cannot be reserved is no error: the file just grows.
  void reserve(std::size_t bytes) {
    if constexpr (PreallocatingStorage<S>) {
      const std::uint64_t needed = stored_ + bytes;
      if (preallocate_bytes_ == 0 || needed <= allocated_ || needed > UINT64_MAX - preallocate_bytes_) return;
      const std::uint64_t target = (needed + preallocate_bytes_ - 1) / preallocate_bytes_ * preallocate_bytes_;
      if (call([&] { return shared_.storage.preallocate(target); })) {
        allocated_ = target;
      } else {
        preallocate_bytes_ = 0;
      }
    }
  }

  /// All of `bytes`, in as many writes as the storage makes of them. A torn first write must not look like a foreign
  /// file: its first sector is fsynced before anything else is there.
  [[nodiscard]] Outcome store(const RingSpan<std::byte>& bytes) {
    if (stored_ != 0 || bytes.size() <= sector_bytes) return store_both(bytes);
    if (const Outcome first = store_both(bytes.part(0, sector_bytes)); first != Outcome::done) return first;
    if (const Outcome synced = sync(); synced != Outcome::done) return synced;
    return gives_up() ? Outcome::stopped : store_both(bytes.part(sector_bytes, bytes.size()));
  }

  /// Never retried: a failed fsync may have dropped what it did not write.
  [[nodiscard]] Outcome sync() {
    last_sync_ = Threads::now();
    const Result<void> done = call([&] { return shared_.storage.sync(); });
    if (!done) return failed(done.error());
    last_sync_took_ = Threads::now() - last_sync_;
    return Outcome::done;
  }

  /// Of the last fsync: how long it took, and when it ended.
  [[nodiscard]] typename Threads::Time::duration last_sync_took() const noexcept { return last_sync_took_; }
  [[nodiscard]] typename Threads::Time last_sync_end() const noexcept { return last_sync_ + last_sync_took_; }

  /// Cuts what is behind `end`.
  [[nodiscard]] Result<void> truncate(std::uint64_t end) {
    return call([&] { return shared_.storage.truncate(end); });
  }
  [[nodiscard]] Result<void> close() {
    return call([&] { return shared_.storage.close(); });
  }

  /// Why the last call failed.
  [[nodiscard]] const Error& error() const noexcept { return error_; }

  /// Stops the storing: of what is being stored, the write in progress is the last. The first is always made.
  void abandon() noexcept { abandoned_.store(true, std::memory_order_release); }
  /// From here on abandon() stops nothing.
  void insist() noexcept { insists_ = true; }
  [[nodiscard]] bool abandoned() const noexcept { return abandoned_.load(std::memory_order_acquire); }

 private:
  static constexpr unsigned most_fruitless_tries = 16;

  template <class F>
  auto call(F&& f) -> decltype(f()) {
    return storage_call(&shared_, std::forward<F>(f));
  }

  [[nodiscard]] bool gives_up() const noexcept { return abandoned() && !insists_; }

  [[nodiscard]] Outcome store_both(const RingSpan<std::byte>& bytes) {
    const Outcome first = store_piece(bytes.first);
    if (first != Outcome::done || bytes.second.empty()) return first;
    return gives_up() ? Outcome::stopped : store_piece(bytes.second);
  }

  [[nodiscard]] Outcome store_piece(Bytes bytes) {
    unsigned fruitless = 0;
    while (!bytes.empty()) {
      const Result<std::size_t> taken = call([&] { return shared_.storage.write(bytes); });
      if (taken && *taken >= 1 && *taken <= bytes.size()) {
        stored_ += *taken;
        bytes = bytes.subspan(*taken);
        fruitless = 0;
      } else if (taken) {
        return failed(Errc::short_write);
      } else if (!was_interrupted(taken.error()) || ++fruitless == most_fruitless_tries) {
        return failed(taken.error());
      }
      if (!bytes.empty() && gives_up()) return Outcome::stopped;
    }
    return Outcome::done;
  }

  [[nodiscard]] Outcome failed(const Error& error) noexcept {
    error_ = named_by(shared_.storage, error);
    return Outcome::failed;
  }

  SharedLog<S, C>& shared_;
  const std::uint64_t most_bytes_;
  const std::uint64_t alignment_;

  // By the write lock's holder.
  std::uint64_t preallocate_bytes_;  // falls to 0 when the storage refuses
  std::uint64_t stored_;
  std::uint64_t allocated_;             // space is reserved up to here
  typename Threads::Time last_sync_{};  // when the last fsync began
  typename Threads::Time::duration last_sync_took_{};
  Error error_{Errc::io};
  bool insists_ = false;

  typename Threads::template Atomic<bool> abandoned_{false};  // by anybody; release, with acquire: stops, tells no more
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_STORAGE_APPENDER_HPP
