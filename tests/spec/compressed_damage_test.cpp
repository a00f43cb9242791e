// SPDX-License-Identifier: MIT
//
// Damage of compressed frames, whose records are more than their bytes say.

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <rewal/recovery/recovery.hpp>
#include <spec/damage_oracle.hpp>
#include <string>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;

namespace {

/// Few bytes that stand for many records, as compressors make them.
Log& squeezed(Log& log, std::uint32_t count, std::string_view region, std::uint16_t flags = 0) {
  const Lsn first = log.next_lsn();
  log.add({.first_lsn = first, .count = count, .flags = std::uint16_t(compressed | flags), .region = bytes_of(region)});
  return log.jump_to(first + count);
}

}  // namespace

TEMPLATE_TEST_CASE("A compressed frame holds more records than its bytes say, and is protected all the same",
                   "[damage][figures]", MappedDisk, ReadDisk) {
  Row row("G5", several, "files");
  // Proof right behind it, and behind further frames that are squeezed as much; sizes that other frames' sizes reach.
  for (const std::size_t between : Sizes{0, 1, 3}) {
    Log log;
    log.some(3);
    squeezed(log, 500, "five hundred records");
    for (std::size_t i = 0; i < between; ++i) squeezed(log, 1000, std::string(4 + 31 * i, 'c'));
    log.some(1, synced_before);
    const auto& bad = log.places[3];
    for (std::size_t bit = bad.at * 8; bit < bad.end() * 8; ++bit) {
      Image image = log.image;
      image[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
      CAPTURE(between, bit / 8 - bad.at, bit % 8);
      Oracle{log, row}.check<TestType>(image);
    }
  }
}

TEST_CASE("A log that begins with a compressed frame is protected from there on", "[damage][figures]") {
  Row row("G5", several, "files");
  Log log;
  squeezed(log, 500, "five hundred records").some(2, synced_before);
  for (std::size_t at = At::count; at < log.places[0].end(); ++at) {
    if (at >= At::first_lsn && at < At::size) continue;  // with its LSN damaged and nothing before it, L is not known
    Image image = log.image;
    image[at] ^= std::byte{0x10};
    CAPTURE(at);
    Oracle{log, row}.check<MappedDisk>(image);
  }
}

TEMPLATE_TEST_CASE("A compressed frame that shows the frames in its payload, torn at every byte, opens",
                   "[damage][figures]", MappedDisk, ReadDisk) {
  Row row("G5", payloads, "files");
  Log inner(4);
  inner.some(9, synced_before);
  Log log;
  log.some(3);
  const std::size_t kept = log.image.size();
  squeezed(log, 70, "stored: " + std::string(as_text(inner.image)) + " and the rest", synced_before);
  for (std::size_t size = kept; size < log.image.size(); ++size) {
    for (const std::size_t zeros : Sizes{0, 1, 4000}) {
      Image image = cut(log.image, size);
      image.resize(size + zeros);
      CAPTURE(size, zeros);
      ++row.count;
      const auto judged = judge_image<TestType>(image);
      REQUIRE(judged.ok());
      REQUIRE(judged.content().size() == kept);
    }
  }
}
