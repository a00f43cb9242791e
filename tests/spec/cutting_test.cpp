// SPDX-License-Identifier: MIT
//
// Cutting: what is worth it is saved first, and a storage that fails on the way leaves a log that opens.

#include <rewal/recovery/recovery.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using Changes = std::vector<std::string>;

TEST_CASE("Bytes with a whole frame among them are saved, zeros included, before anything is cut", "[damage]") {
  Log log;
  log.some(6);
  const auto& bad = log.places[2];
  log.image[bad.at + 30] ^= std::byte{1};
  log.zeros(70);
  for (const Recovery policy : {Recovery::repair, Recovery::truncate}) {
    const auto judged = judge_image(log.image, policy);
    REQUIRE(judged.ok());
    const std::string at = std::to_string(bad.at);
    CHECK(judged.changes() == Changes{"preserve " + at, "truncate " + at, "sync"});
    CHECK(judged.opened.report().saved_copy == "copy-" + at);
    CHECK(judged.opened.report().cut_bytes == log.image.size() - bad.at);
    REQUIRE(judged.disk.state->copies.size() == 1);
    CHECK(judged.disk.state->copies[0].second == Image(log.image.begin() + std::ptrdiff_t(bad.at), log.image.end()));
  }
}

TEST_CASE("Frames inside a torn payload are worth saving too, torn bytes alone are not", "[damage]") {
  Log inner;
  inner.event("an event in an event");
  Log log;
  log.some(2).event(std::string(as_text(inner.image)) + "more");
  log.image.pop_back();
  CHECK(judge_image(log.image).disk.state->copies.size() == 1);
  Log torn;
  torn.some(3).image.pop_back();
  CHECK(judge_image(torn.image).disk.state->copies.empty());
}

TEST_CASE("A frame of another version is worth saving as well", "[damage]") {
  Log log;
  log.some(2).text("torn").add({.first_lsn = 4, .flags = 64, .version = 9, .region = Image(3)});
  CHECK(judge_image(log.image).disk.state->copies.size() == 1);
}

TEST_CASE("Where saving fails, opening fails and nothing has changed", "[damage]") {
  Log log;
  log.some(6).image[log.places[2].at + 30] ^= std::byte{1};
  MappedDisk disk(log.image);
  disk.state->before_call = [](const char* what) {
    return std::string_view(what) == "preserve" ? Result<void>(io_error(ENOSPC)) : Result<void>();
  };
  const auto opened = open(disk);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.result.error() == io_error(ENOSPC));
  CHECK(disk.state->content == log.image);
  CHECK(disk.state->changes.empty());
}

TEST_CASE("A storage that cannot save: repair refuses to cut whole frames, truncate cuts them", "[damage]") {
  using NoCopies = TestDisk<true, false>;
  Log log;
  log.some(6).image[log.places[2].at + 30] ^= std::byte{1};
  const auto repaired = judge_image<NoCopies>(log.image);
  REQUIRE_FALSE(repaired.ok());
  CHECK(repaired.error() == Errc::corrupted);
  CHECK(repaired.error().offset() == log.places[2].at);
  CHECK(repaired.content() == log.image);
  CHECK(repaired.changes().empty());
  const auto truncated = judge_image<NoCopies>(log.image, Recovery::truncate);
  REQUIRE(truncated.ok());
  CHECK(truncated.opened.report().saved_copy.empty());
  CHECK(truncated.content().size() == log.places[2].at);
  log.image.resize(log.places[3].at - 1);  // nothing whole is left to save
  CHECK(judge_image<NoCopies>(log.image).ok());
}

TEST_CASE("Truncate cuts proof of damage, saves it and says so", "[damage]") {
  Log log;
  log.some(4).some(2, synced_before).image[log.places[1].at + 30] ^= std::byte{1};
  const auto judged = judge_image(log.image, Recovery::truncate);
  REQUIRE(judged.ok());
  CHECK(judged.opened.result->damage_at == log.places[1].at);
  CHECK(judged.opened.report().reason.find(std::to_string(log.places[4].at)) != std::string::npos);
  CHECK(judged.disk.state->copies.size() == 1);
}

TEMPLATE_TEST_CASE("A storage that fails or throws at any call fails the opening, and opening again succeeds",
                   "[damage]", MappedDisk, ReadDisk) {
  Log log;
  log.some(300).image[log.places[150].at + 30] ^= std::byte{1};
  const Image expected(log.image.begin(), log.image.begin() + std::ptrdiff_t(log.places[150].at));
  std::size_t failures = 0;
  for (std::size_t k = 1;; ++k) {
    for (const bool throws : {false, true}) {
      TestType disk(log.image);
      disk.state->most_per_read = 3000;
      disk.state->before_call = [&state = *disk.state, k, throws](const char*) -> Result<void> {
        if (state.calls != k) return {};
        if (throws) throw std::runtime_error("storage");
        return io_error(EIO);
      };
      const auto opened = open(disk);
      const bool hit = disk.state->calls >= k;
      disk.state->before_call = nullptr;
      if (!hit) {
        REQUIRE(opened.ok());
        REQUIRE(failures > 4);
        return;
      }
      if (!opened.ok()) {
        ++failures;
        CHECK(opened.result.error() == Errc::io);
        if (!throws) CHECK(opened.result.error().system().value() == EIO);
      }
      REQUIRE((disk.state->content == log.image || disk.state->content == expected));
      const auto again = open(disk);
      REQUIRE(again.ok());
      REQUIRE(disk.state->content == expected);
      REQUIRE_FALSE(disk.state->copies.empty());
    }
  }
}

TEST_CASE("Interrupted and short reads are continued, a bounded number of times without progress", "[damage]") {
  Log log;
  log.some(200).event(std::string(100000, 'x'));
  ReadDisk disk(log.image);
  disk.state->most_per_read = 777;
  disk.state->before_call = [&state = *disk.state](const char* what) {
    return std::string_view(what) == "read_at" && state.calls % 2 == 0 ? Result<void>(io_error(EINTR)) : Result<void>();
  };
  CHECK(open(disk).ok());
  disk.state->before_call = [](const char* what) {
    return std::string_view(what) == "read_at" ? Result<void>(io_error(EINTR)) : Result<void>();
  };
  const auto opened = open(disk);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.result.error().system() == std::errc::interrupted);
}
