// SPDX-License-Identifier: MIT
//
// Zstd, on the real libzstd: the shared suite, levels, and frames that lie about what they hold.

#if REWAL_TEST_ZSTD

#include <zstd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/compressor/zstd.hpp>
#include <rewal/policy/compressor.hpp>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "adapter_suite.hpp"

using namespace rewal_test;
using rewal::Zstd;

static_assert(rewal::Compressor<Zstd> && rewal::detail::DecompressesBounded<Zstd>);
static_assert(std::is_copy_constructible_v<Zstd> && std::is_nothrow_move_constructible_v<Zstd>);
static_assert(!std::is_convertible_v<int, Zstd>);

namespace {

/// A zstd frame made by hand. `claim` is its content size; none: a window of 2^`window_log` instead.
class HandMade {
 public:
  static HandMade claiming(std::uint64_t claim) {
    HandMade frame;
    frame.put(0xFD2FB528, 4).put(0xE0, 1).put(claim, 8);  // eight bytes of content size, a single segment
    return frame;
  }
  static HandMade with_window(unsigned window_log) {
    HandMade frame;
    frame.put(0xFD2FB528, 4).put(0x00, 1).put((window_log - 10) << 3, 1);
    return frame;
  }
  /// `size` times the same byte, in four bytes.
  HandMade& run(std::uint64_t size, bool last = false) {
    return put((size << 3) | (1U << 1) | (last ? 1U : 0U), 3).put('x', 1);
  }
  [[nodiscard]] const Buffer& bytes() const { return bytes_; }

 private:
  HandMade& put(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    return *this;
  }
  Buffer bytes_;
};

constexpr std::size_t block = 128 * 1024;

Buffer bomb(std::size_t blocks) {
  HandMade frame = HandMade::with_window(17);
  for (std::size_t i = 0; i < blocks; ++i) frame.run(block, i + 1 == blocks);
  return frame.bytes();
}

/// What a decompression left behind in a buffer that was empty before.
struct Outcome {
  std::string said;
  std::size_t size;
  std::size_t capacity;
};
Outcome decompressed(const Buffer& source, std::size_t most) {
  Buffer target;
  const Result<void> done = Zstd{}.decompress(source, target, most);
  return {rewal_test::said(done), target.size(), target.capacity()};
}

}  // namespace

TEST_CASE("zstd gives back what it was given", "[zstd]") { gives_back_what_it_was_given(Zstd{}); }
TEST_CASE("zstd appends to what is there", "[zstd]") { appends_to_what_is_there(Zstd{}); }
TEST_CASE("zstd stops at the limit", "[zstd]") { stops_at_the_limit(Zstd{}); }
TEST_CASE("zstd survives damage", "[zstd]") { survives_damage(Zstd{}); }
TEST_CASE("zstd works on many threads at once", "[zstd]") { works_on_many_threads_at_once(Zstd{}); }
TEST_CASE("zstd serves a log", "[zstd]") { serves_a_log(Zstd{5}); }

TEST_CASE("every zstd level there is works, and others are refused", "[zstd]") {
  const Buffer source = repetitive(3000);
  for (const int level : {ZSTD_minCLevel(), -5, 0, 1, 3, 9, 19, ZSTD_maxCLevel()}) {
    INFO("level " << level);
    CHECK(unpacked(Zstd{}, packed(Zstd{level}, source), source.size()) == source);
    CHECK(Zstd{level}.level() == level);
  }
  for (const int level : {ZSTD_minCLevel() - 1, ZSTD_maxCLevel() + 1, 1000}) {
    Buffer target = repetitive(2);
    const Result<void> done = Zstd{level}.compress(source, target);
    REQUIRE(!done);
    CHECK(done.error().system() == std::errc::invalid_argument);
    CHECK(target == repetitive(2));
  }
  CHECK(Zstd{}.level() == 3);
}

TEST_CASE("zstd compresses at the level that it is given, as libzstd does", "[zstd]") {
  Buffer source = repetitive(30'000);
  const Buffer other = noise(30'000);
  for (std::size_t i = 0; i < source.size(); i += 1 + i % 11) source[i] = other[i % 500];
  for (const int level : {1, 3, 19}) {
    Buffer expected(ZSTD_compressBound(source.size()));
    expected.resize(ZSTD_compress(expected.data(), expected.size(), source.data(), source.size(), level));
    CHECK(packed(Zstd{level}, source) == expected);
  }
  CHECK(packed(Zstd{1}, source).size() > packed(Zstd{19}, source).size());
}

TEST_CASE("a copied, moved or assigned zstd goes on working", "[zstd]") {
  Zstd first{1};
  const Buffer small = packed(first, repetitive(100));
  Zstd copy = first;
  const Zstd moved = std::move(first);
  copy = Zstd{7};
  CHECK(copy.level() == 7);
  CHECK(moved.level() == 1);
  for (const Zstd* zstd : {&std::as_const(copy), &moved}) {
    CHECK(unpacked(*zstd, small, 100) == repetitive(100));
    CHECK(unpacked(*zstd, packed(*zstd, noise(500)), 500) == noise(500));
  }
}

TEST_CASE("zstd frames without a content size, and several in a row, are read", "[zstd]") {
  CHECK(decompressed(bomb(1), block).size == block);
  CHECK(decompressed(bomb(40), 40 * block).size == 40 * block);
  Buffer both = packed(Zstd{}, repetitive(50));
  const Buffer second = packed(Zstd{}, repetitive(200'000));
  both.insert(both.end(), second.begin(), second.end());
  Buffer expected = repetitive(50);
  const Buffer rest = repetitive(200'000);
  expected.insert(expected.end(), rest.begin(), rest.end());
  CHECK(unpacked(Zstd{}, both, 200'050) == expected);
  CHECK(decompressed(both, 200'049).said == "corrupted");
}

TEST_CASE("a zstd bomb fills no more than the limit", "[zstd]") {
  const Buffer frame = bomb(8000);  // 32 KB that hold 1 GiB
  for (const std::size_t most : {std::size_t{0}, std::size_t{1000}, block - 1, block, std::size_t{5'000'000}}) {
    const Outcome outcome = decompressed(frame, most);
    CHECK(outcome.said == "corrupted");
    CHECK(outcome.size == 0);
    CHECK(outcome.capacity <= most);
  }
}

TEST_CASE("a content size over the limit reserves nothing", "[zstd]") {
  for (const std::uint64_t claim : {std::uint64_t{1001}, std::uint64_t{1} << 40, ~std::uint64_t{2}}) {
    const Outcome outcome = decompressed(HandMade::claiming(claim).run(10, true).bytes(), 1000);
    CHECK(outcome.said == "corrupted");
    CHECK(outcome.capacity == 0);
  }
}

TEST_CASE("a content size that lies below the limit reserves what the input could fill, not what it claims", "[zstd]") {
  const Outcome outcome = decompressed(HandMade::claiming(std::uint64_t{1} << 33).run(10, true).bytes(), SIZE_MAX);
  CHECK(outcome.said == "corrupted");
  CHECK(outcome.capacity <= 1024 * 1024);
}

TEST_CASE("a window of two gigabytes is not allocated", "[zstd]") {
  const Outcome outcome = decompressed(HandMade::with_window(31).run(10, true).bytes(), 1000);
  CHECK(outcome.said == "ok");
  CHECK(outcome.size == 10);
  CHECK(outcome.capacity <= 1000);
}

TEST_CASE("a zstd frame that needs a dictionary is corrupted", "[zstd]") {
  Buffer frame = packed(Zstd{}, repetitive(300));
  frame[4] |= std::byte{1};  // one byte of dictionary id
  frame.insert(frame.begin() + 5, std::byte{7});
  CHECK(decompressed(frame, 300).said == "corrupted");
}

#endif  // REWAL_TEST_ZSTD
