// SPDX-License-Identifier: MIT
//
// Payloads that hold frames: whatever is torn, they prove nothing.

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <rewal/recovery/recovery.hpp>
#include <spec/damage_oracle.hpp>
#include <string>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;

TEMPLATE_TEST_CASE("A payload that holds frames, torn at every byte, opens", "[damage][figures]", MappedDisk,
                   ReadDisk) {
  Row row("G5", payloads, "files");
  Log inner(1);
  inner.some(3).some(12, synced_before).some(3, synced_before);
  const std::string payload(as_text(inner.image));
  for (const std::size_t before : Sizes{0, 1, 5}) {
    for (const bool in_a_batch : {false, true}) {
      Log log;
      log.some(before);
      const std::size_t kept = log.image.size();
      if (in_a_batch) {
        log.batch({{"first", ""}, {payload, "m"}, {"last", ""}}, before > 0 ? synced_before : std::uint16_t{0});
      } else {
        log.event(payload, "", before > 0 ? synced_before : std::uint16_t{0});
      }
      for (std::size_t size = kept; size < log.image.size(); ++size) {
        // None, enough for the whole frame, and too few of all kinds.
        for (const std::size_t zeros : Sizes{0, 4000, 1, 4, 6, 10, 11, 12, 27, 300}) {
          if (kept == 0 && size > 0 && size < 5 && zeros > 0) continue;  // part of a magic before zeros: foreign
          Image image(log.image.begin(), log.image.begin() + std::ptrdiff_t(size));
          image.resize(size + zeros);
          CAPTURE(before, in_a_batch, size, zeros);
          ++row.count;
          const auto judged = judge_image<TestType>(image);
          REQUIRE(judged.ok());
          REQUIRE(judged.content().size() == kept);
        }
      }
    }
  }
}

TEST_CASE("A payload that holds frames proves nothing, in whichever frame of the torn group it is", "[damage]") {
  Log inner(8);
  inner.some(20, synced_before);
  Log log;
  log.some(3);
  const std::size_t kept = log.image.size();
  log.event("lost in the crash", "", synced_before).event("whole").event(as_text(inner.image)).event("whole too");
  for (std::size_t at = log.places[3].at + 8; at < log.places[3].end(); ++at) {
    Image image = log.image;
    image[at] ^= std::byte{0x40};
    const auto judged = judge_image(image);
    REQUIRE(judged.ok());
    CHECK(judged.opened.report().kept_bytes == kept);
    CHECK(judged.disk.state->copies.size() == 1);
  }
}

TEST_CASE("A payload that holds frames, with its own frame whole behind a sync, is proof like any other", "[damage]") {
  Log inner(1);
  inner.some(4);
  Log log;
  log.some(3).event(as_text(inner.image), "", synced_before);
  log.image[log.places[1].at + 30] ^= std::byte{1};
  CHECK_FALSE(judge_image(log.image).ok());
}

TEMPLATE_TEST_CASE("Payloads that hold frames, each of their own frames torn anywhere, open", "[damage][figures]",
                   MappedDisk, ReadDisk) {
  Row row("G5", payloads, "files");
  // A copy of another log in pieces, whose LSNs keep pace with those of the log that it is copied to.
  Log log;
  log.some(3);
  const std::size_t kept = log.image.size();
  for (int piece = 0; piece < 4; ++piece) {
    Log inner(log.next_lsn() + 1);
    inner.some(5, synced_before).some(5, synced_before);
    log.event(as_text(inner.image), "", piece == 0 ? synced_before : std::uint16_t{0});
    if (piece == 1) log.some(2);
  }
  std::mt19937 random(20250301);
  for (int round = 0; round < 4000; ++round) {
    Image image = log.image;
    for (const auto& place : log.places) {
      // The first is torn always, else it would be kept; whatever its records say of its size is there.
      if (place.at < kept || place.size < 200 || (place.at > kept && random() % 3 == 0)) continue;
      const std::size_t from = place.at + 30 + random() % (place.size - 30);
      const std::size_t to = from + 1 + random() % (place.end() - from);
      for (std::size_t at = from; at < to; ++at) image[at] = static_cast<std::byte>(random());
    }
    if (round % 3 != 0) image = cut(image, kept + random() % (image.size() - kept + 1));
    CAPTURE(round);
    ++row.count;
    const auto judged = judge_image<TestType>(image);
    REQUIRE(judged.ok());
    REQUIRE(judged.content().size() == kept);
  }
}
