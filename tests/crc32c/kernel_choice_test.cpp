// SPDX-License-Identifier: MIT
//
// Which CRC-32C kernel is in use: the first call chooses, and it may be switched.

#include <catch2/catch_test_macros.hpp>
#include <crc32c/reference.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/crc32c/crc32c.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace rewal::detail;

using namespace rewal_test;

// Before main, and so, in this program, the first call of all.
const std::uint32_t crc_before_main = crc32c(0, reinterpret_cast<const std::byte*>("123456789"), 9);

TEST_CASE("the first call chooses a kernel, whichever function it is and however early it comes", "[crc32c]") {
  REQUIRE(crc_before_main == 0xe3069283);
  const auto bytes = noise(200);
  const std::uint32_t expected = crc_bit_by_bit(bytes.data(), bytes.size());
  std::vector<std::byte> place(bytes.size());
  REQUIRE(Crc32cSlots<>::first_crc(0, nullptr, bytes.data(), bytes.size()) == expected);
  REQUIRE(Crc32cSlots<>::first_copy(0, place.data(), bytes.data(), bytes.size()) == expected);
  REQUIRE(place == bytes);
  REQUIRE(Crc32cSlots<>::first_shift(0x12345678, 1000) == crc32c_shift_portable(0x12345678, 1000));
}

TEST_CASE("an unknown kernel is refused and the one in use stays", "[crc32c]") {
  const std::string before(crc32c_active());
  REQUIRE_FALSE(crc32c_select("no such kernel"));
  REQUIRE(crc32c_active() == before);
}

TEST_CASE("threads may switch kernels under each other", "[crc32c]") {
  const std::string before(crc32c_active());
  const auto bytes = noise(500);
  const std::uint32_t expected = crc_bit_by_bit(bytes.data(), bytes.size());
  std::size_t wrong = 0;
  std::thread other([] {
    for (int round = 0; round < 200; ++round) {
      for (const Crc32cKernel& kernel : crc32c_kernels()) crc32c_select(kernel.name);
    }
  });
  for (int round = 0; round < 2000; ++round) {
    if (crc32c(0, bytes.data(), bytes.size()) != expected) ++wrong;
  }
  other.join();
  crc32c_select(before);
  REQUIRE(wrong == 0);
}

}  // namespace
