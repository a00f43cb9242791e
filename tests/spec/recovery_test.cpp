// SPDX-License-Identifier: MIT
//
// What opening a log does with what it finds: section 6 of the contract, rule by rule.

#include <rewal/recovery/recovery.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using Changes = std::vector<std::string>;

TEMPLATE_TEST_CASE("An empty file is a new log", "[recovery]", MappedDisk, ReadDisk) {
  for (const Recovery policy : policies) {
    const auto judged = judge_image<TestType>({}, policy);
    REQUIRE(judged.ok());
    CHECK(judged.opened.report().kept_bytes == 0);
    CHECK(judged.opened.report().reason.empty());
    CHECK(judged.opened.result->last_lsn == 0);
    CHECK(judged.changes() == Changes{"sync"});
  }
}

TEMPLATE_TEST_CASE("A file of zeros alone is a new log, and they are cut", "[recovery]", MappedDisk, ReadDisk) {
  for (const Recovery policy : policies) {
    for (const std::size_t size : Sizes{1, 4, 7, 8, 9, 23, 24, 28, 36, 65536, 70001}) {
      const auto judged = judge_image<TestType>(Image(size), policy);
      REQUIRE(judged.ok());
      CHECK(judged.opened.report().cut_bytes == size);
      CHECK_FALSE(judged.opened.report().reason.empty());
      CHECK_FALSE(judged.opened.result->damage_at);
      CHECK(judged.changes() == Changes{"truncate 0", "sync"});
    }
  }
}

TEMPLATE_TEST_CASE("A log that ends with its last frame is kept as it is and fsynced", "[recovery]", MappedDisk,
                   ReadDisk) {
  Log log;
  log.some(40).batch({{"a", ""}, {"b", "meta"}, {"", ""}}).some(40, synced_before);
  for (const Recovery policy : policies) {
    const auto judged = judge_image<TestType>(log.image, policy);
    REQUIRE(judged.ok());
    const RecoveryReport& report = judged.opened.report();
    CHECK(report.frames == 81);
    CHECK(report.events == 83);
    CHECK(report.kept_bytes == log.image.size());
    CHECK(report.cut_bytes == 0);
    CHECK(report.gaps == 0);
    CHECK(report.inversions == 0);
    CHECK(report.reason.empty());
    CHECK(report.saved_copy.empty());
    CHECK(judged.opened.result->last_lsn == 83);
    CHECK_FALSE(judged.opened.result->damage_at);
    CHECK(judged.content() == log.image);
    CHECK(judged.changes() == Changes{"sync"});
  }
}

TEMPLATE_TEST_CASE("Zeros after the last frame are a clean end in every policy", "[recovery]", MappedDisk, ReadDisk) {
  for (const Recovery policy : policies) {
    for (const std::size_t zeros : Sizes{1, 3, 27, 28, 500, 4096, 200000}) {
      Log log;
      log.some(5);
      const Image whole = log.image;
      const auto judged = judge_image<TestType>(log.zeros(zeros).image, policy);
      REQUIRE(judged.ok());
      CHECK(judged.opened.report().cut_bytes == zeros);
      CHECK_FALSE(judged.opened.report().reason.empty());
      CHECK(judged.opened.report().saved_copy.empty());
      CHECK_FALSE(judged.opened.result->damage_at);
      CHECK(judged.content() == whole);
      CHECK(judged.changes() == Changes{"truncate " + std::to_string(whole.size()), "sync"});
    }
  }
}

TEST_CASE("One byte that is not zero after the last frame is a tear", "[recovery]") {
  for (const std::size_t zeros : Sizes{0, 1, 40, 5000}) {
    Log log;
    log.some(3);
    const std::size_t end = log.image.size();
    log.zeros(zeros).text("x").zeros(zeros);
    const auto judged = judge_image(log.image);
    REQUIRE(judged.ok());
    CHECK(judged.opened.result->damage_at == end);
    CHECK(judged.content().size() == end);
    require_refused(judge_image(log.image, Recovery::strict), log.image, Errc::corrupted);
  }
}

TEMPLATE_TEST_CASE("A log cut at any byte opens with its whole frames", "[recovery]", MappedDisk, ReadDisk) {
  Log log;
  log.some(6).batch({{"one", "m"}, {"two", ""}}).some(4, synced_before);
  for (std::size_t size = 0; size <= log.image.size(); ++size) {
    std::size_t end = 0;
    std::size_t frames = 0;
    while (frames < log.places.size() && log.places[frames].end() <= size) end = log.places[frames++].end();
    CAPTURE(size, end);
    for (const std::size_t zeros : Sizes{0, 100}) {
      if (size > 0 && size < 5 && zeros > 0) continue;  // no crash leaves part of a magic before zeros: foreign
      Image image = cut(log.image, size);
      image.resize(size + zeros);
      const auto judged = judge_image<TestType>(image);
      REQUIRE(judged.ok());
      REQUIRE(judged.content() == cut(log.image, end));
      REQUIRE(judged.opened.report().frames == frames);
      REQUIRE(judged.opened.result->damage_at.has_value() == (size > end));
    }
    if (size > end)
      require_refused(judge_image<TestType>(cut(log.image, size), Recovery::strict), cut(log.image, size),
                      Errc::corrupted);
  }
}

TEST_CASE("A refused tear says where it is and which event is missing", "[recovery]") {
  Log log;
  log.some(3);
  const std::size_t at = log.image.size();
  const auto judged = judge_image(log.text("EWAL, torn").image, Recovery::strict);
  REQUIRE_FALSE(judged.ok());
  CHECK(judged.error().offset() == at);
  CHECK(judged.error().lsn() == 4);
}

TEST_CASE("Gaps and inversions are read, counted, and no error", "[recovery]") {
  Log log(7);  // any first LSN, no gap
  log.event("7").event("8").jump_to(20).event("20").jump_to(10).event("10").event("11").jump_to(21).event("21");
  log.jump_to(21).event("21 again").jump_to(23).event("23");
  const auto judged = judge_image(log.image);
  REQUIRE(judged.ok());
  CHECK(judged.opened.report().gaps == 2);
  CHECK(judged.opened.report().inversions == 3);
  CHECK(judged.opened.result->last_lsn == 23);
  const auto events = read_all(judged.opened.iterator(0));
  REQUIRE(events);
  CHECK(*events == log.events);
}

TEST_CASE("Every verdict under every policy", "[recovery]") {
  enum class Outcome { kept, cut, invalid, corrupt };
  using enum Outcome;
  struct Row {
    std::string_view name;
    Image image;
    std::array<Outcome, 3> outcome;  // repair, truncate, strict
  };
  const auto damaged = [](std::uint16_t flags_behind) {
    Log log;
    log.some(4).some(2, flags_behind);
    log.image[log.places[2].at + 30] ^= std::byte{1};
    return log.image;
  };
  const std::vector<Row> rows{
      {"new", {}, {kept, kept, kept}},
      {"zeros", Image(50), {kept, kept, kept}},
      {"foreign", bytes_of("not a log at all"), {invalid, invalid, invalid}},
      {"zeros, then something", bytes_of(std::string(50, '\0') + "x"), {invalid, invalid, invalid}},
      {"unknown flag",
       Log().some(2).add({.first_lsn = 3, .flags = 8, .region = Image(6)}).image,
       {invalid, invalid, invalid}},
      {"unknown version",
       Log().some(2).add({.first_lsn = 3, .version = 3, .region = Image(6)}).image,
       {invalid, invalid, invalid}},
      {"malformed",
       Log().some(2).add({.first_lsn = 3, .count = 2, .region = Image(6)}).image,
       {corrupt, corrupt, corrupt}},
      {"clean end", Log().some(4).image, {kept, kept, kept}},
      {"zero tail", Log().some(4).zeros(9).image, {kept, kept, kept}},
      {"proof", damaged(synced_before), {corrupt, cut, corrupt}},
      {"tear before whole frames", damaged(0), {cut, cut, corrupt}},
      {"torn tail", Log().some(4).text("EWAL").image, {cut, cut, corrupt}},
  };
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < policies.size(); ++i) {
      CAPTURE(row.name, i);
      const auto judged = judge_image(row.image, policies[i]);
      if (row.outcome[i] == invalid || row.outcome[i] == corrupt) {
        require_refused(judged, row.image, row.outcome[i] == invalid ? Errc::invalid_record : Errc::corrupted);
        CHECK(judged.error().offset().has_value());
      } else {
        REQUIRE(judged.ok());
        CHECK(judged.opened.result->damage_at.has_value() == (row.outcome[i] == cut));
        REQUIRE_FALSE(judged.changes().empty());
        CHECK(judged.changes().back() == "sync");
      }
    }
  }
}

TEMPLATE_TEST_CASE("Opening again gives the same answer and cuts nothing more", "[recovery]", MappedDisk, ReadDisk) {
  Log log;
  log.some(8, 0).zeros(20).some(2);
  log.image[log.places[5].at + 2] ^= std::byte{1};
  const auto first = judge_image<TestType>(log.image);
  REQUIRE(first.ok());
  const auto second = judge_image<TestType>(first.content());
  REQUIRE(second.ok());
  CHECK(second.content() == first.content());
  CHECK(second.opened.report().kept_bytes == first.opened.report().kept_bytes);
  CHECK(second.opened.report().events == first.opened.report().events);
  CHECK(second.opened.report().cut_bytes == 0);
  CHECK(second.changes() == Changes{"sync"});
}

TEST_CASE("Recovery fills the index: reading near the end does not begin at the front", "[recovery]") {
  Log log;
  for (int i = 0; i < 2000; ++i) log.event(std::string(100, 'x'));
  const auto judged = judge_image<ReadDisk>(log.image);
  REQUIRE(judged.ok());
  judged.disk.state->reads = 0;
  auto iterator = judged.opened.iterator(1990);
  for (Lsn lsn = 1990; lsn <= 2000; ++lsn) CHECK((**iterator.next()).lsn == lsn);
  CHECK(judged.disk.state->reads <= 2);
}
