// SPDX-License-Identifier: MIT
//
// The last frame of a log that was closed well, damaged: it may have been acknowledged, so it is saved before it is cut.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <vector>

using namespace rewal_test;

namespace {

std::string damaged_log(bool with_preallocated_space) {
  auto image = Log().event("one").event("two").image;
  image[70] ^= std::byte{1};
  if (with_preallocated_space) image.resize(image.size() + 4096);
  return std::string(as_text(image));
}

}  // namespace

TEST_CASE("a damaged last frame that is there in its whole length is saved before it is cut") {
  for (const bool preallocated : {false, true}) {
    const TempDir dir;
    dir.write("log", damaged_log(preallocated));
    const auto wal = must(Wal<>::open(dir.file("log")).build());
    CHECK(wal.last_lsn() == 1);
    CHECK(wal.recovery().saved_copy == dir.file("log.cut-37"));
    CHECK(dir.read("log.cut-37") == damaged_log(preallocated).substr(37));
  }
}

TEST_CASE("the reason for a cut claims no cause that cannot be known") {
  for (const bool preallocated : {false, true}) {
    const TempDir dir;
    dir.write("log", damaged_log(preallocated));
    const auto wal = must(Wal<>::open(dir.file("log")).build());
    CHECK(wal.recovery().reason == "the frame at offset 37 is torn or damaged: " +
                                       std::string(preallocated ? "4133" : "37") + " bytes were cut");
  }
}

TEST_CASE("a last frame of which the end is missing is cut without a copy") {
  const TempDir dir;
  dir.write("log", damaged_log(false).substr(0, 60));
  const auto wal = must(Wal<>::open(dir.file("log")).build());
  CHECK(wal.last_lsn() == 1);
  CHECK(wal.recovery().saved_copy.empty());
}
