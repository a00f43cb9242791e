// SPDX-License-Identifier: MIT
//
// What opening a log does with what it finds: section 6 of the contract, rule by rule.

#include <rewal/river/recovery.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using Changes = std::vector<std::string>;
using Strings = std::vector<std::string>;

namespace {

constexpr std::array policies{Recovery::repair, Recovery::truncate, Recovery::strict};

/// Refused with this code, and not one byte or call has changed anything.
template <class Disk>
void require_refused(const Judged<Disk>& judged, const Image& image, Errc code) {
  REQUIRE_FALSE(judged.ok());
  CHECK(judged.error() == code);
  CHECK(judged.content() == image);
  CHECK(judged.changes().empty());
}

Image cut(Image image, std::size_t size) {
  image.resize(size);
  return image;
}

}  // namespace

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
    if (size > end) require_refused(judge_image<TestType>(cut(log.image, size), Recovery::strict), cut(log.image, size), Errc::corrupted);
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

TEMPLATE_TEST_CASE("Foreign files are refused untouched under every policy", "[recovery]", MappedDisk, ReadDisk) {
  const Strings foreign{
      "x", "E ", "EWA_", "EWAL\x03", "EWAL\x01", "hello, world\n", "SQLite format 3", "\x7f" "ELF", "PK\x03\x04",
      "LAWE", "ewal", std::string("EWAL\x02\x00\x04\x00", 8), std::string("EWAL\x02\x00\x00\x01", 8),
      std::string("EWAL\x02\x01\x00\x00", 8), std::string("\0x", 2), std::string("\0\0\0\0\0\0\0x", 8),
      std::string(8, '\0') + "x", std::string(5000, '\0') + "EWAL", std::string(100000, 'E')};
  for (const auto& text : foreign) {
    for (const std::size_t zeros : Sizes{0, 1, 100}) {
      Image image = bytes_of(text);
      image.resize(image.size() + zeros);
      for (const Recovery policy : policies) require_refused(judge_image<TestType>(image, policy), image, Errc::invalid_record);
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
      for (const Recovery policy : policies) require_refused(judge_image(log.image, policy), log.image, Errc::invalid_record);
    }
  }
}

TEST_CASE("Impossible content under a right checksum is refused untouched, wherever it stands", "[recovery]") {
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
        for (const Recovery policy : policies) require_refused(judge_image(log.image, policy), log.image, Errc::corrupted);
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

TEST_CASE("The verdict is the first rule that fits, for every combination of what can be seen", "[recovery]") {
  using detail::Verdict;
  using format = detail::format::Validity;
  for (unsigned bits = 0; bits < 16; ++bits) {
    for (const auto at_c : {format::valid, format::torn, format::bad_crc, format::unknown, format::malformed}) {
      const detail::Evidence seen{.zeros_alone = (bits & 1) != 0, .foreign_start = (bits & 2) != 0, .at_c = at_c,
                                  .zeros_from_c = (bits & 4) != 0, .proof = (bits & 8) != 0};
      std::vector<Verdict> fitting;
      if (seen.zeros_alone) fitting.push_back(Verdict::new_log);
      if (seen.foreign_start) fitting.push_back(Verdict::foreign);
      if (at_c == format::unknown) fitting.push_back(Verdict::unknown_frame);
      if (at_c == format::malformed) fitting.push_back(Verdict::malformed_frame);
      if (seen.zeros_from_c) fitting.push_back(Verdict::clean_end);
      if (seen.proof) fitting.push_back(Verdict::proof);
      fitting.push_back(Verdict::tear);
      CHECK(detail::judge(seen) == fitting.front());
    }
  }
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
      {"unknown flag", Log().some(2).add({.first_lsn = 3, .flags = 8, .region = Image(6)}).image, {invalid, invalid, invalid}},
      {"unknown version", Log().some(2).add({.first_lsn = 3, .version = 3, .region = Image(6)}).image, {invalid, invalid, invalid}},
      {"malformed", Log().some(2).add({.first_lsn = 3, .count = 2, .region = Image(6)}).image, {corrupt, corrupt, corrupt}},
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
