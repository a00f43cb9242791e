// SPDX-License-Identifier: MIT

#include <rewal/recovery/range_checksums.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <random>

#include <support/log_image.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using rewal::detail::RangeChecksums;
using rewal::detail::Source;

namespace {

Image random_bytes(std::size_t size) {
  std::mt19937 random(3);
  Image image(size);
  for (std::byte& byte : image) byte = static_cast<std::byte>(random());
  return image;
}

}  // namespace

TEMPLATE_TEST_CASE("Ranges that begin later and later are checksummed from few kept prefixes", "[checksums]",
                   MappedDisk, ReadDisk) {
  constexpr std::size_t longest = 10'000;
  constexpr std::size_t begin = 77;
  const Image image = random_bytes(300'000);
  TestType disk(image);
  Source<TestType> source(disk, nullptr, image.size(), 4096);
  RangeChecksums<TestType, longest> checksums(source, begin);
  std::mt19937 random(9);
  const auto check = [&](std::size_t from, std::size_t to) {
    const auto sum = checksums.of(from, to);
    REQUIRE(sum);
    REQUIRE(*sum == detail::crc32c(0, image.data() + from, to - from));
  };
  for (std::size_t from = begin; from < image.size(); from += random() % 700) {
    check(from, from + (std::min)(image.size() - from, random() % 4 == 0 ? longest : random() % longest));
    const std::size_t earlier = from - random() % (std::min)(longest, from - begin + 1);
    check(earlier, from);
  }
  check(image.size() - 5000, image.size());
  check(image.size(), image.size());
}

TEST_CASE("A range behind a gap far wider than what is kept is checksummed too", "[checksums]") {
  constexpr std::size_t longest = 4'000;
  const Image image = random_bytes(200'000);
  MappedDisk disk(image);
  Source<MappedDisk> source(disk, nullptr, image.size());
  RangeChecksums<MappedDisk, longest> checksums(source, 0);
  for (const std::size_t from : {0u, 1u, 150'001u, 196'000u}) {
    CHECK(checksums.of(from, from + longest) == detail::crc32c(0, image.data() + from, longest));
  }
}

TEST_CASE("A checksum is found where it is stored, and another one is not", "[checksums]") {
  Image image = random_bytes(5000);
  poke(image, 4200, 0xFEDC'BA98, 4);
  MappedDisk disk(image);
  Source<MappedDisk> source(disk, nullptr, image.size());
  RangeChecksums<MappedDisk> checksums(source, 0);
  CHECK(checksums.is_stored_at(4200, 0xFEDC'BA98) == true);
  CHECK(checksums.is_stored_at(4200, 0xFEDC'BA99) == false);
}

TEST_CASE("A storage that fails while ranges are read gives no checksum", "[checksums]") {
  ReadDisk disk(Image(50'000));
  Source<ReadDisk> source(disk, nullptr, 50'000, 4096);
  RangeChecksums<ReadDisk> checksums(source, 0);
  disk.state->before_call = [](const char*) { return Result<void>(io_error(EIO)); };
  CHECK_FALSE(checksums.of(10, 40'000).has_value());
  CHECK_FALSE(checksums.of(10, 20).has_value());
  CHECK_FALSE(checksums.is_stored_at(10, 0).has_value());
  CHECK(source.error().system().value() == EIO);
}
