// SPDX-License-Identifier: MIT
//
// Holds what the library makes of a file against the second judge: opening it under a policy, and reading it.

#ifndef REWAL_TESTS_FUZZ_COMPARE_HPP
#define REWAL_TESTS_FUZZ_COMPARE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rewal/error.hpp>
#include <rewal/options.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/read/iterator.hpp>
#include <rewal/read/replay.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/recovery/recovery.hpp>
#include <support/test_disk.hpp>

#include "claim.hpp"
#include "heap_peak.hpp"
#include "run_length.hpp"
#include "second_judge.hpp"

namespace rewal_fuzz {

using rewal::Errc;
using rewal::Recovery;
using MappedDisk = rewal_test::MappedDisk;
using ReadDisk = rewal_test::ReadDisk;
using UnsavingDisk = rewal_test::TestDisk<false, false>;  // without preserve()

inline constexpr Recovery policies[] = {Recovery::repair, Recovery::truncate, Recovery::strict};

inline Image image_of(View bytes) { return {bytes.begin(), bytes.end()}; }
inline bool same(View a, View b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// ---- reading -------------------------------------------------------------------------------------------------------

/// What a reader from one LSN on must yield: events, then the end or an error at an offset.
struct ExpectedReading {
  std::vector<SecondEvent> events;
  std::vector<Image> inflated;  // what events point into
  std::optional<Errc> error;    // any code where `any_error`
  bool any_error = false;
  std::size_t error_at = 0;
};

/// `inflate` turns a compressed region into records, or none for an error; null where there is no compressor.
template <class Inflater>
ExpectedReading expected_reading(const SecondJudge& judge, std::uint64_t from, const Inflater& inflate) {
  ExpectedReading expected;
  for (const JudgedFrame& frame : judge.judgement().frames) {
    if (frame.header.last() < from) continue;
    View region = judge.region_of(frame);
    expected.error_at = frame.at;
    if (frame.header.compressed()) {
      if constexpr (std::is_same_v<Inflater, std::nullptr_t>) {
        expected.error = Errc::compressor_required;
        return expected;
      } else {
        auto records = inflate(region);
        if (!records || !are_records(*records, frame.header.count)) {
          expected.any_error = !records;
          expected.error = Errc::corrupted;
          return expected;
        }
        expected.inflated.push_back(std::move(*records));
        region = expected.inflated.back();
      }
    }
    std::uint64_t lsn = frame.header.first;
    auto records = records_of(region, frame.header.count);
    for (SecondEvent event : *records) {
      event.lsn = lsn++;
      event.frame_at = frame.at;
      if (event.lsn >= from) expected.events.push_back(event);
    }
  }
  return expected;
}

inline bool is(const rewal::BorrowedEvent& event, const SecondEvent& expected) {
  return event.lsn == expected.lsn && event.offset == expected.frame_at && same(event.payload, expected.payload) &&
         event.meta.has_value() == !expected.meta.empty() && same(event.meta.value_or(View{}), expected.meta);
}

template <class Iterator>
void compare_reading(Iterator& it, const ExpectedReading& expected) {
  for (const SecondEvent& event : expected.events) {
    const auto next = it.next_borrowed();
    claim(next.has_value() && next->has_value(), "the iterator yields every event");
    claim(is(**next, event), "the iterator yields each event as it is in the file");
  }
  for (int again = 0; again < 2; ++again) {
    const auto next = it.next_borrowed();
    if (!expected.error) {
      claim(next.has_value() && !next->has_value(), "the iterator ends after the last event");
      continue;
    }
    claim(!next.has_value(), "what cannot be read is an error, never the end");
    claim(expected.any_error || next.error() == *expected.error, "the error of reading has the right code");
    claim(next.error().offset() == expected.error_at, "the error of reading has the frame's offset");
  }
}

/// `replay` calls what it is given for each event, and returns what the library's replay returned.
template <class Replay>
void compare_replay(const Replay& replay, const ExpectedReading& expected) {
  std::size_t seen = 0;
  const rewal::Result<std::uint64_t> replayed = replay([&](const rewal::BorrowedEvent& event) {
    claim(seen < expected.events.size() && is(event, expected.events[seen]),
          "replay hands over each event in its turn");
    ++seen;
  });
  claim_equal(seen, expected.events.size(), "replay hands over every event");
  claim(replayed.has_value() == !expected.error, "replay succeeds where there is no damage");
  if (replayed) claim_equal<std::uint64_t>(*replayed, seen, "replay counts its events");
}

/// Readers of bytes that nobody opened as a log: events, and damage where the judge sees it.
template <class Disk>
void compare_raw_reading(const SecondJudge& judge, std::uint64_t from) {
  auto shared = std::make_shared<rewal::detail::SharedLog<Disk, rewal::NoCompressor>>(Disk(image_of(judge.file())),
                                                                                      rewal::NoCompressor{}, 1 << 20);
  shared->written_end.store(judge.file().size());
  ExpectedReading expected = expected_reading(judge, from, nullptr);
  if (!expected.error && judge.judgement().end < judge.file().size()) {
    expected.error = judge.standing_at_end() == Standing::unknown ? Errc::invalid_record : Errc::corrupted;
    expected.error_at = judge.judgement().end;
  }
  rewal::detail::Iterator<Disk, rewal::NoCompressor> it(shared, from);
  compare_reading(it, expected);
}

// ---- opening -------------------------------------------------------------------------------------------------------

enum class Opening : std::uint8_t { opens, refused, either };

struct ExpectedOpening {
  Opening opening = Opening::opens;
  Errc refusal = Errc::corrupted;
  bool damage_cut = false;
  bool saved = false;
};

inline ExpectedOpening expected_opening(const Judgement& found, Recovery policy, bool preserves) {
  switch (found.kind) {
    case Kind::new_log:
    case Kind::clean_end: return {};
    case Kind::foreign:
    case Kind::unknown: return {Opening::refused, Errc::invalid_record};
    case Kind::malformed: return {Opening::refused, Errc::corrupted};
    case Kind::damaged: break;
  }
  if (policy == Recovery::strict) return {Opening::refused, Errc::corrupted};
  const bool saved = (found.worth_saving || found.may_be_whole) && preserves;
  const ExpectedOpening cut{Opening::opens, Errc::corrupted, true, saved};
  if (policy == Recovery::truncate) return cut;
  if (found.behind == Behind::proof || (found.worth_saving && !preserves)) return {Opening::refused, Errc::corrupted};
  if (found.behind == Behind::tear) return cut;
  return {Opening::either, Errc::corrupted, true, saved};
}

template <class Disk>
void compare_refusal(const Disk& disk, const rewal::Error& error, Errc code, const SecondJudge& judge) {
  const Judgement& found = judge.judgement();
  claim(error == code, "a refusal has the right code");
  claim(error.offset() == found.end, "a refusal says where the bad bytes are");
  if (code == Errc::corrupted && found.end > 0) {
    claim(error.lsn() == found.last_lsn + 1, "a refusal says which LSN is lost");
  }
  claim(same(disk.state->content, judge.file()), "a refused file stays as it is, byte for byte");
  claim(disk.state->changes.empty() && disk.state->copies.empty(), "refusing a file changes nothing");
}

inline void compare_report(const rewal::RecoveryReport& report, const SecondJudge& judge,
                           const ExpectedOpening& expected) {
  const Judgement& found = judge.judgement();
  claim_equal<std::uint64_t>(report.kept_bytes, found.end, "kept bytes");
  claim_equal<std::uint64_t>(report.cut_bytes, judge.file().size() - found.end, "cut bytes");
  claim_equal<std::uint64_t>(report.frames, found.frames.size(), "frames");
  claim_equal<std::uint64_t>(report.events, found.events, "events");
  claim_equal<std::uint64_t>(report.gaps, found.gaps, "gaps");
  claim_equal<std::uint64_t>(report.inversions, found.inversions, "inversions");
  claim(report.reason.empty() == (report.cut_bytes == 0), "a reason is given where something was cut");
  claim(report.saved_copy.empty() == !expected.saved, "a saved copy is named where one was made");
}

template <class Disk>
void compare_opened_disk(const Disk& disk, const SecondJudge& judge, const ExpectedOpening& expected) {
  const std::size_t end = judge.judgement().end;
  claim(same(disk.state->content, judge.file().first(end)), "what is kept is the frames before the bad one");
  std::vector<std::string> changes;
  if (expected.saved) changes.push_back("preserve " + std::to_string(end));
  if (judge.file().size() > end) changes.push_back("truncate " + std::to_string(end));
  changes.emplace_back("sync");
  claim(disk.state->changes == changes, "saved, cut and fsynced in this order, and nothing else");
  claim_equal<std::size_t>(disk.state->copies.size(), expected.saved ? 1 : 0, "saved copies");
  if (expected.saved) claim(same(disk.state->copies[0].second, judge.file().subspan(end)), "the copy is what was cut");
}

/// The file as it is read by the two sources of the search, and as it is saved; their buffers, and what else there is.
inline std::size_t most_memory(std::size_t file_bytes) { return 4 * file_bytes + 256 * 1024; }

/// A reading from one LSN on, of what an opened log holds.
struct Reading {
  std::uint64_t from;
  ExpectedReading expected;
};
using Readings = std::vector<Reading>;

inline Readings readings_from(const SecondJudge& judge, std::initializer_list<std::uint64_t> lsns) {
  Readings readings;
  for (const std::uint64_t from : lsns) readings.push_back({from, expected_reading(judge, from, nullptr)});
  return readings;
}

/// Opens the judge's file under `policy`, and reads it. Whether it opened.
template <class Disk>
bool compare_opening(const SecondJudge& judge, Recovery policy, std::uint64_t start_lsn,
                     const Readings& readings = {}) {
  const Judgement& found = judge.judgement();
  ExpectedOpening expected = expected_opening(found, policy, rewal::detail::PreservingStorage<Disk>);
  const Disk disk(image_of(judge.file()));
  auto shared =
      std::make_shared<rewal::detail::SharedLog<Disk, rewal::NoCompressor>>(disk, rewal::NoCompressor{}, 1 << 20);
  const HeapPeak heap;
  const auto recovered = rewal::detail::recover(*shared, policy, start_lsn);
  claim(heap.bytes() <= most_memory(judge.file().size()), "opening takes no more memory than the file and a constant");
  if (!recovered) {
    claim(expected.opening != Opening::opens, "a file that must open is not refused");
    compare_refusal(disk, recovered.error(), expected.refusal, judge);
    return false;
  }
  claim(expected.opening != Opening::refused, "a file that must be refused does not open");
  compare_report(recovered->report, judge, expected);
  compare_opened_disk(disk, judge, expected);
  claim_equal<std::uint64_t>(recovered->last_lsn, found.last_lsn, "the last LSN");
  claim(recovered->damage_at.has_value() == expected.damage_cut, "damage is told where it was cut");
  claim(!recovered->damage_at || *recovered->damage_at == found.end, "damage is told with its offset");

  shared->written_end.store(recovered->report.kept_bytes);
  for (const Reading& reading : readings) {
    rewal::detail::Iterator<Disk, rewal::NoCompressor> it(shared, reading.from);
    compare_reading(it, reading.expected);
    compare_replay([&](auto f) { return rewal::detail::replay(shared, reading.from, f); }, reading.expected);
  }
  return true;
}

/// Every policy, on storages with and without each extra.
inline void compare_all_openings(const SecondJudge& judge, std::uint64_t start_lsn, std::uint64_t read_from) {
  const Readings readings = readings_from(judge, {0, read_from});
  for (const Recovery policy : policies) {
    const bool mapped = compare_opening<MappedDisk>(judge, policy, start_lsn, readings);
    const bool read = compare_opening<ReadDisk>(judge, policy, start_lsn, readings);
    claim(mapped == read, "a storage that maps is judged as one that does not");
    compare_opening<UnsavingDisk>(judge, policy, start_lsn);
  }
}

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_COMPARE_HPP
