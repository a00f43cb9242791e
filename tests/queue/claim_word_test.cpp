// SPDX-License-Identifier: MIT
//
// The arithmetic of claim words, against plain counters that never wrap.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdint>
#include <limits>
#include <rewal/queue/claim_word.hpp>

using rewal::Lsn;
using rewal::detail::ClaimLayout;
using rewal::detail::Word;
namespace claim_flag = rewal::detail::claim_flag;

namespace {

constexpr std::uint64_t smallest_record = 6;

/// Counters beside the words: what was claimed and what was consumed, in full.
struct Counters {
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
  Lsn next_lsn;
};

/// A fixed sequence of numbers in [0, below), the same on every machine.
class Numbers {
 public:
  std::uint64_t operator()(std::uint64_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % below;
  }

 private:
  std::uint64_t state_ = 42;
};

constexpr ClaimLayout small{64, 2, smallest_record};
static_assert(small.fits() && small.counts_frames());
static_assert(ClaimLayout::same_place(small.start(7), small.start(7) | claim_flag::all));
static_assert(!ClaimLayout::same_place(small.start(7), small.advanced(small.start(7), 34, 1, 1)));

}  // namespace

TEST_CASE("distance, offset and LSN are those of counters that never wrap, for any lap") {
  const std::uint64_t lap = GENERATE(64u, 128u, 192u, 1024u, 1088u, 65'536u, 520'000u);
  const Lsn first = GENERATE(Lsn{1}, Lsn{1'000'000'007}, std::numeric_limits<Lsn>::max() - 40'000);
  const ClaimLayout layout(lap, lap / 34 + 1, smallest_record);
  REQUIRE(layout.counts_frames());
  Numbers random;
  Counters claimed{.next_lsn = first};
  Counters consumed = claimed;
  Word head = layout.start(first);
  Word tail = head;
  for (int step = 0; step < 3000; ++step) {
    const std::uint64_t room = lap - (claimed.bytes - consumed.bytes);
    if (room >= 34 && random(3) != 0) {
      const std::uint64_t bytes = 34 + random(room - 33);
      const std::uint64_t records = 1 + random((bytes - 28) / 6);
      REQUIRE(layout.offset(head) == claimed.bytes % lap);
      head = layout.advanced(head, bytes, 1, records);
      claimed = {claimed.bytes + bytes, claimed.frames + 1, claimed.next_lsn + records};
    } else {
      tail = layout.advanced(tail, claimed.bytes - consumed.bytes, claimed.frames - consumed.frames,
                             claimed.next_lsn - consumed.next_lsn);
      consumed = claimed;
    }
    const auto distance = layout.distance(tail, head);
    REQUIRE(distance.bytes == claimed.bytes - consumed.bytes);
    REQUIRE(distance.frames == claimed.frames - consumed.frames);
    REQUIRE(distance.records == claimed.next_lsn - consumed.next_lsn);
    REQUIRE(layout.full_lsn(head, consumed.next_lsn) == claimed.next_lsn);
    REQUIRE(ClaimLayout::same_place(head, tail) == (claimed.bytes == consumed.bytes));
  }
}

TEST_CASE("a step is what advancing by one frame with one record is, unless a field wraps") {
  const std::uint64_t lap = GENERATE(64u, 192u, 1024u, 520'000u, 524'288u);
  const ClaimLayout layout(lap, GENERATE(2u, 8u, 15'421u), smallest_record);
  REQUIRE(layout.counts_frames());
  const Word flags = GENERATE(Word{0}, claim_flag::between_polls);
  std::uint64_t steps = 0;
  std::uint64_t wraps = 0;
  const auto check_step = [&](Word word, std::uint64_t bytes) {
    const Word advanced = layout.advanced(word, bytes, 1, 1);
    if (layout.steps_within_fields(word, bytes)) {
      ++steps;
      REQUIRE(layout.stepped(word, bytes) == advanced);
    } else {
      ++wraps;
      REQUIRE(layout.stepped(word, bytes) != advanced);
    }
  };
  // Small steps through places and frames, from where the LSN is about to wrap.
  Word word = layout.start(layout.most_records() - 200) | flags;
  for (int i = 0; i < 4000; ++i) {
    const std::uint64_t bytes = 34 + static_cast<std::uint64_t>(i) % (lap - 33);
    check_step(word, bytes);
    word = layout.advanced(word, bytes, 1, 1);
  }
  CHECK(steps > 1000);
  CHECK(wraps > 1);
}

TEST_CASE("distances are told apart up to four laps, for claims made by a check that was out of date") {
  const ClaimLayout layout(192, 6, smallest_record);
  const Word tail = layout.advanced(layout.start(1), 150, 3, 3);
  Word head = tail;
  for (std::uint64_t bytes = 0; bytes < 4 * 192; bytes += 48) {
    CHECK(layout.distance(tail, head).bytes == bytes);
    head = layout.advanced(head, 48, 1, 1);
  }
}

TEST_CASE("advancing keeps the flags, and flags change neither place nor LSN") {
  const ClaimLayout layout(1024, 8, smallest_record);
  const Word plain = layout.advanced(layout.start(9), 100, 1, 3);
  for (const Word flag :
       {claim_flag::sealed, claim_flag::held, claim_flag::asleep, claim_flag::between_polls, claim_flag::all}) {
    const Word flagged = layout.advanced(layout.start(9) | flag, 100, 1, 3);
    CHECK(flagged == (plain | flag));
    CHECK(layout.offset(flagged) == layout.offset(plain));
    CHECK(layout.full_lsn(flagged, 9) == 12);
    CHECK(layout.distance(layout.start(9), flagged).bytes == 100);
    CHECK(layout.distance(layout.start(9), flagged).frames == 1);
    CHECK(layout.distance(layout.start(9) | flag, plain).records == 3);
  }
}

TEST_CASE("a frame larger than the ring advances LSN and frames, not the place") {
  const ClaimLayout layout(1024, 8, smallest_record);
  const Word before = layout.advanced(layout.start(1), 1000, 1, 1);
  const Word after = layout.advanced(before, 0, 1, 70'000 % layout.most_records());
  CHECK(layout.offset(after) == layout.offset(before));
  CHECK(layout.distance(before, after).bytes == 0);
  CHECK(layout.distance(before, after).frames == 1);
  CHECK_FALSE(ClaimLayout::same_place(before, after));
}

TEST_CASE("every ring that the log allows fits into a word, with frames counted in it or apart") {
  for (unsigned bits = 6; bits <= 30; ++bits) {
    const std::uint64_t ring = std::uint64_t{1} << bits;
    const ClaimLayout layout(ring, 4096, smallest_record);
    INFO(ring);
    CHECK(layout.fits());
    CHECK(layout.most_records() >= ring / smallest_record);
    if (ring <= 4u << 20) CHECK(layout.counts_frames());
    if (ring >= 64u << 20) CHECK_FALSE(layout.counts_frames());
  }
}

TEST_CASE("a full LSN follows from any LSN behind it by no more than the ring holds") {
  const ClaimLayout layout(65'536, 2000, smallest_record);
  const std::uint64_t most = 65'536 / smallest_record;
  for (const Lsn lsn : {Lsn{most + 1}, Lsn{1} << 20, Lsn{1} << 40, std::numeric_limits<Lsn>::max() - 1}) {
    const Word head = layout.start(lsn);
    for (const std::uint64_t behind : {std::uint64_t{0}, std::uint64_t{1}, most / 2, most}) {
      CHECK(layout.full_lsn(head, lsn - behind) == lsn);
    }
  }
}

TEST_CASE("a ring too large for one word is told, whatever its smallest record") {
  CHECK_FALSE(ClaimLayout(std::uint64_t{1} << 59, 1, smallest_record).fits());  // the place alone takes all bits
  CHECK_FALSE(ClaimLayout(std::uint64_t{1} << 40, 1, smallest_record).fits());  // no room for the records
  CHECK_FALSE(ClaimLayout(std::uint64_t{1} << 40, 1, smallest_record).counts_frames());
  CHECK(ClaimLayout(std::uint64_t{1} << 30, 1, smallest_record).fits());
}
