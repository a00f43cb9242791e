// SPDX-License-Identifier: MIT
//
// Opens a file through the public interface, as a program does, appends one event and shuts down: what is then in the
// storage must be what the judge kept and that event's frame, byte for byte.

#ifndef REWAL_TESTS_FUZZ_PUBLIC_LOG_HPP
#define REWAL_TESTS_FUZZ_PUBLIC_LOG_HPP

#include <cstdint>
#include <utility>

#include <rewal/wal.hpp>

#include "claim.hpp"
#include "compare.hpp"
#include "made_log.hpp"

namespace rewal_fuzz {

inline void append_one(rewal::Wal<rewal::MemoryStorage>& wal, const rewal::MemoryStorage& disk,
                       const SecondJudge& judge, std::uint64_t start_lsn) {
  const Judgement& found = judge.judgement();
  const bool old = found.end > 0;
  Image expected = image_of(judge.file().first(found.end));
  const auto lsn = wal.append_with_meta("after", "m");
  if (old && found.last_lsn == highest_lsn) {
    claim(!lsn && lsn.error() == Errc::invalid_lsn, "no LSN follows the last one");
  } else {
    claim(lsn.has_value(), "an opened log takes an event");
    claim_equal<std::uint64_t>(*lsn, old ? found.last_lsn + 1 : start_lsn, "the LSN after opening");
    Image region;
    append_record(region, rewal::BytesArg("after").bytes(), rewal::BytesArg("m").bytes());
    append(expected, made_frame(*lsn, 1, old ? 2 : 0, region));
  }
  claim(wal.shutdown().has_value(), "a log in memory shuts down");
  claim(same(disk.bytes(), expected), "the file is what was kept, and the new frame as the format says");
}

inline void compare_public_log(const SecondJudge& judge, Recovery policy, std::uint64_t start_lsn) {
  const Judgement& found = judge.judgement();
  const ExpectedOpening expected = expected_opening(found, policy, true);
  rewal::MemoryStorage disk;
  claim(judge.file().empty() || disk.write(judge.file()).has_value(), "memory takes the file");
  auto wal = rewal::Wal<>::open("fuzz").storage(disk).recovery(policy).start_lsn(start_lsn).build();
  if (!wal) {
    claim(expected.opening != Opening::opens && wal.error() == expected.refusal,
          "build() refuses what must be refused");
    claim(same(disk.bytes(), judge.file()), "build() leaves a refused file as it is");
    return;
  }
  claim(expected.opening != Opening::refused, "build() does not open what must be refused");
  compare_report(wal->recovery(), judge, expected);
  claim_equal<std::uint64_t>(wal->last_lsn(), found.last_lsn, "last_lsn after opening");
  claim_equal<std::uint64_t>(wal->durable_lsn(), found.last_lsn, "durable_lsn after opening");
  claim_equal<std::uint64_t>(wal->stats().corruptions, expected.damage_cut ? 1 : 0, "corruptions");
  append_one(*wal, disk, judge, start_lsn);
}

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_PUBLIC_LOG_HPP
