// SPDX-License-Identifier: MIT
//
// Recovery over a storage whose k-th read fails, for k = 1, 2, ... until none does: the error is told, and nothing has
// been changed. The files are such that each step of the search reads.

#include <rewal/recovery/recovery.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;

namespace {

struct DamagedLog {
  std::string_view name;
  Image image;
};

/// Larger than what is read at once.
const std::string large(150'000, 'L');

std::vector<DamagedLog> damaged_logs() {
  std::vector<DamagedLog> all;
  const auto add = [&](std::string_view name, Log log, std::initializer_list<std::size_t> bad) {
    for (const std::size_t frame : bad) log.image[log.places[frame].end() - 6] ^= std::byte{1};
    all.push_back({name, std::move(log.image)});
  };
  add("whole frames behind", Log().some(3).event(large).some(3).event(large).some(2), {3});
  add("proof behind", Log().some(3).event(large).event(large, "m", synced_before).some(2), {3});
  add("a second bad frame", Log().some(3).event(large).event(large).some(2).event(large).some(2, synced_before),
      {3, 4});
  add("many records", Log().some(3).batch({{large, ""}, {large, "m"}, {"", ""}}).some(3), {3});
  add("a frame within the bad one",
      Log().some(3).event(large + std::string(as_text(Log(5).some(3).image)) + large).some(3), {3});
  for (const bool sized : {true, false}) {
    Log log;
    log.some(3).add({.first_lsn = 4, .count = 500, .flags = compressed, .region = bytes_of(large)}).jump_to(504);
    log.some(3).event(large).some(2);
    if (!sized) poke(log.image, log.places[3].at + At::size, large.size() * 2, 4);
    add(sized ? "compressed" : "compressed, with a damaged size", std::move(log), {3});
  }
  // The second bad one is torn, with zeros behind what is there of it.
  Log torn;
  torn.some(3).event(large).batch({{"first", ""}, {large, "m"}, {"last", ""}});
  torn.image = cut(torn.image, torn.places[4].at + 24 + 11);
  add("a second bad frame, torn", std::move(torn.zeros(100'000)), {3});
  all.push_back({"zeros", Image(300'000)});
  all.push_back({"zeros, then something", cut(Image(200'000), 200'000)});
  all.back().image.back() = std::byte{1};
  all.push_back({"foreign", bytes_of("no log" + large)});
  all.push_back({"preallocated", Log().some(9).zeros(200'000).image});
  return all;
}

}  // namespace

TEST_CASE("A read that fails while a damaged log is opened is told, and nothing is changed", "[recovery][figures]") {
  rewal_torture::Row row("G7", "k-th read fails while a damaged log is opened", "runs");
  for (const DamagedLog& damaged : damaged_logs()) {
    for (const bool lasts : {false, true}) {
      std::size_t k = 1;
      for (bool struck = true; struck; ++k) {
        CAPTURE(damaged.name, lasts, k);
        ReadDisk disk(damaged.image);
        std::size_t reads = 0;
        disk.state->before_call = [&](const char* what) -> Result<void> {
          if (std::string_view(what) != "read_at") return {};
          ++reads;
          if (reads == k || (lasts && reads > k)) return io_error(EIO);
          return {};
        };
        const auto opened = open(disk);
        ++row.count;
        struck = reads >= k;
        if (!struck) continue;
        REQUIRE_FALSE(opened.ok());
        CHECK(opened.result.error().system().value() == EIO);
        CHECK(disk.state->content == damaged.image);
        CHECK(disk.state->changes.empty());
        CHECK(disk.state->copies.empty());
      }
      CHECK(k > 2);
    }
  }
}
