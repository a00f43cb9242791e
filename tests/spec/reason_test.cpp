// SPDX-License-Identifier: MIT
//
// The sentence in which recovery says what ended the log: its places and its numbers of bytes.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <rewal/wal.hpp>
#include <string>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <vector>

using namespace rewal_test;

namespace {

std::string reason(const std::vector<std::byte>& image, Recovery policy = Recovery::repair) {
  const auto judged = judge_image(image, policy);
  return judged.ok() ? judged.opened.report().reason : "refused";
}

}  // namespace

TEST_CASE("the reason says how many bytes were cut, for every end that a log can have") {
  auto image = Log().event("one").image;
  CHECK(reason(image).empty());
  image.resize(image.size() + 5000);
  CHECK(reason(image) == "preallocated space that was never written: 5000 bytes were cut");
  image.back() = std::byte{1};
  CHECK(reason(image) == "the frame at offset 37 is torn or damaged: 5000 bytes were cut");
  CHECK(reason(std::vector<std::byte>(100)) == "the file holds nothing but 100 zero bytes: a new log");
  auto damaged = Log().event("one").event("two").event("three", "", 2).event("four").image;
  damaged[50] ^= std::byte{1};
  CHECK(reason(damaged, Recovery::truncate) ==
        "the frame at offset 37 is damaged although the one at 74 proves that it had been fsynced: 114 bytes were cut");
}
