// SPDX-License-Identifier: MIT
//
// Compressed logs that other implementations wrote, read and written again.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <rewal/wal.hpp>
#include <spec/scripted_compressor.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;

namespace {

template <class C>
void reads_golden(const std::string& name, C compressor) {
  MemoryStorage disk;
  must(disk.write(golden_image(name)));
  const std::vector<Event> expected = golden_events(name);
  REQUIRE(!expected.empty());
  const auto wal = must(Wal<>::open(name).storage(disk).compressor(compressor).build());
  CHECK(events(wal) == expected);
  auto it = must(wal.iterator(0));
  for (const Event& event : expected) CHECK(must(it.next()) == event);
  CHECK(!must(it.next()));
  const auto middle = std::ptrdiff_t(expected.size() / 2);
  CHECK(events(wal, expected[std::size_t(middle)].lsn) ==
        std::vector<Event>(expected.begin() + middle, expected.end()));
  CHECK(any_compressed(disk.bytes()));
  CHECK(said(read_from(must(Wal<>::open(name).storage(disk).build()), 0)) == "compressor_required");
}

/// Appends the events of a golden file in its own frames: singles one by one, the others as batches.
template <class W>
void write_again(W& wal, const std::string& name) {
  const Image image = golden_image(name);
  std::vector<Event> left = golden_events(name);
  auto next = left.begin();
  for (const WrittenFrame& frame : frames_in(image)) {
    const auto meta = [&]() -> Bytes { return next->meta ? Bytes(*next->meta) : Bytes{}; };
    if (frame.count == 1) {
      REQUIRE(next->lsn == frame.first_lsn);
      CHECK(must(wal.append_with_meta(next->payload, meta())) == frame.first_lsn);
      ++next;
      continue;
    }
    Batch batch;
    for (std::uint32_t i = 0; i < frame.count; ++i, ++next) batch.add_with_meta(next->payload, meta());
    CHECK(must(wal.append_batch(batch)) == frame.last_lsn());
  }
  CHECK(next == left.end());
}

Bytes frame_in(const Image& image, const WrittenFrame& frame) {
  return Bytes(image).subspan(static_cast<std::size_t>(frame.offset), frame.size);
}

/// Where two images part; none where they are the same.
std::optional<std::size_t> first_difference(const Image& a, const Image& b) {
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (in_a == a.end() && in_b == b.end()) return std::nullopt;
  return static_cast<std::size_t>(in_a - a.begin());
}

/// The bytes as the references write them. A new log that grows beyond its first sector fsyncs that sector before, so
/// its first frame after that may say so: one at most, and nowhere else, since nobody asks for an fsync here.
Image without_sync_mark(Bytes bytes) {
  Image image(bytes.begin(), bytes.end());
  std::size_t marks = 0;
  for (const WrittenFrame& frame : frames_in(bytes)) {
    if (!frame.synced_before()) continue;
    ++marks;
    CHECK(frame.offset > 0);
    CHECK(frame.offset <= 512);
    const auto at = static_cast<std::size_t>(frame.offset);
    poke(image, at + At::flags, std::uint64_t{frame.flags} - synced_before, 2);
    reseal(image, at, frame.size);
  }
  CHECK(marks <= 1);
  return image;
}

}  // namespace

TEST_CASE("rust-rle.wal is read through a run-length compressor, event for event", "[compression][golden]") {
  reads_golden("rust-rle", RunLength{});
}

#if REWAL_TEST_ZLIB
TEST_CASE("go-zlib.wal is read through zlib, event for event", "[compression][golden]") {
  reads_golden("go-zlib", Zlib{});
}
#endif

TEST_CASE("the uncompressed, contiguous golden files are written again byte for byte",
          "[compression][golden][figures]") {
  rewal_torture::Row row("G12", "files of the reference implementations, written again byte for byte", "files");
  const std::string name = GENERATE(std::string("rust-basic"), std::string("rust-random"), std::string("go-basic"));
  INFO(name);
  const MemoryStorage disk;
  auto wal = must(Wal<>::open(name).storage(disk).build());
  write_again(wal, name);
  must(wal.shutdown());
  CHECK(first_difference(without_sync_mark(disk.bytes()), golden_image(name)) == std::nullopt);
  ++row.count;
}

// The reference stores what compression did not shrink as well; here it is stored as it is. All else is the same.
TEST_CASE("the run-length golden file is written again, frame by frame and byte for byte where compression shrank",
          "[compression][golden][figures]") {
  rewal_torture::Row row("G12", "frames of a compressed file, written again byte for byte", "frames");
  const MemoryStorage disk;
  auto wal = must(Wal<>::open("rle").storage(disk).compressor(RunLength{}).build());
  write_again(wal, "rust-rle");
  must(wal.shutdown());
  const Image ours = without_sync_mark(disk.bytes());
  const Image golden = golden_image("rust-rle");
  const auto our_frames = frames_in(ours);
  const auto golden_frames = frames_in(golden);
  REQUIRE(our_frames.size() == golden_frames.size());
  std::size_t unshrunk = 0;
  for (std::size_t i = 0; i < our_frames.size(); ++i) {
    INFO("frame " << i);
    ++row.count;
    Image plain;
    must(RunLength{}.decompress(frame_in(golden, golden_frames[i]).subspan(24, golden_frames[i].size - 28), plain,
                                1 << 20));
    if (plain.size() <= golden_frames[i].size - 28) {
      ++unshrunk;
      CHECK(our_frames[i].flags == 0);
      CHECK(as_text(frame_in(ours, our_frames[i]).subspan(24, plain.size())) == as_text(plain));
    } else {
      CHECK(as_text(frame_in(ours, our_frames[i])) == as_text(frame_in(golden, golden_frames[i])));
    }
  }
  CHECK(unshrunk == 2);
}
