// SPDX-License-Identifier: MIT
//
// Damage of several frames: one bad frame behind another hides no proof.

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
