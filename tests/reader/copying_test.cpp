// SPDX-License-Identifier: MIT
//
// Copies of logs: whole or absent, checked on the way, never in the place of something else.

#include <atomic>
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
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <vector>

#include "../torture/report.hpp"

using namespace rewal_test;

namespace {

void write(const std::string& path, const std::vector<std::byte>& image) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
}

std::size_t files_in(const TempDir& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

}  // namespace

TEST_CASE("a copy of a live log holds what was durable when it began, and opens under every policy", "[figures]") {
  rewal_torture::Row row("G28", "copies beside four producers", "copies");
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  std::atomic<bool> stop{false};
  std::vector<std::thread> producers;
  for (int i = 0; i < 4; ++i) {
    producers.emplace_back([&] {
      while (!stop) must(wal.append_durable(std::string(300, 'x')));
    });
  }
  for (int i = 0; i < 20; ++i) {
    const Lsn durable = wal.durable_lsn();
    const auto path = dir.file("copy" + std::to_string(i));
    const Lsn last = must(wal.copy_to(path));
    const auto copy = must(Wal<>::open(path).recovery(Recovery::strict).build());
    ++row.count;
    if (last < durable || copy.last_lsn() != last || copy.recovery().events != last) ++row.violations;
    CHECK(last >= durable);
    CHECK(copy.last_lsn() == last);
    CHECK(copy.recovery().events == last);
  }
  stop = true;
  for (auto& producer : producers) producer.join();
}

TEST_CASE("what is written and not durable is not in a copy") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append_durable("durable"));
  must(wal.append("written"));
  must(wal.flush());
  CHECK(must(wal.copy_to(dir.file("copy"))) == 1);
  CHECK(must(must(Reader<>::open(dir.file("copy")).build()).examine()).events == 1);
}

TEST_CASE("a copy of an empty log is an empty log") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  CHECK(must(wal.copy_to(dir.file("copy"))) == 0);
  CHECK(std::filesystem::file_size(dir.file("copy")) == 0);
  CHECK(Wal<>::open(dir.file("copy")).recovery(Recovery::strict).build());
}

TEST_CASE("a copy never takes the place of a file, and leaves none behind where it fails") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append_durable("event"));
  write(dir.file("taken"), Log().text("mine").image);
  const auto refused = wal.copy_to(dir.file("taken"));
  CHECK(refused.error().system() == std::errc::file_exists);
  CHECK(file_bytes(dir.file("taken")) == Log().text("mine").image);
  CHECK(wal.copy_to(dir.file("missing") + "/copy").error() == Errc::io);
  CHECK(files_in(dir) == 2);
}

TEST_CASE("a copy may have the longest name that the file system allows") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  must(wal.append_durable("event"));
  for (const std::size_t length : {247u, 248u, 254u, 255u}) {
    CAPTURE(length);
    CHECK(wal.copy_to(dir.file(std::string(length, 'c'))));
  }
  CHECK(wal.copy_to(dir.file(std::string(256, 'c'))).error().system() == std::errc::filename_too_long);
  CHECK(files_in(dir) == 5);
}

TEST_CASE("damage on the way is corrupted with its offset, and there is no copy") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  for (int i = 0; i < 10; ++i) must(wal.append_durable("event"));
  {
    std::fstream file(dir.file("log"), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(100).put('!');
  }
  const auto copy = wal.copy_to(dir.file("copy"));
  REQUIRE_FALSE(copy);
  CHECK(copy.error() == Errc::corrupted);
  CHECK(copy.error().offset() == 2u * frame_bytes(5));
  CHECK(files_in(dir) == 1);
}

TEST_CASE("a closed log makes no copy, and a log in its own storage makes one in a file") {
  const TempDir dir;
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).build());
  must(wal.append_durable("event"));
  CHECK(must(wal.copy_to(dir.file("copy"))) == 1);
  CHECK(must(Wal<>::open(dir.file("copy")).build()).last_lsn() == 1);
  must(wal.shutdown());
  CHECK(wal.copy_to(dir.file("another")).error() == Errc::closed);
  CHECK(Wal<>().copy_to(dir.file("another")).error() == Errc::not_running);
}

TEST_CASE("a reader copies what is whole before the first bad frame") {
  const TempDir dir;
  const Log log = Log().event("one").event("two");
  auto image = log.image;
  image.resize(image.size() - 2);
  write(dir.file("log"), image);
  const auto reader = must(Reader<>::open(dir.file("log")).build());
  CHECK(must(reader.copy_to(dir.file("copy"))) == 1);
  CHECK(must(Wal<>::open(dir.file("copy")).recovery(Recovery::strict).build()).last_lsn() == 1);
}

TEST_CASE("a salvage holds every whole frame, those behind damage too, and tells what it left out") {
  const TempDir dir;
  auto image = Log().event("one").event("two").event("three", "", 2).event("four").zeros(1000).image;
  image[10] ^= std::byte{1};
  write(dir.file("log"), image);
  const auto reader = must(Reader<>::open(dir.file("log")).build());
  const Salvage salvage = must(reader.salvage_to(dir.file("salvaged")));
  CHECK(salvage.frames == 3);
  CHECK(salvage.events == 3);
  CHECK(salvage.last_lsn == 4);
  CHECK(salvage.left_out_bytes == 37);
  CHECK(salvage.left_out_places == 1);
  CHECK(file_bytes(dir.file("log")) == image);
  auto wal = must(Wal<>::open(dir.file("salvaged")).recovery(Recovery::strict).build());
  CHECK(wal.first_lsn() == 2);
  CHECK(wal.last_lsn() == 4);
}

TEST_CASE("a salvage whose first frame spoke of an fsync before it still opens as a log") {
  const TempDir dir;
  auto image = Log().event("one").event("two", "", 2).image;
  image[10] ^= std::byte{1};
  write(dir.file("log"), image);
  CHECK(must(must(Reader<>::open(dir.file("log")).build()).salvage_to(dir.file("salvaged"))).frames == 1);
  CHECK((file_bytes(dir.file("salvaged"))[6] & std::byte{2}) == std::byte{0});
  CHECK(must(Wal<>::open(dir.file("salvaged")).recovery(Recovery::strict).build()).last_lsn() == 2);
}
