// SPDX-License-Identifier: MIT
//
// What a log tells about itself: its counters, and what opening it found. Plain values, snapshots of the moment.

#ifndef REWAL_STATS_HPP
#define REWAL_STATS_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include <rewal/lsn.hpp>
#include <rewal/options.hpp>

namespace rewal {

/// How long fsyncs took. Bucket i of `counts` holds those that took less than 2^(i+1) microseconds and not less than 2^i;
/// the first all below 2, the last all above.
struct SyncHistogram {
  std::array<std::uint64_t, 32> counts{};
  std::uint64_t total = 0;  ///< nanoseconds of all of them together

  /// The bucket of an fsync that took so many nanoseconds.
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t nanoseconds) noexcept {
    const std::uint64_t microseconds = nanoseconds / 1000;
    const auto bits = static_cast<std::size_t>(std::bit_width(microseconds));
    return bits < 2 ? 0 : (bits > 32 ? 31 : bits - 1);
  }
  [[nodiscard]] friend bool operator==(const SyncHistogram&, const SyncHistogram&) = default;
};

/// Counters since build(), unless said otherwise. `durable_lsn <= last_lsn` in every snapshot.
struct Stats {
  std::uint64_t events_written = 0;    ///< events handed to the storage
  std::uint64_t batches_written = 0;   ///< frames handed to the storage
  std::uint64_t bytes_written = 0;     ///< bytes of these frames
  std::uint64_t bytes_synced = 0;      ///< bytes of these frames that an fsync covered
  std::uint64_t sync_count = 0;        ///< fsyncs that the writer made for events
  std::uint64_t compressed_bytes = 0;  ///< bytes that compression saved
  std::uint64_t drops = 0;             ///< events dropped by Backpressure::drop
  std::uint64_t corruptions = 0;       ///< damage that build() cut
  std::uint64_t queue_len = 0;         ///< frames accepted and not yet written
  std::uint64_t file_size = 0;         ///< bytes of all frames in the file; preallocated space not counted
  Lsn last_lsn = 0;                    ///< highest LSN written to the storage
  Lsn durable_lsn = 0;                 ///< highest LSN that a finished fsync covers
  State state = State::init;
  SyncHistogram sync_time;  ///< of the fsyncs in sync_count
};

/// What build() found in the file and did about it.
struct RecoveryReport {
  std::uint64_t frames = 0;      ///< frames kept
  std::uint64_t events = 0;      ///< events in them
  std::uint64_t kept_bytes = 0;  ///< bytes of them: where the log goes on
  std::uint64_t cut_bytes = 0;   ///< bytes cut after them, trailing zeros included
  std::uint64_t gaps = 0;        ///< places where LSNs jump forward
  std::uint64_t inversions = 0;  ///< places where LSNs go back or repeat
  std::string reason;            ///< one sentence on what ended the log; empty where the file ended with its last frame
  std::string saved_copy;        ///< where the cut bytes were saved; empty where nothing was worth saving
};

}  // namespace rewal

#endif  // REWAL_STATS_HPP
