// SPDX-License-Identifier: MIT
//
// Files that are not ours to cut are refused untouched, under every policy and wherever it shows.

#include <rewal/recovery/recovery.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;
using Strings = std::vector<std::string>;

TEMPLATE_TEST_CASE("Foreign files are refused untouched under every policy", "[recovery]", MappedDisk, ReadDisk) {
  const Strings foreign{"x",
                        "E ",
                        "EWA_",
                        "EWAL\x03",
                        "EWAL\x01",
                        "hello, world\n",
                        "SQLite format 3",
                        "\x7f"
                        "ELF",
                        "PK\x03\x04",
                        "LAWE",
                        "ewal",
                        std::string("EWAL\x02\x00\x04\x00", 8),
                        std::string("EWAL\x02\x00\x00\x01", 8),
                        std::string("EWAL\x02\x01\x00\x00", 8),
                        std::string("\0x", 2),
                        std::string("\0\0\0\0\0\0\0x", 8),
                        std::string(8, '\0') + "x",
                        std::string(5000, '\0') + "EWAL",
                        std::string(100000, 'E')};
  for (const auto& text : foreign) {
    for (const std::size_t zeros : Sizes{0, 1, 100}) {
      Image image = bytes_of(text);
      image.resize(image.size() + zeros);
      for (const Recovery policy : policies)
        require_refused(judge_image<TestType>(image, policy), image, Errc::invalid_record);
    }
  }
}

TEST_CASE("The beginning of a first frame, torn at any byte, is no foreign file", "[recovery]") {
  const std::uint16_t flags = GENERATE(range<std::uint16_t>(0, 4));
  const Image frame = Frame{.flags = flags, .region = Image(20)}.image();
  for (std::size_t size = 1; size < frame.size(); ++size) {
    const auto judged = judge_image(cut(frame, size));
    REQUIRE(judged.ok());
    CHECK(judged.content().empty());
  }
}

TEST_CASE("All other versions are refused untouched, as the first frame and as a later one", "[recovery]") {
  Log log;
  log.event("first");
  const std::size_t second = log.image.size();
  log.event("second").event("third");
  const std::size_t size = log.places[0].size;
  for (std::uint32_t version = 0; version <= 0xFFFF; ++version) {
    if (version == 2) continue;
    const Recovery policy = policies[version % policies.size()];
    Image first = log.image;
    poke(first, At::version, version, 2);
    if (version % 2 == 0) reseal(first, 0, size);
    const auto judged_first = judge_image(first, policy);
    Image later = log.image;
    poke(later, second + At::version, version, 2);
    reseal(later, second, log.places[1].size);
    const auto judged_later = judge_image(later, policy);
    const bool fine = !judged_first.ok() && judged_first.error() == Errc::invalid_record &&
                      judged_first.content() == first && judged_first.changes().empty() && !judged_later.ok() &&
                      judged_later.error() == Errc::invalid_record && judged_later.content() == later &&
                      judged_later.changes().empty();
    if (!fine) FAIL("version " << version);
  }
}

TEST_CASE("Every unknown flag under a right checksum is refused untouched, wherever it stands", "[recovery]") {
  for (int bit = 2; bit < 16; ++bit) {
    for (std::size_t frame = 0; frame < 3; ++frame) {
      Log log;
      log.some(3);
      poke(log.image, log.places[frame].at + At::flags, 1u << bit, 2);
      reseal(log.image, log.places[frame].at, log.places[frame].size);
      for (const Recovery policy : policies)
        require_refused(judge_image(log.image, policy), log.image, Errc::invalid_record);
    }
  }
}

TEST_CASE("Impossible content under a right checksum is refused untouched, wherever it stands", "[recovery][figures]") {
  rewal_torture::Row row("G6", "impossible content under a right checksum", "files");
  const Image region = [] {
    Image records;
    put_record(records, bytes_of("payload"));
    return records;
  }();
  Image short_region = region;
  short_region.pop_back();
  Image long_region = region;
  long_region.push_back(std::byte{0});
  constexpr Lsn highest = UINT64_MAX - 1;
  const std::vector<Frame> impossible{
      {.count = 0, .region = region},
      {.count = 2, .region = region},
      {.count = 0xFFFF'FFFF, .region = region},
      {.count = 1, .region = short_region},
      {.count = 1, .region = long_region},
      {.count = 1, .region = {}},
      {.first_lsn = 0, .count = 1, .region = region},
      {.first_lsn = highest + 1, .count = 1, .region = region},
      {.first_lsn = highest, .count = 2, .region = Image(12)},
      {.count = 0, .flags = compressed, .region = region},
      {.first_lsn = 0, .flags = compressed, .region = region},
  };
  for (const Frame& frame : impossible) {
    for (const std::size_t before : Sizes{0, 2}) {
      for (const bool more : {false, true}) {
        Log log;
        log.some(before).add(frame);
        if (more) log.some(2, synced_before);
        for (const Recovery policy : policies)
          require_refused(judge_image(log.image, policy), log.image, Errc::corrupted);
        row.count += policies.size();
      }
    }
  }
}

TEST_CASE("The highest possible LSN is a possible LSN", "[recovery]") {
  Log log(UINT64_MAX - 2);
  log.event("a").event("b");
  const auto judged = judge_image(log.image);
  REQUIRE(judged.ok());
  CHECK(judged.opened.result->last_lsn == UINT64_MAX - 1);
}
