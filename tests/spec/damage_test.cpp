// SPDX-License-Identifier: MIT
//
// Damage: what was acknowledged is never destroyed, what a crash explains always opens, what is cut is saved first.

#include <rewal/recovery/damage_search.hpp>
#include <rewal/recovery/recovery.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;

namespace {

using rewal_torture::Row;

/// What the promises demand of a log some of whose bytes have changed.
struct Oracle {
  const Log& log;
  Row& row;

  /// The first frame whose bytes are no longer those that were written.
  [[nodiscard]] const Log::Place* first_bad(const Image& image) const {
    for (const auto& place : log.places) {
      if (!intact(image, place)) return &place;
    }
    return nullptr;
  }
  [[nodiscard]] bool intact(const Image& image, const Log::Place& place) const {
    return place.end() <= image.size() &&
           std::memcmp(image.data() + place.at, log.image.data() + place.at, place.size) == 0;
  }
  [[nodiscard]] bool survivor(const Image& image, std::size_t after, std::uint16_t with_flag) const {
    return std::any_of(log.places.begin(), log.places.end(), [&](const auto& place) {
      return place.at > after && (place.flags & with_flag) == with_flag && intact(image, place);
    });
  }

  /// The bad frame ends where the file does, zeros aside, as its own header says.
  static bool is_whole_by_its_size(const Image& image, std::size_t at) {
    if (image.size() - at < 28 || as_text(Bytes(image).subspan(at, 4)) != "EWAL") return false;
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < 4; ++i)
      size |= std::uint64_t{std::to_integer<unsigned char>(image[at + 20 + i])} << 8 * i;
    return size >= 28 && size <= image.size() - at &&
           std::all_of(image.begin() + std::ptrdiff_t(at + size), image.end(),
                       [](std::byte b) { return b == std::byte{0}; });
  }

  /// Opens `image` and holds the outcome against the promises.
  template <class Disk>
  void check(const Image& image) const {
    ++row.count;
    const Log::Place* const bad = first_bad(image);
    if (bad == nullptr) return;
    const bool foreign = bad->at == 0 && std::memcmp(image.data(), log.image.data(), 8) != 0;
    const bool zeros_behind = std::all_of(image.begin() + std::ptrdiff_t(bad->at), image.end(),
                                          [](std::byte b) { return b == std::byte{0}; });
    const bool refuse = (foreign && !zeros_behind) || survivor(image, bad->at, synced_before);
    const auto judged = judge_image<Disk>(image);
    if (refuse) {
      if (judged.ok()) FAIL("silent loss: damage at " << bad->at << " was cut");
      if (judged.content() != image || !judged.changes().empty()) FAIL("refused, and altered");
      if (!foreign && (judged.error() != Errc::corrupted || judged.error().offset() != bad->at ||
                       judged.error().lsn() != bad->first_lsn)) {
        FAIL("refused for another reason: " << judged.error().message());
      }
      return;
    }
    if (!judged.ok()) FAIL("false refusal: " << judged.error().message());
    if (judged.opened.report().kept_bytes != bad->at || judged.content().size() != bad->at)
      FAIL("kept too much or too little");
    const bool to_save = survivor(image, bad->at, 0) || is_whole_by_its_size(image, bad->at);
    if (judged.disk.state->copies.size() != (to_save ? 1 : 0))
      FAIL("whole frames were cut unsaved, or there was nothing to save");
    if (to_save && judged.disk.state->copies[0].second != Image(image.begin() + std::ptrdiff_t(bad->at), image.end()))
      FAIL("the copy is not what was cut");
  }
};

constexpr const char* single = "every bit flipped, every byte and sector zeroed";
constexpr const char* several = "several damages, damaged sizes, compressed frames";
constexpr const char* payloads = "payloads that hold frames, torn";

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

// ---- compressed frames -------------------------------------------------------------------------------------------

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

// ---- several bad frames ------------------------------------------------------------------------------------------

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

TEST_CASE("A second bad frame with a damaged size hides no proof", "[damage][figures]") {
  Row row("G5", several, "files");
  Log log;
  log.some(3).event("bad").event("whole").event("bad size", "meta").some(4, synced_before);
  for (const bool whole_between : {false, true}) {
    for (std::size_t bit = 0; bit < 32; ++bit) {
      Image image = log.image;
      image[log.places[3].end() - 5] ^= std::byte{1};
      if (!whole_between) image[log.places[4].end() - 5] ^= std::byte{1};
      image[log.places[5].at + At::size + bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
      CAPTURE(bit);
      Oracle{log, row}.check<MappedDisk>(image);
    }
  }
}

TEST_CASE("A second bad frame with a damaged LSN, version or magic hides no proof", "[damage][figures]") {
  Row row("G5", several, "files");
  Log log;
  log.some(3).event("bad").event("bad too", "meta").some(4, synced_before);
  for (std::size_t at = log.places[4].at; at < log.places[4].at + At::size; ++at) {
    Image image = log.image;
    image[log.places[3].end() - 5] ^= std::byte{1};
    image[at] ^= std::byte{1};
    CAPTURE(at);
    Oracle{log, row}.check<MappedDisk>(image);
    Oracle{log, row}.check<ReadDisk>(image);
  }
}

TEST_CASE("A payload cannot hide proof behind a header of its own", "[damage][figures]") {
  Row row("G5", several, "files");
  // As the next frame would begin, and claims everything behind it.
  Image claim = Frame{.first_lsn = 5}.image();
  poke(claim, At::size, 400, 4);
  Log log;
  log.some(3).event(std::string(as_text(claim)) + "and more").some(9, synced_before);
  for (std::size_t at = log.places[3].at; at < log.places[3].end(); ++at) {
    Image image = log.image;
    image[at] ^= std::byte{0x21};
    CAPTURE(at);
    Oracle{log, row}.check<MappedDisk>(image);
  }
}
