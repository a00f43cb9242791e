// SPDX-License-Identifier: MIT
//
// Bit 1 of the frames: where it stands, and where not.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <rewal/wal.hpp>
#include <set>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

using namespace rewal_test;

namespace {

/// Bit 1 must stand on exactly those frames, the one at 0 excepted, that begin where a finished fsync ended. Left open
/// is a frame at 512, where the fsync that guards an empty log's first sector may fall into the middle of a write.
void check_bit_1(const RecordingStorage& disk) {
  std::set<std::uint64_t> synced_up_to;
  for (const Operation& operation : disk.operations(Op::sync)) {
    if (operation.ok) synced_up_to.insert(operation.offset);
  }
  std::size_t wrong = 0;
  for (const WrittenFrame& frame : frames_in(disk.content())) {
    if (frame.offset == 512) continue;
    wrong += frame.synced_before() != (frame.offset > 0 && synced_up_to.contains(frame.offset));
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("bit 1 stands on the first frame after each fsync, never at offset 0") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  must(wal.append("1"));
  must(wal.flush());
  must(wal.append_durable("2"));
  must(wal.append("3"));
  must(wal.flush());
  must(wal.append_durable("4"));
  must(wal.append("5"));
  must(wal.flush());
  std::string flags;
  for (const WrittenFrame& frame : frames_in(disk.content())) flags += frame.synced_before() ? '2' : '0';
  CHECK(flags == "00202");
}

TEST_CASE("bit 1 stands on the first frame after build, which fsyncs what it keeps") {
  const RecordingStorage disk;
  { must(must(on(disk).build()).append("1")); }
  auto wal = must(on(disk).build());
  must(wal.append("2"));
  must(wal.append("3"));
  must(wal.flush());
  const auto frames = frames_in(disk.content());
  CHECK_FALSE(frames[0].synced_before());
  CHECK(frames[1].synced_before());
  CHECK_FALSE(frames[2].synced_before());
}

TEST_CASE("bit 1 stands where fsyncs ended and nowhere else, in every mode, under load") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1ms));
  const RecordingStorage disk;
  auto wal = must(on(disk, mode).buffer_capacity(500).queue_bytes(3000).build());
  together(4, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(300); ++i) {
      const std::string event((i * 13 + thread) % (i % 50 == 0 ? 4000 : 200), 'x');
      must(thread == 0 && i % 7 == 0 ? wal.append_durable(event) : wal.append(event));
    }
  });
  must(wal.shutdown());
  check_bit_1(disk);
}
