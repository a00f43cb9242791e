// SPDX-License-Identifier: MIT
//
// One suite for every CRC-32C kernel that this processor runs, against a reference that works bit by bit.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <crc32c/reference.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <rewal/crc32c/crc32c.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace rewal::detail;

using namespace rewal_test;

/// Runs a test body once for each kernel, which is the one in use meanwhile.
class EachKernel {
 public:
  EachKernel() : before_(crc32c_active()) {
    std::vector<std::string> names;
    for (const Crc32cKernel& kernel : crc32c_kernels()) {
      if (kernel.supported()) names.emplace_back(kernel.name);
    }
    const std::size_t chosen = GENERATE_COPY(Catch::Generators::range(std::size_t{0}, names.size()));
    REQUIRE(crc32c_select(names[chosen]));
    REQUIRE(crc32c_active() == names[chosen]);
  }

  std::string_view name() const { return crc32c_active(); }

  ~EachKernel() { crc32c_select(before_); }
  EachKernel(const EachKernel&) = delete;
  EachKernel& operator=(const EachKernel&) = delete;

 private:
  std::string before_;
};

/// Copies under checksum into a place surrounded by marks; true if the bytes arrived and no mark was touched.
bool copies_exactly(const std::byte* from, std::size_t size, std::size_t offset, std::uint32_t expected) {
  constexpr std::size_t margin = 80;
  constexpr std::byte mark{0xa5};
  std::vector<std::byte> place(margin + offset + size + margin, mark);
  std::byte* const to = place.data() + margin + offset;
  if (crc32c_copy(0, to, from, size) != expected) return false;
  if (size != 0 && std::memcmp(to, from, size) != 0) return false;
  const auto is_mark = [](std::byte byte) { return byte == mark; };
  return std::all_of(place.data(), to, is_mark) && std::all_of(to + size, place.data() + place.size(), is_mark);
}

// Lengths at which a kernel may change its ways, and their neighbours.
std::vector<std::size_t> lengths_around_thresholds() {
  std::vector<std::size_t> lengths;
  for (std::size_t middle : {512u, 768u, 1024u, 1536u, 2048u, 3072u, 4096u, 4608u, 8192u, 12288u, 16384u, 65536u}) {
    for (std::size_t length = middle - 70; length <= middle + 70; ++length) lengths.push_back(length);
  }
  return lengths;
}

/// The same for a copy that begins with a prefix of 30 bytes in registers.
bool copies_exactly_behind_prefix(const Crc32cPrefix& prefix, const std::byte* from, std::size_t size) {
  std::vector<std::byte> wanted(Crc32cPrefix::bytes + size);
  prefix.store(wanted.data());
  std::copy(from, from + size, wanted.begin() + Crc32cPrefix::bytes);
  constexpr std::size_t margin = 80;
  constexpr std::byte mark{0xa5};
  std::vector<std::byte> place(margin + wanted.size() + margin, mark);
  const std::uint32_t crc = crc32c_prefixed_copy(prefix, place.data() + margin, from, size);
  if (crc != crc_bit_by_bit(wanted.data(), wanted.size())) return false;
  std::vector<std::byte> whole(place.size(), mark);
  std::copy(wanted.begin(), wanted.end(), whole.begin() + margin);
  return place == whole;
}

TEST_CASE("CRC-32C has the check value of the standard", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const std::string_view text = "123456789";
  REQUIRE(crc_bit_by_bit(text) == 0xe3069283);
  REQUIRE(crc32c(0, reinterpret_cast<const std::byte*>(text.data()), text.size()) == 0xe3069283);
}

TEST_CASE("CRC-32C of a prefix in registers and a copy is that of the bytes in a row", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const std::vector<std::byte> bytes = noise(5000);
  const Crc32cPrefix prefix{0x0123456789abcdef, 0xfedcba9876543210, 0xa5a55a5a00ff11ee, 0x0000c0ffee123456};
  for (std::size_t size = 0; size <= 700; ++size) {
    INFO(size << " bytes");
    REQUIRE(copies_exactly_behind_prefix(prefix, bytes.data() + size % 9, size));
  }
  for (const std::size_t size : {1023u, 1024u, 1281u, 4096u, 4130u, 4900u}) {
    REQUIRE(copies_exactly_behind_prefix(prefix, bytes.data() + 1, size));
  }
}

TEST_CASE("CRC-32C has the values of RFC 3720", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  std::vector<std::byte> bytes(32, std::byte{0});
  REQUIRE(crc32c(0, bytes.data(), bytes.size()) == 0x8a9136aa);
  std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
  REQUIRE(crc32c(0, bytes.data(), bytes.size()) == 0x62a8ab43);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  REQUIRE(crc32c(0, bytes.data(), bytes.size()) == 0x46dd794e);
}

TEST_CASE("CRC-32C of nothing changes nothing", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  REQUIRE(crc32c(0, nullptr, 0) == 0);
  REQUIRE(crc32c(0x12345678, nullptr, 0) == 0x12345678);
  REQUIRE(crc32c_copy(0x12345678, nullptr, nullptr, 0) == 0x12345678);
}

TEST_CASE("CRC-32C agrees with the reference at every short length and alignment", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const auto bytes = noise(1400);
  for (std::size_t start = 0; start < 16; ++start) {
    const auto expected = crc_of_prefixes(bytes.data() + start, 1300);
    std::size_t wrong = 0;
    for (std::size_t length = 0; length <= 1300; ++length) {
      if (crc32c(0, bytes.data() + start, length) != expected[length]) ++wrong;
    }
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("CRC-32C agrees with the reference on long buffers", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const auto bytes = noise((1u << 20) + 7);
  const auto expected = crc_of_prefixes(bytes.data(), bytes.size());
  std::size_t wrong = 0;
  for (std::size_t length : lengths_around_thresholds()) {
    if (crc32c(0, bytes.data(), length) != expected[length]) ++wrong;
  }
  for (std::size_t length = 1000; length < bytes.size(); length += 30011) {
    if (crc32c(0, bytes.data(), length) != expected[length]) ++wrong;
  }
  REQUIRE(wrong == 0);
  REQUIRE(crc32c(0, bytes.data(), bytes.size()) == expected[bytes.size()]);
}

TEST_CASE("CRC-32C may be computed in two pieces, cut anywhere", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const auto bytes = noise(6000);
  const auto expected = crc_of_prefixes(bytes.data(), bytes.size());
  for (std::size_t length : {9u, 64u, 162u, 300u, 1024u, 6000u}) {
    std::size_t wrong = 0;
    for (std::size_t cut = 0; cut <= length; ++cut) {
      const std::uint32_t head = crc32c(0, bytes.data(), cut);
      if (crc32c(head, bytes.data() + cut, length - cut) != expected[length]) ++wrong;
    }
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("a checksummed copy equals the source and stays inside its place", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const auto bytes = noise((1u << 20) + 7);
  const auto expected = crc_of_prefixes(bytes.data(), bytes.size());
  std::size_t wrong = 0;
  for (std::size_t length = 0; length <= 300; ++length) {
    for (std::size_t offset = 0; offset < 16; ++offset) {
      if (!copies_exactly(bytes.data(), length, offset, expected[length])) ++wrong;
    }
  }
  for (std::size_t length = 301; length <= 1300; ++length) {
    if (!copies_exactly(bytes.data(), length, length % 16, expected[length])) ++wrong;
  }
  for (std::size_t length : lengths_around_thresholds()) {
    if (!copies_exactly(bytes.data(), length, length % 16, expected[length])) ++wrong;
  }
  if (!copies_exactly(bytes.data(), bytes.size(), 3, expected[bytes.size()])) ++wrong;
  REQUIRE(wrong == 0);
}

TEST_CASE("a checksummed copy reads at any alignment and extends an earlier checksum", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const auto bytes = noise(700);
  const auto expected = crc_of_prefixes(bytes.data(), bytes.size());
  std::vector<std::byte> place(bytes.size());
  std::size_t wrong = 0;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    std::fill(place.begin(), place.end(), std::byte{0});
    const std::uint32_t head = crc32c_copy(0, place.data(), bytes.data(), cut);
    const std::uint32_t whole = crc32c_copy(head, place.data() + cut, bytes.data() + cut, bytes.size() - cut);
    if (head != expected[cut] || whole != expected[bytes.size()] || place != bytes) ++wrong;
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("two checksums join into that of the whole", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  const auto bytes = noise(70000);
  const auto expected = crc_of_prefixes(bytes.data(), bytes.size());
  std::size_t wrong = 0;
  for (std::size_t length_a : {0u, 1u, 30u, 700u}) {
    for (std::size_t length_b = 0; length_b < 69000; length_b += 1 + length_b / 50) {
      const std::uint32_t crc_b = crc32c(0, bytes.data() + length_a, length_b);
      if (crc32c_concat(expected[length_a], crc_b, length_b) != expected[length_a + length_b]) ++wrong;
    }
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("joining is associative for lengths that no buffer has", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  for (std::uint64_t length : {0x1ull, 0xffffull, 0x10001ull, 0xffffffffull, 0x123456789abcdefull, ~0ull >> 1}) {
    const std::uint32_t a = 0x12345678, b = 0x9abcdef0, c = 0x0badf00d;
    const std::uint32_t left = crc32c_concat(crc32c_concat(a, b, length), c, length);
    const std::uint32_t right = crc32c_concat(a, crc32c_concat(b, c, length), length * 2);
    REQUIRE(left == right);
  }
}

TEST_CASE("a flipped byte moves the checksum as recomputation would", "[crc32c]") {
  const EachKernel kernel;
  INFO(kernel.name());
  auto bytes = noise(5000);
  const std::uint32_t before = crc_bit_by_bit(bytes.data(), bytes.size());
  for (std::size_t at : {0u, 1u, 100u, 2500u, 4093u, 4991u, 4998u, 4999u}) {
    for (unsigned mask : {0x01u, 0x80u, 0xffu, 0x5au, 0x00u}) {
      bytes[at] ^= static_cast<std::byte>(mask);
      const std::uint32_t after = crc_bit_by_bit(bytes.data(), bytes.size());
      bytes[at] ^= static_cast<std::byte>(mask);
      REQUIRE(crc32c_flip(before, static_cast<std::uint8_t>(mask), bytes.size() - 1 - at) == after);
    }
  }
}

}  // namespace
