// SPDX-License-Identifier: MIT
//
// Files made to hurt: they cost time in proportion to their size, and no memory that their size does not explain.

#include <rewal/recovery/recovery.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;

TEST_CASE("Hostile: a file full of overlapping headers that claim huge frames is searched in linear time", "[damage]") {
  const std::size_t megabytes = 8;
  Log log;
  log.some(1).text("torn");
  const std::size_t end = log.image.size() + megabytes * 1024 * 1024;
  std::size_t claims = 0;
  for (; log.image.size() < end; ++claims) {
    const std::size_t at = log.image.size();
    Image header = Frame{.first_lsn = 2 + at % 1000, .flags = synced_before}.image();
    poke(header, At::size, (end - at) / 2, 4);
    append(log.image, Bytes(header).first(24));
  }
  const auto judged = judge_image<ReadDisk>(log.image);
  REQUIRE(judged.ok());
  // Each claim is checked with a few reads of 4 KiB, wherever it ends; each alone would be thousands.
  CHECK(judged.disk.state->reads < 6 * claims);
}

TEST_CASE("Hostile: bad frames in a row whose records all lead to the end of the file are searched in linear time",
          "[damage]") {
  const std::size_t megabytes = 4;
  Log log;
  log.some(1);
  const std::size_t end = log.image.size() + megabytes * 1024 * 1024;
  const std::uint32_t count = 0x7FFF'FF00;
  for (Lsn lsn = 2; log.image.size() < end; lsn += count) {
    // Its records lie in the frames behind it, one in each.
    Image frame = Frame{.first_lsn = lsn, .count = count, .region = Image(12)}.image();
    poke(frame, At::region, frame.size() - 6, 4);
    append(log.image, frame);
  }
  const auto judged = judge_image<ReadDisk>(log.image);
  REQUIRE(judged.ok());
  CHECK(judged.disk.state->reads < log.image.size() / 512);
}

TEST_CASE("Hostile: whole frames within whole frames are searched in linear time, however deep", "[damage]") {
  Log inner;
  inner.event("seed");
  for (int depth = 0; depth < 2000; ++depth) {
    Log outer;
    inner = outer.event(as_text(inner.image));
  }
  Log log;
  log.some(1).text("torn");
  append(log.image, inner.image);
  const auto judged = judge_image(log.image);
  REQUIRE(judged.ok());
  CHECK(judged.disk.state->copies.size() == 1);
}

TEST_CASE("Hostile: a header that claims more than the file has costs no memory", "[damage]") {
  Log log;
  log.some(1);
  Image header = Frame{.first_lsn = 2}.image();
  poke(header, At::size, 0xFFFF'FFFF, 4);
  append(log.image, header);
  ReadDisk disk(log.image);
  REQUIRE(open(disk).ok());
  CHECK(disk.state->largest_read <= log.image.size());
}
