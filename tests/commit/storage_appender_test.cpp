// SPDX-License-Identifier: MIT
//
// Where the storage grows: what counts as progress of a write, and how often space is reserved.

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("a write may be interrupted any number of times, as long as it makes progress between") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  for (std::uint64_t k = 1; k < 100; k += 2) {
    disk.fail(Op::write, k, EINTR);
    disk.shorten(k + 1, 1);
  }
  must(wal.append(std::string(100, 'x')));
  CHECK(wal.flush());
  CHECK(disk.content().size() == frame_bytes(100));
}

namespace {

/// Notes how often space is asked for, and refuses it where it is told to.
struct Reserving : RecordingStorage {
  std::shared_ptr<std::vector<std::uint64_t>> asked = std::make_shared<std::vector<std::uint64_t>>();
  bool refuses = false;

  Result<void> preallocate(std::uint64_t size) {
    asked->push_back(size);
    if (refuses) return Errc::io;
    return {};
  }
};

void write_frames_of_200(const Reserving& disk, int count) {
  auto wal = must(Wal<>::open("log").storage(disk).preallocate(1000).build());
  for (int i = 0; i < count; ++i) {
    must(wal.append(std::string(200 - frame_bytes(0), 'x')));
    must(wal.flush());
  }
}

}  // namespace

TEST_CASE("space is reserved once for all the writes that it holds, and again when they have filled it") {
  const Reserving five;
  write_frames_of_200(five, 5);
  CHECK(*five.asked == std::vector<std::uint64_t>{1000});
  const Reserving six;
  write_frames_of_200(six, 6);
  CHECK(*six.asked == std::vector<std::uint64_t>{1000, 2000});
}

TEST_CASE("a storage that refuses to reserve space is not asked again") {
  Reserving disk;
  disk.refuses = true;
  write_frames_of_200(disk, 6);
  CHECK(*disk.asked == std::vector<std::uint64_t>{1000});
}
