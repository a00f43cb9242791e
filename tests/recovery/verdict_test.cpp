// SPDX-License-Identifier: MIT

#include <rewal/recovery/verdict.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include <support/log_image.hpp>

using namespace rewal_test;

TEST_CASE("The verdict is the first rule that fits, for every combination of what can be seen", "[recovery]") {
  using rewal::Verdict;
  using format = detail::format::Validity;
  for (unsigned bits = 0; bits < 16; ++bits) {
    for (const auto at_c : {format::valid, format::torn, format::bad_crc, format::unknown, format::malformed}) {
      const detail::Evidence seen{.zeros_alone = (bits & 1) != 0,
                                  .foreign_start = (bits & 2) != 0,
                                  .at_c = at_c,
                                  .zeros_from_c = (bits & 4) != 0,
                                  .proof = (bits & 8) != 0};
      std::vector<Verdict> fitting;
      if (seen.zeros_alone) fitting.push_back(Verdict::new_log);
      if (seen.foreign_start) fitting.push_back(Verdict::foreign);
      if (at_c == format::unknown) fitting.push_back(Verdict::unknown);
      if (at_c == format::malformed) fitting.push_back(Verdict::malformed);
      if (seen.zeros_from_c) fitting.push_back(Verdict::clean);
      if (seen.proof) fitting.push_back(Verdict::damaged);
      fitting.push_back(Verdict::torn);
      CHECK(detail::judge(seen) == fitting.front());
    }
  }
}

TEST_CASE("Each policy has a column: repair refuses proof, truncate cuts it, strict cuts nothing", "[recovery]") {
  using detail::Action;
  using detail::ruling_for;
  using rewal::Verdict;
  for (const auto verdict : {Verdict::foreign, Verdict::unknown, Verdict::malformed}) {
    for (const auto policy : {Recovery::repair, Recovery::truncate, Recovery::strict}) {
      CHECK(ruling_for(verdict).under(policy) == Action::refuse);
    }
  }
  for (const auto verdict : {Verdict::new_log, Verdict::clean}) {
    for (const auto policy : {Recovery::repair, Recovery::truncate, Recovery::strict}) {
      CHECK(ruling_for(verdict).under(policy) == Action::keep);
    }
  }
  CHECK(ruling_for(Verdict::damaged).under(Recovery::repair) == Action::refuse);
  CHECK(ruling_for(Verdict::damaged).under(Recovery::truncate) == Action::cut);
  CHECK(ruling_for(Verdict::damaged).under(Recovery::strict) == Action::refuse);
  CHECK(ruling_for(Verdict::torn).under(Recovery::repair) == Action::cut);
  CHECK(ruling_for(Verdict::torn).under(Recovery::truncate) == Action::cut);
  CHECK(ruling_for(Verdict::torn).under(Recovery::strict) == Action::refuse);
}

TEST_CASE("A start is ours if it is a prefix of a first frame's eight bytes", "[recovery]") {
  for (int flags = 0; flags < 256; ++flags) {
    Image start = bytes_of("EWAL");
    put(start, 2, 2);
    put(start, static_cast<std::uint64_t>(flags), 2);
    CHECK(detail::foreign_start(start) == (flags > 3));
    start.push_back(std::byte{0xFF});  // no longer judged
    CHECK(detail::foreign_start(start) == (flags > 3));
  }
  const Image ours = bytes_of(std::string("EWAL\x02\0\0\0", 8));
  for (std::size_t size = 0; size <= 8; ++size) {
    const Image start(ours.begin(), ours.begin() + std::ptrdiff_t(size));
    CHECK_FALSE(detail::foreign_start(start));
    for (std::size_t at = 0; at < size; ++at) {
      Image other = start;
      other[at] ^= std::byte{0x80};
      CHECK(detail::foreign_start(other));
    }
  }
}

TEST_CASE("All zero is all zero, whatever the length", "[recovery]") {
  for (std::size_t size = 0; size < 70; ++size) {
    CHECK(detail::all_zero(Image(size)));
    for (std::size_t at = 0; at < size; ++at) {
      Image image(size);
      image[at] = std::byte{1};
      CHECK_FALSE(detail::all_zero(image));
    }
  }
}
