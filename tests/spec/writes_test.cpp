// SPDX-License-Identifier: MIT
//
// How the queue becomes writes: how many, how large, and the guarded first one of an empty log.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/wal.hpp>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <vector>

using namespace rewal_test;

namespace {

/// The bytes that each write of the tape was given.
std::vector<std::uint64_t> writes_of(const RecordingStorage& disk) {
  std::vector<std::uint64_t> sizes;
  for (const Operation& operation : disk.operations(Op::write)) sizes.push_back(operation.bytes);
  return sizes;
}

}  // namespace

TEST_CASE("a flush of a small queue is one write, wherever in the ring it lies") {
  const Disk disk;
  auto wal = must(on(disk).queue_bytes(1111).build());
  must(wal.append("first"));
  must(wal.flush());
  Hold hold(disk.writes());
  for (std::size_t round = 0; round < volume(100); ++round) {
    must(wal.append("in progress"));
    hold.await_caller();
    for (int i = 0; i < 7; ++i) must(wal.append(std::string(43, 'x')));
    hold.let_one_through();
    hold.await_caller();
    hold.let_one_through();
    must(wal.flush());
  }
  hold.release();
  const auto writes = writes_of(disk.disk());
  CHECK(writes.size() == 1 + 2 * volume(100));
  CHECK(writes[2] == 7 * frame_bytes(43));
}

TEST_CASE("no write is larger than buffer_capacity, a larger single frame excepted") {
  const Disk disk;
  auto wal = must(on(disk).buffer_capacity(1000).build());
  Hold hold(disk.writes());
  must(wal.append("event"));
  hold.await_caller();
  for (int i = 0; i < 100; ++i) must(wal.append(std::string(static_cast<std::size_t>(i) * 4, 'x')));
  must(wal.append(std::string(5000, 'L')));
  must(wal.append("after"));
  hold.release();
  must(wal.flush());
  std::size_t larger = 0;
  for (const auto bytes : writes_of(disk.disk())) larger += bytes > 1000 && bytes != frame_bytes(5000);
  CHECK(larger == 0);
  CHECK(frames_in(disk.disk().content()).size() == 103);
}

TEST_CASE("the first 512 bytes of an empty log's first write are fsynced before the rest, if it is larger") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.start_afresh();
  must(wal.append(std::string(2000, 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write sync write");
  CHECK(writes_of(disk) == std::vector<std::uint64_t>{512, frame_bytes(2000) - 512});
  must(wal.append(std::string(2000, 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write sync write write");
}

TEST_CASE("a first write of up to 512 bytes is written as it is") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.start_afresh();
  must(wal.append(std::string(512 - frame_bytes(0), 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write");
}

TEST_CASE("a log that holds events has no first write to guard") {
  const RecordingStorage disk;
  { must(must(on(disk).build()).append("event")); }
  disk.start_afresh();
  auto wal = must(on(disk).build());
  disk.start_afresh();
  must(wal.append(std::string(2000, 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write");
}
