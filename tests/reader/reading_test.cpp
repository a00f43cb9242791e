// SPDX-License-Identifier: MIT
//
// Reading a file that belongs to somebody else: beside its writer, damaged, cut short, and without changing anything.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <vector>

#include "../torture/report.hpp"

using namespace rewal_test;

namespace {

void write(const std::string& path, const std::vector<std::byte>& image) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
}

std::vector<Lsn> replayed(const auto& reader, Lsn from = 0) {
  std::vector<Lsn> lsns;
  must(reader.replay(from, [&](const BorrowedEvent& event) { lsns.push_back(event.lsn); }));
  return lsns;
}

}  // namespace

TEST_CASE("a reader reads beside the log that writes, which is locked and goes on") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append_durable("one"));
  auto reader = must(Reader<>::open(dir.file("log")).build());
  CHECK(replayed(reader) == std::vector<Lsn>{1});
  must(wal.append_durable("two"));
  CHECK(replayed(reader).size() <= 2);
  must(reader.refresh());
  CHECK(replayed(reader) == std::vector<Lsn>{1, 2});
  CHECK(must(reader.examine()).verdict == Verdict::clean);
  must(wal.append_durable("three"));
  must(wal.shutdown());
  must(reader.refresh());
  CHECK(replayed(reader, 2) == std::vector<Lsn>{2, 3});
}

TEST_CASE("a reader takes no lock: the log can be opened while it reads, and it reads while the log is open") {
  const TempDir dir;
  { must(must(Wal<>::open(dir.file("log")).build()).append_durable("one")); }
  const auto reader = must(Reader<>::open(dir.file("log")).build());
  auto wal = Wal<>::open(dir.file("log")).build();
  REQUIRE(wal);
  CHECK(Reader<>::open(dir.file("log")).build());
  CHECK(replayed(reader) == std::vector<Lsn>{1});
}

TEST_CASE("where a frame is not whole yet, the end is the end") {
  const TempDir dir;
  const Log log = Log().event("one").event("two");
  for (std::size_t bytes = 37; bytes < log.image.size(); ++bytes) {
    auto image = log.image;
    image.resize(bytes);
    write(dir.file("log"), image);
    const auto reader = must(Reader<>::open(dir.file("log")).build());
    CHECK(replayed(reader) == std::vector<Lsn>{1});
    auto iterator = must(reader.iterator());
    CHECK(must(iterator.next())->lsn == 1);
    CHECK_FALSE(must(iterator.next()));
  }
}

TEST_CASE("a bounded reading of a file shows both bounds, in files with inversions too") {
  const auto reader = must(Reader<>::open(golden_path("rust-multiproducer")).build());
  std::uint64_t seen = 0;
  must(reader.replay(10, 20,
                     [&](const BorrowedEvent& event) { seen += event.lsn >= 10 && event.lsn <= 20 ? 1u : 100u; }));
  CHECK(seen == 11);
}

TEST_CASE("a file that is cut short while it is read ends earlier, and nothing dies") {
  const TempDir dir;
  Log log;
  for (int i = 0; i < 5000; ++i) log.event(std::string(100, 'x'));
  write(dir.file("log"), log.image);
  const auto reader = must(Reader<>::open(dir.file("log")).build());
  auto iterator = must(reader.iterator());
  CHECK(must(iterator.next()));
  std::filesystem::resize_file(dir.file("log"), 1000);
  while (must(iterator.next())) {
  }
  CHECK(must(reader.examine()).last_lsn < 5000);
}

TEST_CASE("a reader changes neither the bytes of a file nor its times, whatever is in it", "[figures]") {
  rewal_torture::Row row("G27", "files read without owning them", "files");
  const TempDir dir;
  const auto path = dir.file("log");
  for (const auto& image : {Log().event("one").event("two").zeros(4096).image, Log().event("one").text("torn").image,
                            Log().text("text").image}) {
    write(path, image);
    const auto time = std::filesystem::last_write_time(path);
    const auto reader = must(Reader<>::open(path).build());
    must(reader.examine());
    static_cast<void>(replayed(reader));
    for (const auto& frame : reader.frames()) CHECK(frame);
    CHECK(file_bytes(path) == image);
    CHECK(std::filesystem::last_write_time(path) == time);
    ++row.count;
    if (file_bytes(path) != image || std::filesystem::last_write_time(path) != time) ++row.violations;
  }
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("a file that is not there is an error of the system, and is not created") {
  const TempDir dir;
  const auto reader = Reader<>::open(dir.file("log")).build();
  REQUIRE_FALSE(reader);
  CHECK(reader.error().system() == std::errc::no_such_file_or_directory);
  CHECK_FALSE(std::filesystem::exists(dir.file("log")));
}

TEST_CASE("compressed frames are read with their compressor, and asked for without") {
  const auto plain = must(Reader<>::open(golden_path("rust-rle")).build());
  CHECK(plain.replay(1, [](const BorrowedEvent&) {}).error() == Errc::compressor_required);
  CHECK(must(plain.examine()).compressed_frames > 0);
  const auto reader = must(Reader<>::open(golden_path("rust-rle")).compressor(RunLength{}).build());
  CHECK(replayed(reader).size() == golden_events("rust-rle").size());
}

TEST_CASE("frames() shows each frame, goes on behind damage, and says so") {
  const TempDir dir;
  const Log log = Log().event("one").event("two").batch({{"three", ""}, {"four", ""}}, 2).zeros(100);
  auto image = log.image;
  image[50] ^= std::byte{1};
  write(dir.file("log"), image);
  std::vector<FrameInfo> frames;
  const auto reader = must(Reader<>::open(dir.file("log")).build());
  for (const auto& frame : reader.frames()) frames.push_back(must(frame));
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].validity == FrameValidity::valid);
  CHECK(frames[0].first_lsn == 1);
  CHECK(frames[1].validity == FrameValidity::damaged);
  CHECK(frames[1].offset == 37);
  CHECK(frames[1].size == 37);
  CHECK(frames[2].validity == FrameValidity::valid);
  CHECK(frames[2].offset == 74);
  CHECK(frames[2].first_lsn == 3);
  CHECK(frames[2].last_lsn == 4);
  CHECK(frames[2].count == 2);
  CHECK(frames[2].synced_before);
  std::size_t behind = 0;
  for (const auto& frame : reader.frames(74)) behind += frame ? 1u : 0u;
  CHECK(behind == 1);
}
