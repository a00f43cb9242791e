// SPDX-License-Identifier: MIT

#include <rewal/format/sparse_index.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

using rewal::Lsn;
using rewal::detail::SparseIndex;

namespace {

struct Framed {
  std::uint64_t offset;
  Lsn last;
};

/// Where a reader for `from` must begin at the latest.
std::uint64_t first_needed(const std::vector<Framed>& frames, Lsn from, std::uint64_t end) {
  for (const auto& frame : frames) {
    if (frame.last >= from) return frame.offset;
  }
  return end;
}

}  // namespace

TEST_CASE("An empty index, and one that has heard little, say: from the front", "[sparse_index]") {
  SparseIndex index;
  CHECK(index.seek(0) == 0);
  CHECK(index.seek(1) == 0);
  CHECK(index.seek(UINT64_MAX) == 0);
  index.frame(0, 1);
  index.frame(100, 2);
  CHECK(index.seek(2) == 0);
}

TEST_CASE("In order: never behind the event, and less than two strides before it", "[sparse_index]") {
  SparseIndex index;
  constexpr std::uint64_t frame_bytes = 500;
  constexpr Lsn frames = 100000;
  for (Lsn lsn = 1; lsn <= frames; ++lsn) index.frame((lsn - 1) * frame_bytes, lsn);
  for (Lsn from = 1; from <= frames; from += 37) {
    const std::uint64_t at = (from - 1) * frame_bytes;
    const std::uint64_t found = index.seek(from);
    REQUIRE(found <= at);
    REQUIRE(found % frame_bytes == 0);
    REQUIRE(at - found < 2 * SparseIndex::first_stride);
  }
  CHECK(index.seek(0) == 0);
  CHECK(index.seek(UINT64_MAX) > (frames - 200) * frame_bytes);
}

TEST_CASE("Out of order, with gaps and repeats: nothing that is wanted lies before the answer", "[sparse_index]") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20; ++round) {
    SparseIndex index;
    std::vector<Framed> frames;
    std::uint64_t offset = 0;
    Lsn base = 1;
    for (int i = 0; i < 3000; ++i) {
      base += random() % 4;
      const Lsn last = base + random() % 300;
      frames.push_back({offset, last});
      index.frame(offset, last);
      offset += 34 + random() % 3000;
    }
    for (int i = 0; i < 500; ++i) {
      const Lsn from = random() % (base + 400);
      REQUIRE(index.seek(from) <= first_needed(frames, from, offset));
    }
    CHECK(index.seek(base + 1000) > 0);
  }
}

TEST_CASE("However long the log, the index stays bounded and the answers right", "[sparse_index]") {
  SparseIndex index;
  constexpr std::uint64_t frame_bytes = 64 * 1024;
  constexpr Lsn frames = 1'000'000;  // 61 GiB
  for (Lsn lsn = 1; lsn <= frames; ++lsn) index.frame((lsn - 1) * frame_bytes, lsn);
  CHECK(index.memory_bytes() <= 2 * 1024 * 1024);
  for (Lsn from = 1; from <= frames; from += 997) {
    const std::uint64_t at = (from - 1) * frame_bytes;
    REQUIRE(index.seek(from) <= at);
    REQUIRE(at - index.seek(from) <= frames * frame_bytes / (SparseIndex::max_entries / 4));
  }
}

TEST_CASE("The highest possible LSN has a place", "[sparse_index]") {
  SparseIndex index;
  index.frame(0, UINT64_MAX - 1);
  index.frame(SparseIndex::first_stride, UINT64_MAX - 1);
  CHECK(index.seek(UINT64_MAX - 1) == 0);
  CHECK(index.seek(UINT64_MAX) == SparseIndex::first_stride);
}

TEST_CASE("The memory is that of all entries, once there is one", "[sparse_index]") {
  SparseIndex index;
  CHECK(index.memory_bytes() == 0);
  index.frame(SparseIndex::first_stride, 1);
  CHECK(index.memory_bytes() == SparseIndex::max_entries * 2 * sizeof(std::uint64_t));
}

TEST_CASE("The first frame that the index is told of may be the one to begin with", "[sparse_index]") {
  SparseIndex index;
  index.frame(SparseIndex::first_stride, 5);
  CHECK(index.seek(0) == 0);
  CHECK(index.seek(1) == SparseIndex::first_stride);
}

TEST_CASE("A full index keeps its first entry and every other one", "[sparse_index]") {
  SparseIndex index;
  for (Lsn i = 1; i <= SparseIndex::max_entries + 1; ++i) index.frame(i * SparseIndex::first_stride, i + 1);
  for (Lsn i = 1; i <= SparseIndex::max_entries; ++i) {
    const Lsn kept = i % 2 == 1 ? i : i - 1;
    REQUIRE(index.seek(i + 1) == kept * SparseIndex::first_stride);
  }
  for (Lsn i = SparseIndex::max_entries + 2; i < SparseIndex::max_entries + 20; ++i) {
    index.frame(i * SparseIndex::first_stride, i + 1);
    CHECK(index.seek(i + 1) > (i - 2) * SparseIndex::first_stride);
  }
}
