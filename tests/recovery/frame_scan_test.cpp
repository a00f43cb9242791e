// SPDX-License-Identifier: MIT
//
// FrameScan: whatever is in a file, several threads find what one does.

#include <rewal/recovery/frame_scan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <support/golden.hpp>
#include <support/log_image.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using detail::FrameScan;
using detail::ScanSettings;

namespace {

/// All that a scan tells: the walk's answer, where it stands, what is wrong there, and the numbers.
using Found = std::tuple<detail::Walk, std::uint64_t, detail::format::Validity, std::uint64_t, std::uint64_t,
                         std::uint64_t, std::uint64_t, std::uint64_t, Lsn, Lsn>;

/// `seeks` gets where the index begins to read, for every LSN up to a little more than the highest.
template <class Disk = MappedDisk>
Found scanned(const std::vector<std::byte>& image, ScanSettings settings, std::vector<std::uint64_t>* seeks = nullptr) {
  Disk disk(image);
  const detail::PolicyMarks log;
  detail::FrameCursor<Disk> cursor(detail::Source<Disk>(disk, &log, image.size()), 0);
  detail::SparseIndex index;
  FrameScan<Disk> scan(cursor, index, settings);
  const auto walk = scan.run();
  const auto& tally = scan.tally();
  for (Lsn lsn = 0; seeks != nullptr && lsn < tally.highest + 3; ++lsn) seeks->push_back(index.seek(lsn));
  CHECK(tally.end == cursor.offset());
  return {walk,       cursor.offset(),  cursor.validity(),       tally.frames, tally.events,
          tally.gaps, tally.inversions, tally.compressed_frames, tally.lowest, tally.highest};
}

/// Bytes that any number of threads may read.
struct ReadStorage {
  explicit ReadStorage(const std::vector<std::byte>& image) : bytes(image) {}
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const {
    const std::size_t count = (std::min)(into.size(), bytes.size() - static_cast<std::size_t>(offset));
    std::memcpy(into.data(), bytes.data() + offset, count);
    return count;
  }
  const std::vector<std::byte>& bytes;
};

constexpr ScanSettings one_thread{.most_threads = 1};

/// Several threads with segments of so many bytes.
ScanSettings segments_of(std::uint64_t bytes) {
  return {.most_threads = 3, .least_segment_bytes = bytes, .most_segments = 1'000'000, .also_unmapped = true};
}

void agrees(const std::vector<std::byte>& image) {
  const Found expected = scanned(image, one_thread);
  for (const std::uint64_t bytes : {4u, 20u, 37u, 100u, 333u, 1000u, 10'000u}) {
    CAPTURE(image.size(), bytes);
    CHECK(scanned(image, segments_of(bytes)) == expected);
    CHECK(scanned<ReadStorage>(image, segments_of(bytes)) == expected);
  }
}

/// Events, batches, large events, and payloads that hold frames of this very log, whole and torn.
Log mixed_log(std::mt19937& random) {
  Log log;
  for (int i = 0; i < 60; ++i) {
    switch (random() % 5) {
      case 0: log.event(std::string(random() % 2000, 'x')); break;
      case 1: log.batch({{"a", "b"}, {"", ""}, {std::string(random() % 300, 'y'), ""}}); break;
      case 2: log.event(as_text(Log(1 + random() % 1000).event("inside").event("another").image)); break;
      case 3: log.event(as_text(Log(random() % 100 + 1).event("torn").image).substr(0, 30)); break;
      default: log.event("small", "meta"); break;
    }
  }
  return log;
}

}  // namespace

TEST_CASE("Several threads find in a whole log what one finds", "[scan]") {
  std::mt19937 random(1);
  for (int i = 0; i < 30; ++i) agrees(mixed_log(random).image);
}

TEST_CASE("Several threads stop where one stops, at damage anywhere", "[scan]") {
  std::mt19937 random(2);
  for (int i = 0; i < 100; ++i) {
    auto image = mixed_log(random).image;
    image[random() % image.size()] ^= static_cast<std::byte>(1 + random() % 255);
    agrees(image);
  }
}

TEST_CASE("Several threads stop where one stops, at a torn end or at zeros", "[scan]") {
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    auto image = mixed_log(random).image;
    image.resize(random() % image.size());
    agrees(image);
    image.resize(image.size() + random() % 5000);
    agrees(image);
  }
}

TEST_CASE("Gaps and inversions of LSNs are counted by several threads as by one", "[scan]") {
  for (const auto& name : golden_names()) {
    CAPTURE(name);
    agrees(golden_image(name));
  }
  Log log;
  for (const Lsn lsn : {1u, 2u, 10u, 5u, 6u, 20u, 3u, 21u, 22u, 40u}) log.jump_to(lsn).event("event");
  agrees(log.image);
}

TEST_CASE("A file of nothing, of zeros or of text is scanned by several threads as by one", "[scan]") {
  agrees({});
  agrees(std::vector<std::byte>(5000));
  const std::string text(5000, 'E');
  agrees(Log().text(text).image);
  std::string letters;
  for (int i = 0; i < 8; ++i) letters += "EWAL";
  agrees(Log().text(letters).image);
}

TEST_CASE("An index made by several threads leads to no offset behind an event that is asked for", "[scan]") {
  Log log;
  std::vector<std::uint64_t> begins{0};
  for (int i = 0; i < 3000; ++i) {
    begins.push_back(log.image.size());
    log.event(std::string(100, 'x'));
  }
  std::vector<std::uint64_t> seeks;
  static_cast<void>(scanned(log.image, segments_of(150'000), &seeks));
  for (Lsn lsn = 1; lsn < begins.size(); ++lsn) {
    CAPTURE(lsn);
    CHECK(seeks[lsn] <= begins[lsn]);
    CHECK(begins[lsn] - seeks[lsn] < 2 * detail::SparseIndex::first_stride + 150'000);
  }
}
