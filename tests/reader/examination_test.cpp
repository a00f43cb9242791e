// SPDX-License-Identifier: MIT
//
// Opening a log and examining its file say the same of every way in which a file can end.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <vector>

using namespace rewal_test;

namespace {

struct Case {
  const char* name;
  std::vector<std::byte> image;
  Verdict verdict;
};

std::vector<std::byte> flipped(std::vector<std::byte> image, std::size_t at) {
  image[at] ^= std::byte{1};
  return image;
}
std::vector<std::byte> with_zeros(std::vector<std::byte> image) {
  image.resize(image.size() + 5000);
  return image;
}
std::vector<std::byte> without_end(std::vector<std::byte> image, std::size_t bytes) {
  image.resize(image.size() - bytes);
  return image;
}

std::vector<Case> cases() {
  const auto three = Log().event("one").event("two").event("three").image;
  const auto synced = Log().event("one").event("two").event("three", "", 2).event("four").image;
  const auto unknown = Log().event("one").event("two", "", 4).image;
  return {
      {"nothing", {}, Verdict::new_log},
      {"zeros", std::vector<std::byte>(4096), Verdict::new_log},
      {"a log", three, Verdict::clean},
      {"a log and preallocated space", with_zeros(three), Verdict::clean},
      {"a torn end", without_end(three, 3), Verdict::torn},
      {"a torn end before zeros", with_zeros(without_end(three, 3)), Verdict::torn},
      {"a flipped bit in the middle", flipped(three, 40), Verdict::torn},
      {"a flipped bit before an fsync mark", flipped(synced, 40), Verdict::damaged},
      {"text", Log().text("once upon a time").image, Verdict::foreign},
      {"an unknown flag", unknown, Verdict::unknown},
      {"a frame without records", Log().event("one").add(Frame{.first_lsn = 2, .count = 0}).image, Verdict::malformed}};
}

void write(const std::string& path, const std::vector<std::byte>& image) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
}

Examination examined(const std::string& path) { return must(must(Reader<>::open(path).build()).examine()); }

}  // namespace

TEST_CASE("every way in which a file can end has the verdict that opening it acts on") {
  const TempDir dir;
  for (const auto& [name, image, verdict] : cases()) {
    CAPTURE(name);
    const auto path = dir.file("log");
    write(path, image);
    const Examination seen = examined(path);
    CHECK(seen.verdict == verdict);
    CHECK(seen.file_bytes == image.size());
    CHECK(file_bytes(path) == image);

    const auto opened = Wal<>::open(path).build();
    const bool refused = verdict == Verdict::damaged || verdict == Verdict::foreign || verdict == Verdict::unknown ||
                         verdict == Verdict::malformed;
    CHECK(opened.has_value() == !refused);
    if (!opened) {
      CHECK(opened.error().offset() == seen.bad_at);
      continue;
    }
    CHECK(opened->recovery().frames == seen.frames);
    CHECK(opened->recovery().events == seen.events);
    CHECK(opened->recovery().kept_bytes == seen.kept_bytes);
    CHECK(opened->last_lsn() == seen.last_lsn);
    CHECK(opened->first_lsn() == seen.first_lsn);
    CHECK(opened->stats().corruptions == (verdict == Verdict::torn ? 1u : 0u));
  }
}

TEST_CASE("an examination tells what stands in a log, and its preallocated space") {
  const TempDir dir;
  Log log;
  log.event("one").batch({{"two", ""}, {"three", "m"}}).jump_to(10).event("ten");
  write(dir.file("log"), with_zeros(log.image));
  const Examination seen = examined(dir.file("log"));
  CHECK(seen.frames == 3);
  CHECK(seen.events == 4);
  CHECK(seen.first_lsn == 1);
  CHECK(seen.last_lsn == 10);
  CHECK(seen.gaps == 1);
  CHECK(seen.inversions == 0);
  CHECK(seen.kept_bytes == log.image.size());
  CHECK(seen.zero_bytes == 5000);
  CHECK_FALSE(seen.bad_at);
  CHECK(seen.beyond.frames == 0);
  CHECK(seen.reason.find("5000 bytes") != std::string::npos);
}

TEST_CASE("an examination of damage tells where it is, what proves it, and what stands behind") {
  const TempDir dir;
  const Log log = Log().event("one").event("two").event("three", "", 2).event("four");
  write(dir.file("log"), with_zeros(flipped(log.image, 50)));
  const Examination seen = examined(dir.file("log"));
  CHECK(seen.verdict == Verdict::damaged);
  CHECK(seen.bad_at == 37u);
  CHECK(seen.proof_at == 74u);
  CHECK(seen.frames == 1);
  CHECK(seen.beyond.frames == 2);
  CHECK(seen.beyond.events == 2);
  CHECK(seen.beyond.first_lsn == 3);
  CHECK(seen.beyond.last_lsn == 4);
  CHECK(seen.beyond.bytes == log.image.size() - 74);
  CHECK(seen.zero_bytes == 5000);
}

TEST_CASE("several threads examine a file as one does") {
  const TempDir dir;
  for (const auto& name : golden_names()) {
    const auto reader = must(Reader<>::open(golden_path(name)).build());
    const Examination one = must(reader.examine());
    const Examination several = must(reader.examine(4));
    CHECK(one.verdict == several.verdict);
    CHECK(one.events == several.events);
    CHECK(one.inversions == several.inversions);
  }
}
