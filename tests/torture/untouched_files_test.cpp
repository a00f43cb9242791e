// SPDX-License-Identifier: MIT
//
// Files on a real disk that build() must refuse: not one byte of them changes, nor their length, nor their time, and
// nothing appears beside them. What frames moved about within a file are: read as they stand, and counted.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <rewal/wal.hpp>
#include <string>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;
using rewal_torture::thinning;

constexpr Recovery policies[] = {Recovery::repair, Recovery::truncate, Recovery::strict};

/// One file whose bytes the test changes, and who opens it.
class Target {
 public:
  explicit Target(const Image& content) : content_(content) {
    dir_.write("log", as_text(content));
    file_.open(dir_ / "log", std::ios::binary | std::ios::in | std::ios::out);
  }

  Image& content() { return content_; }
  /// Some bytes of it, changed in place.
  void store(std::size_t at, std::size_t size) {
    file_.seekp(static_cast<std::streamoff>(at));
    file_.write(reinterpret_cast<const char*>(content_.data()) + at, static_cast<std::streamsize>(size));
    file_.flush();
  }

  /// What is wrong with how build() refuses it.
  std::string refusal(Recovery policy, Errc code) {
    std::filesystem::last_write_time(dir_ / "log", long_ago_);  // the clock of file times is too coarse for this
    const auto log = Wal<>::open(dir_ / "log").recovery(policy).build();
    if (log) return "it was opened";
    if (log.error() != code) return "another error: " + log.error().message();
    if (std::filesystem::last_write_time(dir_ / "log") != long_ago_) return "its time has changed";
    if (opened_++ % 64 == 0 && dir_.names() != std::vector<std::string>{"log"}) return "something stands beside it";
    if (dir_.read("log") != as_text(content_)) return "its bytes have changed";
    return {};
  }

 private:
  TempDir dir_;
  Image content_;
  std::fstream file_;
  std::uint64_t opened_ = 0;
  std::filesystem::file_time_type long_ago_ = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000);
};

/// Tells the row, and keeps what was wrong first.
struct Verdicts {
  Row& row;
  std::string first;

  void tell(const std::string& wrong, const std::function<std::string()>& where) {
    ++row.count;
    if (!wrong.empty() && row.violations++ == 0) first = wrong + ": " + where();
  }
};

}  // namespace

TEST_CASE("foreign files are refused and stay as they are, on a real disk", "[slow]") {
  Row row("G6", "foreign formats, under every policy, on a real disk", "files");
  Verdicts verdicts{row, {}};
  const std::vector<std::string> beginnings{"x",
                                            "hello, world\n",
                                            "SQLite format 3",
                                            "\x7f"
                                            "ELF",
                                            "PK\x03\x04",
                                            "%PDF-1.7",
                                            "\x1f\x8b\x08",
                                            "\x89PNG\r\n",
                                            "{\"json\": 1}",
                                            "LAWE",
                                            "ewal",
                                            "EWA_",
                                            "WAL\n",
                                            "EWAL\x01",
                                            "EWAL\x03",
                                            "EWAL2",
                                            std::string("\0x", 2),
                                            std::string(5000, '\0') + "EWAL",
                                            std::string(20'000, 'E')};
  for (const auto& beginning : beginnings) {
    for (const std::string& rest : {std::string(), std::string("\n"), std::string(100, '\0'), std::string(9000, 'r')}) {
      Target target(bytes_of(beginning + rest));
      for (const Recovery policy : policies)
        verdicts.tell(target.refusal(policy, Errc::invalid_record), [&] { return beginning.substr(0, 20); });
    }
  }
  // Every text of two bytes but the beginnings of a log.
  Target target(Image(2));
  for (std::uint32_t text = 1; text < 0x10000; text += thinning) {
    poke(target.content(), 0, text, 2);
    target.store(0, 2);
    if (as_text(target.content()) == "EW") continue;
    verdicts.tell(target.refusal(policies[text % 3], Errc::invalid_record), [&] { return std::to_string(text); });
  }
  CHECK(verdicts.first == "");
}

TEST_CASE("all other versions and every unknown flag are refused and stay as they are, on a real disk", "[slow]") {
  for (const auto& [what, field, known] :
       {std::tuple("all other versions", At::version,
                   std::function<bool(std::uint32_t)>([](std::uint32_t v) { return v == 2; })),
        std::tuple("every unknown flag", At::flags,
                   std::function<bool(std::uint32_t)>([](std::uint32_t v) { return v < 4; }))}) {
    Row row("G6", std::string(what) + ", in the first frame and in a later one, on a real disk", "files");
    Verdicts verdicts{row, {}};
    for (const std::size_t frame : {std::size_t{0}, std::size_t{2}}) {
      Log log;
      log.some(4);
      const auto& place = log.places[frame];
      Target target(log.image);
      for (std::uint32_t value = 0; value < 0x10000; value += frame == 0 ? static_cast<std::uint32_t>(thinning) : 8) {
        if (known(value)) continue;
        poke(target.content(), place.at + field, value, 2);
        reseal(target.content(), place.at, place.size);
        target.store(place.at, place.size);
        verdicts.tell(target.refusal(policies[value % 3], Errc::invalid_record), [&] { return std::to_string(value); });
      }
    }
    CHECK(verdicts.first == "");
    CHECK(row.count > 65'000 / thinning);
  }
}

TEST_CASE("damage that a later frame proves is refused and the file stays as it is, on a real disk") {
  Row row("G5", "every bit flipped before a surviving sync point, on a real disk", "files");
  Verdicts verdicts{row, {}};
  Log log;
  log.some(3).some(3, synced_before).batch({{"b1", ""}, {"b2", "meta"}, {std::string(60, 'z'), ""}}, synced_before);
  const std::size_t last = log.places.back().at;
  Target target(log.image);
  // The first eight bytes are what tells a log from a foreign file.
  for (std::size_t bit = 64; bit < 8 * last; ++bit) {
    const std::byte mask = std::byte{1} << static_cast<int>(bit % 8);
    target.content()[bit / 8] ^= mask;
    target.store(bit / 8, 1);
    for (const Recovery policy : {Recovery::repair, Recovery::strict})
      verdicts.tell(target.refusal(policy, Errc::corrupted), [&] { return "bit " + std::to_string(bit); });
    target.content()[bit / 8] ^= mask;
    target.store(bit / 8, 1);
  }
  CHECK(verdicts.first == "");
}

namespace {

/// A file made of these frames of `log`, in this order; what is wrong with how it opens and reads.
std::string judge_order(const Log& log, const std::vector<std::size_t>& order) {
  Image image;
  std::vector<Event> wanted;
  std::uint64_t gaps = 0;
  std::uint64_t inversions = 0;
  Lsn highest = 0;
  for (const std::size_t i : order) {
    const auto& place = log.places[i];
    append(image, Bytes(log.image).subspan(place.at, place.size));
    for (std::uint32_t k = 0; k < place.count; ++k) wanted.push_back(log.events[place.first_lsn - 1 + k]);
    if (highest != 0 && place.first_lsn > highest + 1) ++gaps;
    if (place.first_lsn <= highest) ++inversions;
    highest = (std::max)(highest, place.first_lsn + place.count - 1);
  }
  MemoryStorage disk;
  if (!disk.write(image)) return "the test's disk is broken";
  const auto opened = Wal<>::open("log").storage(disk).build();
  if (!opened) return "refused: " + opened.error().message();
  if (opened->recovery().gaps != gaps) return "gaps: " + std::to_string(opened->recovery().gaps);
  if (opened->recovery().inversions != inversions)
    return "inversions: " + std::to_string(opened->recovery().inversions);
  if (opened->recovery().cut_bytes != 0) return "bytes were cut";
  if (opened->last_lsn() != highest) return "another last LSN";
  std::vector<Event> events;
  const auto read = opened->replay(0, [&](const BorrowedEvent& event) { events.push_back(event.to_owned()); });
  if (!read) return "unreadable: " + read.error().message();
  if (events != wanted) return "other events";
  const auto after = disk.bytes();
  if (!std::equal(after.begin(), after.end(), image.begin(), image.end())) return "the file has changed";
  return {};
}

}  // namespace

TEST_CASE("whole frames dropped, doubled, swapped or moved are read as they stand and counted") {
  Row row("G5", "whole frames dropped, doubled, swapped, moved", "files");
  Verdicts verdicts{row, {}};
  Log log;
  log.some(3).some(2, synced_before).batch({{"b1", ""}, {"b2", "m"}, {"b3", ""}}, synced_before).some(2, synced_before);
  log.batch({{"c1", ""}, {"c2", ""}}).some(1, synced_before);
  std::vector<std::size_t> whole(log.places.size());
  for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = i;
  const auto judge = [&](std::vector<std::size_t> order, const char* what) {
    verdicts.tell(judge_order(log, order), [&] {
      std::string text = what;
      for (const std::size_t i : order) text += " " + std::to_string(i);
      return text;
    });
  };
  judge(whole, "as it was");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (std::size_t j = 0; j < whole.size(); ++j) {
      auto swapped = whole;
      std::swap(swapped[i], swapped[j]);
      judge(swapped, "swapped");
      auto moved = whole;
      moved.erase(moved.begin() + std::ptrdiff_t(i));
      moved.insert(moved.begin() + std::ptrdiff_t(j), i);
      judge(moved, "moved");
      auto doubled = whole;
      doubled.insert(doubled.begin() + std::ptrdiff_t(j), i);
      judge(doubled, "doubled");
      auto dropped = whole;
      dropped.erase(dropped.begin() + std::ptrdiff_t((std::min)(i, j)),
                    dropped.begin() + std::ptrdiff_t((std::max)(i, j)) + 1);
      judge(dropped, "dropped");
    }
  }
  rewal_torture::Random random(rewal_torture::seed());
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::size_t> any(random.below(2 * whole.size()));
    for (auto& i : any) i = random.below(whole.size());
    judge(any, "at random");
  }
  CHECK(verdicts.first == "");
}
