// SPDX-License-Identifier: MIT

#include <rewal/recovery/bad_frame.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>

#include <support/log_image.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using rewal::detail::BadFrame;
using rewal::detail::RangeChecksums;
using rewal::detail::Source;
namespace format = rewal::detail::format;

namespace {

/// Zeros, but for a few pieces.
struct SparseDisk {
  std::map<std::uint64_t, Image> pieces;

  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    std::fill(into.begin(), into.end(), std::byte{0});
    for (const auto& [at, bytes] : pieces) {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (at + i >= offset && at + i - offset < into.size())
          into[static_cast<std::size_t>(at + i - offset)] = bytes[i];
      }
    }
    return into.size();
  }
};

/// A bad frame at offset 0 of `disk`.
template <class S>
struct Bench {
  Bench(S storage, std::uint64_t size)
      : disk(std::move(storage)),
        stream(disk, nullptr, size),
        probe(disk, nullptr, size),
        checksums(probe, 0),
        bad(stream, checksums, 0) {}

  S disk;
  Source<S> stream;
  Source<S> probe;
  RangeChecksums<S> checksums;
  BadFrame<S> bad;
};

}  // namespace

TEST_CASE("A compressed bad frame ends where it says, whatever begins at its end, behind it, or in its first bytes",
          "[damage]") {
  Log log;
  log.add({.count = 9, .flags = compressed, .region = Image(100, std::byte{7})})
      .event("whole", "", synced_before)
      .some(3);
  log.image[50] ^= std::byte{1};
  Bench bench(ReadDisk(log.image), log.image.size());
  REQUIRE(bench.bad.believe(0, format::load_header(log.image.data())));
  for (const std::uint64_t at :
       {std::uint64_t{5}, std::uint64_t{27}, std::uint64_t{60}, std::uint64_t{128}, std::uint64_t{140}}) {
    CHECK(bench.bad.ask_whole_frame(at));
    CHECK(bench.bad.end() == 128);
  }
  CHECK(bench.bad.next_lsn() == 10);
}

TEST_CASE("A compressed bad frame whose size is damaged ends where its checksum is right", "[damage]") {
  Log log;
  log.add({.count = 9, .flags = compressed, .region = Image(100, std::byte{7})}).some(3);
  poke(log.image, At::size, 150, 4);
  Bench bench(ReadDisk(log.image), log.image.size());
  REQUIRE(bench.bad.believe(0, format::load_header(log.image.data())));
  CHECK(bench.bad.end() == 150);
  CHECK(bench.bad.ask_whole_frame(128));
  CHECK(bench.bad.end() == 128);
}

TEST_CASE("Records of more bytes than a frame can have are no frame's", "[damage]") {
  constexpr std::uint64_t length = std::uint64_t{3} << 30;
  const auto record = [] {
    Image header;
    put(header, length, 4);
    put(header, 0, 2);
    return header;
  };
  Image frame = Frame{.count = 2}.image();
  SparseDisk disk;
  disk.pieces[0] = cut(frame, 24);
  disk.pieces[24] = record();
  disk.pieces[24 + 6 + length] = record();
  Bench bench(disk, 3 * length);
  REQUIRE(bench.bad.believe(0, format::load_header(frame.data())));
  CHECK(bench.bad.end() <= 28);  // as the header says, or nothing
}
