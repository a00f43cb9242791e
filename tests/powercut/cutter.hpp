// SPDX-License-Identifier: MIT
//
// Cut: the moment at which the power goes, and which of the writes that no flush covered the disk then holds. A value
// that follows from a recording and a seed alone; used by one thread. The file system's own recovery, and what must be
// on the disk, are left to the judge.
//
// Everything before the last flush is there. The kernel makes of a write with FUA on a loop device that write and a
// flush after it, so that a recording holds whole flushes alone, and none of them is taken for more than it was. Of the
// writes after it each may be there, not there, or torn by sectors of 512 bytes; those that are there lie in their order.

#ifndef REWAL_TESTS_POWERCUT_CUTTER_HPP
#define REWAL_TESTS_POWERCUT_CUTTER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "disk.hpp"
#include "numbered_events.hpp"
#include "recording.hpp"

namespace rewal_powercut {

class Cut {
 public:
  static constexpr std::size_t sector_bytes = 512;
  enum class Mode : std::uint8_t { dropped, kept, last_torn, mixed, torn, one_dropped, one_kept, modes };

  Cut(const Recording& recording, std::uint64_t seed) : recording_(recording), random_(seed) {
    at_ = choose_moment();
    for (std::size_t i = 0; i < at_; ++i) {
      if (recording_.steps[i].kind == Step::Kind::flush) flushed_ = i;
    }
    for (std::size_t i = flushed_; i < at_; ++i) {
      if (recording_.steps[i].kind == Step::Kind::write) pending_.push_back(i);
    }
    mode_ = static_cast<Mode>(random_.below(static_cast<std::uint64_t>(Mode::modes)));
  }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t flushed() const { return flushed_; }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }
  [[nodiscard]] Mode mode() const { return mode_; }

  /// What the workload had been told by then.
  [[nodiscard]] std::vector<Told> told() const {
    std::vector<Told> all = recording_.already;
    for (std::size_t i = 0; i < at_; ++i) {
      if (recording_.steps[i].kind == Step::Kind::told) all.push_back(recording_.steps[i].told);
    }
    return all;
  }

  /// What the disk then holds. Asked once.
  [[nodiscard]] Disk disk() {
    Disk disk = recording_.before;
    for (std::size_t i = 0; i < flushed_; ++i) put(disk, recording_.steps[i]);
    const std::size_t chosen = pending_.empty() ? 0 : random_.below(pending_.size());
    for (std::size_t n = 0; n < pending_.size(); ++n) {
      const Step& step = recording_.steps[pending_[n]];
      switch (mode_) {
        case Mode::kept: put(disk, step); break;
        case Mode::last_torn: n + 1 < pending_.size() ? put(disk, step) : put_torn(disk, step); break;
        case Mode::mixed:
          if (random_.once_in(2)) put(disk, step);
          break;
        case Mode::torn: random_.once_in(2) ? put(disk, step) : put_torn(disk, step); break;
        case Mode::one_dropped:
          if (n != chosen) put(disk, step);
          break;
        case Mode::one_kept:
          if (n == chosen) put(disk, step);
          break;
        default: break;
      }
    }
    return disk;
  }

 private:
  /// Any step of the workload, or, as often, one close behind something that it was told.
  [[nodiscard]] std::size_t choose_moment() {
    const std::size_t all = recording_.steps.size();
    std::size_t at = recording_.mounted + random_.below(all - recording_.mounted + 1);
    if (random_.once_in(2)) return at;
    while (at < all && recording_.steps[at].kind != Step::Kind::told) ++at;
    return std::min(all, at + 1 + random_.below(3));
  }

  static void put(Disk& disk, const Step& step) {
    if (step.kind == Step::Kind::write) disk.write(step.at, step.bytes);
  }

  /// The super block is one piece to those who made ext4 and btrfs: neither has a second one that it looks for.
  [[nodiscard]] bool is_super_block(const Step& step) const {
    const std::uint64_t first = recording_.file_system == "btrfs" ? 65536 : 0;
    return recording_.file_system != "xfs" && step.at < first + Disk::block_bytes &&
           step.at + step.bytes.size() > first;
  }

  void put_torn(Disk& disk, const Step& step) {
    if (is_super_block(step)) return random_.once_in(2) ? put(disk, step) : void();
    const bool front = random_.once_in(2);  // all sectors up to one, or any of them
    const std::size_t sectors = (step.bytes.size() + sector_bytes - 1) / sector_bytes;
    const std::size_t end = random_.below(sectors + 1);
    for (std::size_t sector = 0; sector < sectors; ++sector) {
      if (front ? sector >= end : random_.once_in(2)) continue;
      const std::size_t from = sector * sector_bytes;
      disk.write(step.at + from, std::span(step.bytes).subspan(from, std::min(sector_bytes, step.bytes.size() - from)));
    }
  }

  const Recording& recording_;
  Random random_;
  std::size_t at_ = 0;
  std::size_t flushed_ = 0;
  std::vector<std::size_t> pending_;
  Mode mode_ = Mode::dropped;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_CUTTER_HPP
