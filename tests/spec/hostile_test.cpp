// SPDX-License-Identifier: MIT
//
// Files made to hurt: they cost time in proportion to their size, and no memory that their size does not explain.

#include <rewal/river/recovery.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;

TEST_CASE("Hostile: a file full of overlapping headers that claim huge frames is searched in linear time", "[damage]") {
  const std::size_t megabytes = 8;
  Log log;
  log.some(1).text("torn");
  const std::size_t end = log.image.size() + megabytes * 1024 * 1024;
  while (log.image.size() < end) {
    const std::size_t at = log.image.size();
    Image header = Frame{.first_lsn = 2 + at % 1000, .flags = synced_before}.image();
    poke(header, At::size, (end - at) / 2, 4);
    append(log.image, Bytes(header).first(24));
  }
  const auto start = std::chrono::steady_clock::now();
  const auto judged = judge_image(log.image);
  const auto took = std::chrono::steady_clock::now() - start;
  REQUIRE(judged.ok());
  CHECK(took < std::chrono::seconds(20));  // one check of each claim alone would take minutes
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
