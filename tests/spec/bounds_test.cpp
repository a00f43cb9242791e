// SPDX-License-Identifier: MIT
//
// Reading between two LSNs, and the lowest LSN of a log.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <vector>

using namespace rewal_test;

namespace {

constexpr Lsn highest = (std::numeric_limits<Lsn>::max)();

/// Counts the bytes that are read of it.
struct CountingReads : RecordingStorage {
  std::shared_ptr<std::atomic<std::uint64_t>> bytes = std::make_shared<std::atomic<std::uint64_t>>(0);

  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    *bytes += into.size();
    return RecordingStorage::read_at(into, offset);
  }
};

/// The LSNs that a bounded replay and a bounded iterator show; they must agree.
std::vector<Lsn> shown(const auto& wal, Lsn from, Lsn to) {
  std::vector<Lsn> replayed;
  const auto handed = must(wal.replay(from, to, [&](const BorrowedEvent& event) { replayed.push_back(event.lsn); }));
  std::vector<Lsn> iterated;
  for (const auto& event : must(wal.iterator(from, to))) iterated.push_back(must(event).lsn);
  CHECK(handed == replayed.size());
  CHECK(iterated == replayed);
  return replayed;
}

}  // namespace

TEST_CASE("a bounded replay or iterator shows both bounds and what lies between") {
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).build());
  for (int i = 0; i < 100; ++i) must(wal.append("event"));
  must(wal.flush());
  CHECK(shown(wal, 40, 43) == std::vector<Lsn>{40, 41, 42, 43});
  CHECK(shown(wal, 100, 100) == std::vector<Lsn>{100});
  CHECK(shown(wal, 99, highest) == std::vector<Lsn>{99, 100});
  CHECK(shown(wal, 0, 2) == std::vector<Lsn>{1, 2});
}

TEST_CASE("an upper bound below the lower one, or below the first event, shows nothing") {
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).start_lsn(10).build());
  CHECK(shown(wal, 0, highest).empty());
  must(wal.append("event"));
  must(wal.flush());
  CHECK(shown(wal, 11, 10).empty());
  CHECK(shown(wal, highest, 0).empty());
  CHECK(shown(wal, 0, 9).empty());
  CHECK(shown(wal, 0, 10).size() == 1);
}

TEST_CASE("a bounded replay stops where its function says so") {
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).build());
  for (int i = 0; i < 10; ++i) must(wal.append("event"));
  must(wal.flush());
  CHECK(must(wal.replay(3, 9, [](const BorrowedEvent& event) { return event.lsn < 5; })) == 3);
  CHECK(wal.replay(3, 9, [](Event&&) -> Result<void> { return Errc::invalid_record; }).error() == Errc::invalid_record);
}

TEST_CASE("a bounded reading of a log whose LSNs are out of order shows all events between the bounds, in file order") {
  const auto events = golden_events("rust-multiproducer");
  auto wal = must(Wal<>::open("log").storage(RecordingStorage(golden_image("rust-multiproducer"))).build());
  REQUIRE(wal.recovery().inversions > 0);
  for (Lsn to = 1; to <= events.size(); ++to) {
    std::vector<Lsn> expected;
    for (const Event& event : events) {
      if (event.lsn + 10 >= to && event.lsn <= to) expected.push_back(event.lsn);
    }
    CHECK(shown(wal, to - (std::min)(to, Lsn{10}), to) == expected);
  }
}

TEST_CASE("a bounded reading reads no further than its upper bound, where LSNs ascend") {
  const CountingReads disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  for (int i = 0; i < 1000; ++i) must(wal.append(std::string(1000, 'x')));
  must(wal.flush());
  const auto before = disk.bytes->load();
  CHECK(shown(wal, 1, 3).size() == 3);
  CHECK(disk.bytes->load() - before < 500'000);
}

TEST_CASE("the lowest LSN is 0 while a log is empty, then that of its first written event, and is found again") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).start_lsn(1000).build());
  CHECK(wal.first_lsn() == 0);
  must(wal.append("event"));
  must(wal.append("event"));
  must(wal.flush());
  CHECK(wal.first_lsn() == 1000);
  must(wal.shutdown());
  CHECK(wal.first_lsn() == 1000);
  auto again = must(Wal<>::open("log").storage(RecordingStorage(disk.content())).build());
  CHECK(again.first_lsn() == 1000);
  CHECK(Wal<>().first_lsn() == 0);
}
