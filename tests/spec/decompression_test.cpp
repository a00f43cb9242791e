// SPDX-License-Identifier: MIT
//
// Reading compressed frames: without a compressor, with one that fails, and what is no record.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/wal.hpp>
#include <spec/scripted_compressor.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("a compressed log without its compressor says so, when an event is read and not before", "[compression]") {
  const ScriptedLog log(Kind::shrinks);
  {
    auto wal = log.open();
    for (char c = 'a'; c <= 'e'; ++c) must(wal.append(std::string(50, c)));  // 1 to 5, compressed
    log.told->kind = Kind::grows;
    for (char c = 'f'; c <= 'h'; ++c) must(wal.append(std::string(50, c)));  // 6 to 8, not
    must(wal.shutdown());
  }
  auto wal = must(Wal<>::open("log").storage(log.disk).build());
  CHECK(wal.last_lsn() == 8);
  CHECK(wal.recovery().events == 8);

  const auto replayed = read_from(wal, 0);
  CHECK(said(replayed) == "compressor_required");
  CHECK(replayed.error().offset() == 0);
  CHECK(replayed.error().lsn() == 1);
  const auto from_5 = read_from(wal, 5);
  CHECK(said(from_5) == "compressor_required");
  CHECK(from_5.error().lsn() == 5);
  CHECK(payloads(wal, 6) == std::vector<std::string>{std::string(50, 'f'), std::string(50, 'g'), std::string(50, 'h')});
  CHECK(must(read_from(wal, 9)) == 0);

  auto it = must(wal.iterator(3));
  CHECK(said(it.next()) == "compressor_required");
  CHECK(said(it.next_borrowed()) == "compressor_required");
  CHECK(it.err() == Errc::compressor_required);
  std::size_t elements = 0;
  auto range = must(wal.iterator(3));
  for (const auto& event : range) {
    ++elements;
    CHECK(said(event) == "compressor_required");
  }
  CHECK(elements == 1);

  CHECK(must(wal.append("goes on")) == 9);
  must(wal.flush());
  CHECK(payloads(wal, 9) == std::vector<std::string>{"goes on"});
}

TEST_CASE("frames below `from` are not decompressed", "[compression]") {
  const ScriptedLog log(Kind::shrinks);
  auto wal = log.open();
  for (int i = 0; i < 20; ++i) must(wal.append(std::string(100, 'x')));
  must(wal.flush());
  log.told->decompressed = 0;
  CHECK(must(read_from(wal, 18)) == 3);
  CHECK(log.told->decompressed == 3);
  auto it = must(wal.iterator(20));
  CHECK(must(it.next())->lsn == 20);
  CHECK(!must(it.next()));
  CHECK(log.told->decompressed == 4);
}

TEST_CASE("a reader's decompression fails or throws: corrupted, with its place, and the log goes on", "[compression]") {
  struct Breaking {
    bool throws;
    Result<void> compress(Bytes source, Buffer& target) const { return RunLength{}.compress(source, target); }
    Result<void> decompress(Bytes, Buffer&) const {
      if (throws) throw 1;
      return Error(Errc::short_write, "as it is");
    }
  };
  const bool throws = GENERATE(true, false);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).compressor(Breaking{throws}).build());
  must(wal.append("ab"));  // not compressed: 36 bytes
  must(wal.append(std::string(100, 'x')));
  must(wal.append("ab"));
  must(wal.flush());
  const auto replayed = read_from(wal, 1);
  CHECK(said(replayed) == (throws ? "corrupted" : "short_write"));
  CHECK(replayed.error().offset() == 36);
  CHECK(replayed.error().lsn() == 2);
  auto it = must(wal.iterator(1));
  CHECK(must(it.next())->lsn == 1);
  const auto bad = it.next();
  CHECK(said(bad) == said(replayed));
  CHECK(said(it.next()) == said(replayed));
  CHECK(must(read_from(wal, 3)) == 1);
  CHECK(must(wal.append("still")) == 4);
  must(wal.shutdown());
}

TEST_CASE("a frame that decompresses to anything but its records is corrupted", "[compression]") {
  const auto reads_as = [](const Image& records, std::uint32_t count, std::uint64_t most = 1 << 20) {
    Image region;
    must(RunLength{}.compress(records, region));
    Log image;
    image.add(Frame{.first_lsn = 1, .count = count, .flags = compressed, .region = region});
    MemoryStorage disk;
    must(disk.write(image.image));
    const auto opened = must(Wal<>::open("log").storage(disk).compressor(RunLength{}).max_frame_bytes(most).build());
    return said(read_from(opened, 0));
  };
  Image two;
  put_record(two, bytes_of("one"), bytes_of("m"));
  put_record(two, bytes_of("two"));
  CHECK(reads_as(two, 2) == "ok");
  CHECK(reads_as(two, 1) == "corrupted");
  CHECK(reads_as(two, 3) == "corrupted");
  CHECK(reads_as(two, 0xFFFF'FFFF) == "corrupted");
  for (std::size_t cut = 0; cut < two.size(); ++cut) {
    INFO("cut at " << cut);
    CHECK(reads_as(Image(two.begin(), two.begin() + std::ptrdiff_t(cut)), 2) == "corrupted");
  }
  Image longer = two;
  longer.push_back(std::byte{0});
  CHECK(reads_as(longer, 2) == "corrupted");
  CHECK(reads_as(Image{}, 1) == "corrupted");
  Image large;
  put_record(large, Image(5000));
  CHECK(reads_as(large, 1, 5006) == "ok");
  CHECK(reads_as(large, 1, 5005) == "corrupted");
}

TEST_CASE("many threads compress at once, and each event is its own", "[compression]") {
  const ScriptedLog log(Kind::shrinks);
  auto wal = log.open();
  const std::size_t rounds = volume(400);
  together(4, [&](std::size_t thread) {
    for (std::size_t i = 0; i < rounds; ++i) {
      must(wal.append_with_meta(std::string(i % 700, static_cast<char>('a' + thread)), std::to_string(thread)));
    }
  });
  must(wal.flush());
  std::vector<std::size_t> next(4, 0);
  for (const Event& event : events(wal)) {
    const std::size_t thread = std::stoul(text_of(*event.meta));
    CHECK(text_of(event.payload) == std::string(next[thread]++ % 700, static_cast<char>('a' + thread)));
  }
  CHECK(next == std::vector<std::size_t>(4, rounds));
}
