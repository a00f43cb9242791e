// SPDX-License-Identifier: MIT
//
// When a log ends its file is free at once, and exactly its frames are left in it.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <rewal/wal.hpp>
#include <spec/log_end.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <utility>

using namespace rewal_test;

TEST_CASE("a file is free for the next log as soon as shutdown, close or the destructor returns", "[figures]") {
  Ends row;
  const TempDir dir;
  for (std::size_t round = 0; round < volume(16); ++round) {
    auto wal = open_file(dir);
    must(wal.append_durable("event"));
    CHECK(said(Wal<>::open(dir.file("log")).build()) == "file_locked");
    if (round % 3 == 0) must(wal.shutdown());
    if (round % 3 == 1) must(wal.close());
    if (round % 3 == 2) const Wal<> gone = std::move(wal);
    REQUIRE(said(Wal<>::open(dir.file("log")).build()) == "ok");
    ++row.count;
  }
  CHECK(open_file(dir).recovery().events == volume(16));
}

TEST_CASE("whichever of several callers of shutdown returns first finds the file free", "[figures]") {
  Callers row;
  const TempDir dir;
  for (std::size_t round = 0; round < volume(16); ++round) {
    auto wal = open_file(dir);
    must(wal.append("event"));
    std::atomic<bool> first{true};
    std::atomic<int> locked{0};
    together(4, [&](std::size_t) {
      must(wal.shutdown());
      if (first.exchange(false)) locked += !Wal<>::open(dir.file("log")).build().has_value();
    });
    REQUIRE(locked == 0);
    row.count += 4;
  }
}

TEST_CASE("a clean end leaves a file of exactly its frames") {
  const TempDir dir;
  auto wal = open_file(dir);
  for (int i = 0; i < 10; ++i) must(wal.append("12345"));
  must(wal.shutdown());
  CHECK(std::filesystem::file_size(dir.file("log")) == 10 * frame_bytes(5));
  CHECK(wal.stats().file_size == 10 * frame_bytes(5));
}
