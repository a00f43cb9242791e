// SPDX-License-Identifier: MIT
//
// Damage: what was acknowledged is never destroyed, what a crash explains always opens, what is cut is saved first.

#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <rewal/recovery/damage_search.hpp>
#include <rewal/recovery/recovery.hpp>
#include <spec/damage_oracle.hpp>
#include <string>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;

namespace {

Log log_with_sync_points() {
  Log log;
  log.some(4).some(3, synced_before).batch({{"b1", ""}, {"b2", "meta"}, {std::string(60, 'z'), ""}}, synced_before);
  log.some(2).event(std::string(300, 'L'), "", synced_before).some(4);
  return log;
}

}  // namespace

TEMPLATE_TEST_CASE("Every flipped bit: refused where a later frame proves it, else cut there", "[damage][figures]",
                   MappedDisk, ReadDisk) {
  const Log log = log_with_sync_points();
  Row row("G5", single, "files");
  const Oracle oracle{log, row};
  for (std::size_t bit = 0; bit < log.image.size() * 8; ++bit) {
    Image image = log.image;
    image[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    CAPTURE(bit / 8, bit % 8);
    oracle.check<TestType>(image);
    image.resize(image.size() + 333);  // preallocated
    oracle.check<TestType>(image);
  }
}

TEST_CASE("Every byte zeroed, and every byte set", "[damage][figures]") {
  Row row("G5", single, "files");
  const Log log = log_with_sync_points();
  for (std::size_t at = 0; at < log.image.size(); ++at) {
    for (const std::byte value : {std::byte{0}, std::byte{0xFF}}) {
      Image image = log.image;
      image[at] = value;
      CAPTURE(at);
      Oracle{log, row}.check<MappedDisk>(image);
    }
  }
}

TEMPLATE_TEST_CASE("Every run of zeros of a sector's size, at every offset", "[damage][figures]", MappedDisk,
                   ReadDisk) {
  Row row("G5", single, "files");
  Log log;
  for (int group = 0; group < 12; ++group)
    log.some(9, group % 3 == 0 ? std::uint16_t{0} : synced_before).event(std::string(170, 'p'));
  for (std::size_t at = 8; at < log.image.size(); at += 7) {
    Image image = log.image;
    std::fill_n(image.begin() + std::ptrdiff_t(at), (std::min)(std::size_t{512}, image.size() - at), std::byte{0});
    CAPTURE(at);
    Oracle{log, row}.check<TestType>(image);
  }
}

TEST_CASE("Several damages at once, at random", "[damage][figures]") {
  Row row("G5", several, "files");
  std::mt19937 random(20240607);
  const Log log = log_with_sync_points();
  for (int round = 0; round < 3000; ++round) {
    Image image = log.image;
    // Payload bytes only: a size that is damaged together with its records is undecidable.
    for (int i = 0; i < 3; ++i) {
      const auto& place = log.places[random() % log.places.size()];
      image[place.end() - 1 - random() % 8] ^= static_cast<std::byte>(1 + random() % 255);
    }
    Oracle{log, row}.check<MappedDisk>(image);
  }
}

TEST_CASE("A damaged size that hides the frames behind it is seen through", "[damage][figures]") {
  Row row("G5", several, "files");
  Log log;
  log.some(3).event("bad size here").some(2, synced_before);
  const auto& bad = log.places[3];
  for (const std::size_t size :
       Sizes{bad.size + 1, bad.size + log.places[4].size, log.image.size() - bad.at, std::size_t{1} << 20}) {
    Image image = log.image;
    poke(image, bad.at + At::size, size, 4);
    Oracle{log, row}.check<MappedDisk>(image);
  }
}

TEST_CASE("A log that begins at any LSN is protected from its first frame on", "[damage]") {
  for (const Lsn start : {Lsn{1}, Lsn{1000}, UINT64_MAX - 100}) {
    Log log(start);
    log.some(3).some(3, synced_before);
    for (std::size_t at = At::count; at < log.places[0].size; ++at) {
      Image image = log.image;
      image[at] ^= std::byte{0x10};
      const auto judged = judge_image(image, Recovery::repair, start);
      REQUIRE_FALSE(judged.ok());
      CHECK(judged.error() == Errc::corrupted);
      CHECK(judged.content() == image);
      const bool lsn_damaged = at >= At::first_lsn && at < At::size;
      if (!lsn_damaged) CHECK_FALSE(judge_image(image).ok());  // also when opened with another start_lsn
    }
  }
}

TEST_CASE("A frame proves damage only if its LSN can be the log's, its records are right and it says so", "[damage]") {
  Image records;
  put_record(records, bytes_of("payload"));
  const auto verdict = [&](const Frame& behind) {
    Log log;
    log.some(3);
    const std::size_t bad = log.image.size();
    log.event("this one gets damaged").image[bad + 40] ^= std::byte{1};
    return judge_image(log.add(behind).image).ok();
  };
  const std::size_t bad_frame = 34 + 21;
  const Lsn most = 3 + bad_frame / 6;
  CHECK_FALSE(verdict({.first_lsn = 5, .flags = synced_before, .region = records}));
  CHECK_FALSE(verdict({.first_lsn = 4, .flags = synced_before, .region = records}));
  CHECK_FALSE(verdict({.first_lsn = most, .flags = synced_before, .region = records}));
  CHECK_FALSE(verdict({.first_lsn = 5, .flags = synced_before | compressed, .region = bytes_of("anything")}));
  CHECK(verdict({.first_lsn = most + 1, .flags = synced_before, .region = records}));
  CHECK(verdict({.first_lsn = 3, .flags = synced_before, .region = records}));
  CHECK(verdict({.first_lsn = 1, .flags = synced_before, .region = records}));
  CHECK(verdict({.first_lsn = 0, .flags = synced_before, .region = records}));
  CHECK(verdict({.first_lsn = UINT64_MAX, .flags = synced_before, .region = records}));
  CHECK(verdict({.first_lsn = 5, .flags = 0, .region = records}));
  CHECK(verdict({.first_lsn = 5, .flags = compressed, .region = records}));
  CHECK(verdict({.first_lsn = 5, .flags = synced_before | 4, .region = records}));
  CHECK(verdict({.first_lsn = 5, .flags = synced_before, .version = 3, .region = records}));
  CHECK(verdict({.first_lsn = 5, .count = 2, .flags = synced_before, .region = records}));
  CHECK(verdict({.first_lsn = 5, .count = 0, .flags = synced_before, .region = records}));
}

TEST_CASE("Proof is found at every distance, and behind frames of every size", "[damage][figures]") {
  Row row("G5", several, "files");
  for (const std::size_t length : Sizes{0, 1, 500, 1000, 1023, 1024, 1025, 2047, 2048, 2049, 5000, 70000, 300000}) {
    Log log;
    log.some(2)
        .event(std::string(length, 'q'))
        .event(std::string(length, 'r'))
        .event(std::string(length, 's'), "", synced_before);
    for (const std::size_t frame : Sizes{2, 3}) {
      Image image = log.image;
      image[log.places[frame].at + 26] ^= std::byte{1};
      Oracle{log, row}.check<MappedDisk>(image);
      Oracle{log, row}.check<ReadDisk>(image);
    }
  }
}
