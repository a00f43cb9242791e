// SPDX-License-Identifier: MIT
//
// FrameTally: what a walk over frames one after another counts, and where it ended. A value, used by one thread.
// Walking, and what the numbers mean for the log, is left to the scan and to recovery.

#ifndef REWAL_RECOVERY_FRAME_TALLY_HPP
#define REWAL_RECOVERY_FRAME_TALLY_HPP

#include <algorithm>
#include <cstdint>

#include <rewal/format/format.hpp>
#include <rewal/lsn.hpp>

namespace rewal::detail {

struct FrameTally {
  std::uint64_t end = 0;  ///< where the last frame ends
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  std::uint64_t compressed_frames = 0;
  std::uint64_t gaps = 0;        ///< places where LSNs jump forward
  std::uint64_t inversions = 0;  ///< places where LSNs go back or repeat
  Lsn lowest = 0;                ///< LSN of all events, 0 where there are none
  Lsn highest = 0;

  /// The frame at `end` has this header.
  void add(const format::Header& header) noexcept {
    if (header.first_lsn != highest + 1) note_jump(header.first_lsn);
    lowest = frames == 0 ? header.first_lsn : (std::min)(lowest, header.first_lsn);
    highest = (std::max)(highest, header.last_lsn());
    ++frames;
    events += header.count;
    compressed_frames += header.compressed() ? 1u : 0u;
    end += header.size;
  }

  /// The frames of `next` follow, the first of them with `first_lsn`, which is above all LSNs here: each of its other
  /// frames counts as it did there.
  void append(const FrameTally& next, Lsn first_lsn) noexcept {
    if (first_lsn != highest + 1) note_jump(first_lsn);
    lowest = frames == 0 ? next.lowest : (std::min)(lowest, next.lowest);
    highest = next.highest;
    frames += next.frames;
    events += next.events;
    compressed_frames += next.compressed_frames;
    gaps += next.gaps;
    inversions += next.inversions;
    end = next.end;
  }

 private:
  void note_jump(Lsn first_lsn) noexcept {
    if (frames > 0) ++(first_lsn > highest ? gaps : inversions);
  }
};

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_FRAME_TALLY_HPP
