// SPDX-License-Identifier: MIT
//
// The file format as others see it: bytes written by hand, the files of the reference implementations, and a second
// decoder that knows flag bit 0 alone.

#include <rewal/format/format.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <rewal/storage/file_storage.hpp>

#include <support/golden.hpp>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/plain_decoder.hpp>
#include <support/temp_dir.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

using namespace rewal_test;

namespace {

/// Opens the golden file with this compressor and reads it back.
template <class Disk, class C>
void require_golden(const std::string& name, C compressor) {
  rewal_torture::Row row("G12", "files of the reference implementations, event for event", "events");
  const Image image = golden_image(name);
  Disk disk(image);
  const auto opened = open(disk, Recovery::strict, 1, compressor);
  REQUIRE(opened.ok());
  const auto expected = golden_events(name);
  const auto events = read_all(opened.iterator(0));
  REQUIRE(events);
  CHECK(*events == expected);
  row.count += events->size();
  CHECK(opened.report().events == expected.size());
  CHECK(opened.report().kept_bytes == image.size());
  CHECK(disk.state->content == image);
  const Lsn highest = std::max_element(expected.begin(), expected.end(), [](const Event& a, const Event& b) {
                        return a.lsn < b.lsn;
                      })->lsn;
  CHECK(opened.result->last_lsn == highest);
  for (const Lsn from : {Lsn{1}, highest / 2, highest - 1, highest, highest + 1}) {
    std::vector<Event> tail;
    std::copy_if(expected.begin(), expected.end(), std::back_inserter(tail),
                 [&](const Event& e) { return e.lsn >= from; });
    CHECK(*read_all(opened.iterator(from)) == tail);
  }
}

template <class C>
PlainDecoder::Inflate inflate_with(C compressor) {
  return [compressor](const Image& from) -> std::optional<Image> {
    Image to;
    Result<void> done;
    if constexpr (detail::DecompressesBounded<const C>) {
      done = compressor.decompress(from, to, std::size_t{1} << 28);
    } else {
      done = compressor.decompress(from, to);
    }
    return done ? std::optional(to) : std::nullopt;
  };
}

}  // namespace

TEST_CASE("The worked example of the format, byte for byte", "[format]") {
  const Image frame = from_hex(
      "4557414c"
      "0200"
      "0000"
      "01000000"
      "0100000000000000"
      "24000000"
      "02000000"
      "0000"
      "6869"
      "a233e83d");
  CHECK(Log().event("hi").image == frame);
  const auto checked = detail::format::check_frame(frame);
  CHECK(checked.validity == detail::format::Validity::valid);
  CHECK(checked.header.first_lsn == 1);
  CHECK(checked.header.count == 1);
  CHECK(checked.header.size == 36);
  const auto events = read_all(open(MappedDisk(frame)).iterator(0));
  CHECK(*events == std::vector<Event>{{1, bytes_of("hi"), std::nullopt}});
}

TEST_CASE("A batch with meta, byte for byte", "[format]") {
  const Image frame = from_hex(
      "4557414c"
      "0200"
      "0200"
      "03000000"
      "0500000000000000"
      "35000000"
      "03000000"
      "0200"
      "6d6d"
      "616263"
      "00000000"
      "0000"
      "02000000"
      "0000"
      "7879"
      "c51d6f53");
  CHECK(Log(5).batch({{"abc", "mm"}, {"", ""}, {"xy", ""}}, synced_before).image == frame);
  const auto events = read_all(open(MappedDisk(frame)).iterator(0));
  CHECK(*events == std::vector<Event>{
                       {5, bytes_of("abc"), bytes_of("mm")}, {6, {}, std::nullopt}, {7, bytes_of("xy"), std::nullopt}});
}

TEMPLATE_TEST_CASE("Files of the reference implementations are read event for event", "[format][golden][figures]",
                   MappedDisk, ReadDisk) {
  for (const auto* name : {"rust-basic", "rust-random", "rust-multiproducer", "rust-dropgaps", "go-basic"}) {
    CAPTURE(name);
    require_golden<TestType>(name, NoCompressor());
  }
  require_golden<TestType>("rust-rle", RunLength());
#if REWAL_TEST_ZLIB
  require_golden<TestType>("go-zlib", Zlib());
#endif
}

TEST_CASE("The second decoder reads them as well", "[format][golden]") {
  for (const auto* name : {"rust-basic", "rust-random", "rust-multiproducer", "rust-dropgaps", "go-basic"}) {
    CHECK(PlainDecoder(golden_image(name)).all() == golden_events(name));
  }
  CHECK(PlainDecoder(golden_image("rust-rle"), inflate_with(RunLength())).all() == golden_events("rust-rle"));
}

TEST_CASE("Golden files report their gaps and inversions", "[format][golden]") {
  const auto report = [](const char* name) { return open(MappedDisk(golden_image(name))).report(); };
  CHECK(report("rust-basic").gaps == 0);
  CHECK(report("rust-basic").inversions == 0);
  CHECK(report("rust-dropgaps").gaps > 0);
  CHECK(report("rust-dropgaps").inversions == 0);
  CHECK(report("rust-multiproducer").inversions > 0);
}

TEST_CASE("Compressed golden files open without their compressor and read as compressor_required, not as empty",
          "[format][golden]") {
  for (const auto* name : {"rust-rle", "go-zlib"}) {
    const auto opened = open(MappedDisk(golden_image(name)));
    REQUIRE(opened.ok());
    CHECK(opened.report().events == golden_events(name).size());
    CHECK(read_all(opened.iterator(0)).error() == Errc::compressor_required);
  }
}

TEST_CASE("A golden file on disk is read through the mapping, and left as it is", "[format][golden]") {
  const TempDir dir;
  const Image image = golden_image("rust-random");
  const auto path = dir / "log.wal";
  {
    auto storage = FileStorage::open(path);
    REQUIRE(storage);
    REQUIRE(storage->write(image));
    REQUIRE(storage->close());
  }
  auto storage = FileStorage::open(path);
  REQUIRE(storage);
  auto opened = open(std::move(*storage));
  REQUIRE(opened.ok());
  CHECK(*read_all(opened.iterator(0)) == golden_events("rust-random"));
  REQUIRE(opened.shared->storage.close());
  CHECK(file_bytes(path.string()) == image);
}

TEST_CASE("Flag bit 1 changes nothing for a decoder that knows bit 0 alone", "[format]") {
  Log with, without;
  for (int group = 0; group < 4; ++group) {
    with.some(5, group > 0 ? synced_before : std::uint16_t{0});
    without.some(5);
  }
  CHECK(with.image != without.image);
  CHECK(PlainDecoder(with.image).all() == without.events);
  CHECK(*read_all(open(MappedDisk(with.image)).iterator(0)) == without.events);
}

TEST_CASE("Every combination of the known flags is a frame", "[format]") {
  const auto flags = static_cast<std::uint16_t>(GENERATE(range(0, 4)));
  Image region;
  put_record(region, bytes_of("x"));
  Image stored;
  if ((flags & compressed) != 0) {
    REQUIRE(RunLength().compress(region, stored));
  } else {
    stored = region;
  }
  const Image image = Frame{.flags = flags, .region = stored}.image();
  const auto opened = open(MappedDisk(image), Recovery::repair, 1, RunLength());
  REQUIRE(opened.ok());
  CHECK(read_all(opened.iterator(0))->size() == 1);
}

TEST_CASE("Library and second decoder agree on golden files with random damage", "[format]") {
  std::mt19937 random(7);
  for (const auto* name : {"rust-basic", "rust-random", "go-basic", "rust-dropgaps"}) {
    const Image golden = golden_image(name);
    for (int round = 0; round < 40; ++round) {
      Image image = golden;
      const std::size_t at = 8 + random() % (image.size() - 8);
      if (round % 4 == 0) {
        image.resize(at);
      } else {
        image[at] ^= static_cast<std::byte>(1 + random() % 255);
      }
      PlainDecoder decoder(image);
      const auto expected = decoder.all();
      const auto judged = judge_image(image);
      REQUIRE(judged.ok());
      CHECK(judged.content().size() == decoder.position());
      CHECK(*read_all(judged.opened.iterator(0)) == expected);
    }
  }
}
