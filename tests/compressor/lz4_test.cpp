// SPDX-License-Identifier: MIT
//
// Lz4, on the real liblz4.

#if REWAL_TEST_LZ4

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/compressor/lz4.hpp>
#include <rewal/policy/compressor.hpp>
#include <type_traits>
#include <vector>

#include "adapter_suite.hpp"

using namespace rewal_test;
using rewal::Lz4;

static_assert(rewal::Compressor<Lz4> && rewal::detail::DecompressesBounded<Lz4>);
static_assert(std::is_empty_v<Lz4> && std::is_copy_constructible_v<Lz4>);

namespace {

Buffer sized(std::uint32_t claim, std::vector<int> block) {
  Buffer bytes(4);
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>(claim >> (8 * i));
  for (const int value : block) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

}  // namespace

TEST_CASE("lz4 gives back what it was given", "[lz4]") { gives_back_what_it_was_given(Lz4{}); }
TEST_CASE("lz4 appends to what is there", "[lz4]") { appends_to_what_is_there(Lz4{}); }
TEST_CASE("lz4 stops at the limit", "[lz4]") { stops_at_the_limit(Lz4{}); }
TEST_CASE("lz4 survives damage", "[lz4]") { survives_damage(Lz4{}); }
TEST_CASE("lz4 works on many threads at once", "[lz4]") { works_on_many_threads_at_once(Lz4{}); }
TEST_CASE("lz4 serves a log", "[lz4]") { serves_a_log(Lz4{}); }

TEST_CASE("lz4's bytes are a size and one block, so that other programs can read them", "[lz4]") {
  CHECK(packed(Lz4{}, {}) == sized(0, {0}));
  CHECK(packed(Lz4{}, as_bytes(std::span("hi", 2))) == sized(2, {0x20, 'h', 'i'}));
}

TEST_CASE("an lz4 size that the block cannot hold reserves nothing", "[lz4]") {
  for (const std::uint32_t claim : {std::uint32_t{100'000}, std::uint32_t{1} << 30, std::uint32_t{0x7E00'0000},
                                    std::uint32_t{0x7FFF'FFFF}, std::uint32_t{0xFFFF'FFFF}}) {
    Buffer target;
    CHECK(said(Lz4{}.decompress(sized(claim, {0x20, 'h', 'i'}), target, SIZE_MAX)) == "corrupted");
    CHECK(target.capacity() == 0);
  }
}

TEST_CASE("an lz4 size that is wrong by one is corrupted", "[lz4]") {
  for (const std::uint32_t claim : {std::uint32_t{0}, std::uint32_t{1}, std::uint32_t{3}}) {
    Buffer target = repetitive(3);
    CHECK(said(Lz4{}.decompress(sized(claim, {0x20, 'h', 'i'}), target, 100)) == "corrupted");
    CHECK(target == repetitive(3));
  }
}

#endif  // REWAL_TEST_LZ4
