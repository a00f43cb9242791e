// SPDX-License-Identifier: MIT

#include <rewal/read/source.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include <support/log_image.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using rewal::detail::Source;

namespace {

Image numbered(std::size_t size) {
  Image image(size);
  for (std::size_t i = 0; i < size; ++i) image[i] = static_cast<std::byte>(i * 7 + i / 251);
  return image;
}

bool same(Bytes bytes, const Image& image, std::size_t offset) {
  return offset + bytes.size() <= image.size() && std::memcmp(bytes.data(), image.data() + offset, bytes.size()) == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("Any bytes can be had, in any order and of any length", "[source]", MappedDisk, ReadDisk) {
  const Image image = numbered(50000);
  TestType disk(image);
  disk.state->most_per_read = 999;
  Source<TestType> source(disk, nullptr, image.size(), 1024);
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t offset = random() % image.size();
    const std::size_t least = 1 + random() % (std::min)(image.size() - offset, round % 10 == 0 ? image.size() : 2000);
    const Bytes bytes = source.at(offset, least);
    REQUIRE(bytes.size() >= least);
    REQUIRE(same(bytes, image, offset));
  }
  CHECK_FALSE(source.failed());
}

TEST_CASE("Bytes at hand are not read again, and a chunk comes with each read", "[source]") {
  const Image image = numbered(10000);
  ReadDisk disk(image);
  Source<ReadDisk> source(disk, nullptr, image.size(), 4096);
  for (std::size_t offset = 0; offset + 10 <= image.size(); offset += 10)
    CHECK(same(source.at(offset, 10), image, offset));
  CHECK(disk.state->reads <= 5);
}

TEST_CASE("A large request is read at once and its buffer shrinks back", "[source]") {
  const Image image = numbered(100000);
  ReadDisk disk(image);
  Source<ReadDisk> source(disk, nullptr, image.size(), 1024);
  CHECK(source.at(10, 90000).size() == 90000);
  CHECK(source.buffer_bytes() == 90000);
  CHECK(source.at(95000, 20).size() == 1024);
  CHECK(source.buffer_bytes() == 1024);
  CHECK(source.at(20, 90000).size() == 90000);
}

TEST_CASE("Nothing past the end is looked at, though the storage has more", "[source]") {
  const Image image = numbered(3000);
  ReadDisk disk(image);
  Source<ReadDisk> source(disk, nullptr, 2000);
  CHECK(source.at(1990, 10).size() == 10);
  CHECK(disk.state->largest_read <= 2000);
}

TEST_CASE("A mapping that fails, throws or has another length is replaced by reading", "[source]") {
  const Image image = numbered(3000);
  for (const bool throws : {false, true}) {
    MappedDisk disk(image);
    disk.state->before_call = [throws](const char* what) -> Result<void> {
      if (std::string_view(what) != "map") return {};
      if (throws) throw std::runtime_error("map");
      return io_error(ENOMEM);
    };
    Source<MappedDisk> source(disk, nullptr, image.size());
    CHECK(same(source.at(100, 200), image, 100));
    CHECK(disk.state->reads == 1);
  }
}

namespace {

/// A storage whose mappings cannot be looked at.
struct BlindMapping {
  [[nodiscard]] Bytes bytes() const { throw std::runtime_error("bytes"); }
};
struct BlindDisk : ReadDisk {
  using ReadDisk::ReadDisk;
  static Result<std::shared_ptr<const BlindMapping>> map(std::uint64_t) {
    return std::make_shared<const BlindMapping>();
  }
};
static_assert(detail::MappingStorage<BlindDisk>);

}  // namespace

namespace {

/// A storage whose mappings are not what was asked for: none at all, or a byte short.
struct OddMapping {
  Image image;
  [[nodiscard]] Bytes bytes() const { return image; }
};
struct OddDisk : ReadDisk {
  using ReadDisk::ReadDisk;
  [[nodiscard]] Result<std::shared_ptr<const OddMapping>> map(std::uint64_t size) const {
    if (maps_nothing) return std::shared_ptr<const OddMapping>();
    return std::make_shared<const OddMapping>(OddMapping{cut(state->content, static_cast<std::size_t>(size) - 1)});
  }
  bool maps_nothing = false;
};
static_assert(detail::MappingStorage<OddDisk>);

/// A storage that claims to have read more than it was asked for.
struct BoastingDisk : ReadDisk {
  using ReadDisk::ReadDisk;
  static Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t) { return into.size() + 1; }
};

}  // namespace

TEST_CASE("A mapping that is none, or of another length, is replaced by reading", "[source]") {
  const Image image = numbered(3000);
  for (const bool nothing : {false, true}) {
    OddDisk disk(image);
    disk.maps_nothing = nothing;
    Source<OddDisk> source(disk, nullptr, image.size());
    CHECK(same(source.at(2900, 100), image, 2900));
    CHECK(disk.state->reads == 1);
  }
}

TEST_CASE("A mapping whose bytes throw is replaced by reading", "[source]") {
  const Image image = numbered(3000);
  BlindDisk disk(image);
  Source<BlindDisk> source(disk, nullptr, image.size());
  CHECK(same(source.at(100, 200), image, 100));
}

TEST_CASE("An empty storage is never touched", "[source]") {
  MappedDisk disk;
  const Source<MappedDisk> source(disk, nullptr, 0);
  CHECK(disk.state->calls == 0);
}

TEST_CASE("A moved source goes on, a released one reads anew and holds no mapping", "[source]") {
  const Image image = numbered(3000);
  MappedDisk disk(image);
  Source<MappedDisk> first(disk, nullptr, image.size());
  Source<MappedDisk> source(std::move(first));
  CHECK(same(source.at(5, 100), image, 5));
  CHECK(disk.state->live_mappings == 1);
  source.release();
  CHECK(disk.state->live_mappings == 0);
  CHECK(same(source.at(5, 100), image, 5));
}

TEST_CASE("A failure tells where, and a later attempt may succeed", "[source]") {
  const Image image = numbered(3000);
  ReadDisk disk(image);
  Source<ReadDisk> source(disk, nullptr, image.size(), 1024);
  fail_call(*disk.state, 1);
  CHECK(source.at(50, 10).empty());
  CHECK(source.error().system().value() == EIO);
  CHECK(source.error().offset() == 50);
  CHECK(same(source.at(50, 10), image, 50));
}

TEST_CASE("An error that tells its own place keeps it", "[source]") {
  const Image image = numbered(3000);
  ReadDisk disk(image);
  Source<ReadDisk> source(disk, nullptr, image.size(), 1024);
  fail_call(*disk.state, 1, io_error(EIO).at_offset(77));
  CHECK(source.at(50, 10).empty());
  CHECK(source.error().offset() == 77);
}

TEST_CASE("A storage that claims to have read too much is believed nothing", "[source]") {
  BoastingDisk disk(numbered(3000));
  Source<BoastingDisk> source(disk, nullptr, 3000, 1024);
  CHECK(source.at(50, 10).empty());
  CHECK(source.error() == Errc::io);
  CHECK(source.error().offset() == 50);
}

TEST_CASE("More than can be addressed is not asked of the heap", "[source]") {
  ReadDisk disk(numbered(3000));
  Source<ReadDisk> source(disk, nullptr, UINT64_MAX);
  CHECK(source.at(0, UINT64_MAX - 1).empty());
  CHECK(source.error().system() == std::errc::not_enough_memory);
  CHECK(disk.state->reads == 0);
}
