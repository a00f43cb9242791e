// SPDX-License-Identifier: MIT
//
// Compression as a policy: every event comes back byte for byte, or its append is refused.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
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

struct Expected {
  std::vector<Event> events;
  std::uint64_t regions = 0;  // bytes of all records, uncompressed

  void add(Lsn lsn, const std::string& payload, const std::string& meta) {
    Event event{lsn, bytes_of(payload), std::nullopt};
    if (!meta.empty()) event.meta = bytes_of(meta);
    events.push_back(event);
    regions += 6 + payload.size() + meta.size();
  }
};

const std::vector<std::size_t> lengths{0, 1, 65534, 65535, 65536, 70000};
const std::vector<std::size_t> counts{1, 2, 17};

std::string content(std::size_t length, std::size_t which) {
  return std::string(length, static_cast<char>('a' + which % 26));
}

/// Appends one frame of `count` events; what it returns is what the log said.
template <class W>
Result<Lsn> append_frame(W& wal, std::size_t length, std::size_t count, bool by_batch, Expected& expected) {
  const Lsn first = expected.events.size() + 1;
  const std::string meta = length == 65536 ? std::string(65535, 'm') : std::string(length % 5, 'm');
  if (count == 1 && !by_batch) {
    const Result<Lsn> lsn = wal.append_with_meta(content(length, first), meta);
    if (lsn) expected.add(first, content(length, first), meta);
    return lsn;
  }
  Batch batch;
  for (std::size_t i = 0; i < count; ++i) batch.add_with_meta(content(length, first + i), meta);
  const Result<Lsn> lsn = wal.append_batch(batch);
  for (std::size_t i = 0; lsn && i < count; ++i) expected.add(first + i, content(length, first + i), meta);
  return lsn;
}

/// A row of the table for tests of every length, number and form.
struct Cells : rewal_torture::Row {
  Cells() : Row("G4", "{payload and meta lengths} x {events} x {compressor}", "frames") {}
};

/// Every length, number and form under one kind of compressor.
template <class W>
void append_all(W& wal, bool succeeds, Expected& expected, Cells& cells) {
  for (const std::size_t length : lengths) {
    for (const std::size_t count : counts) {
      for (const bool by_batch : {false, true}) {
        const auto before = expected.events.size();
        const Result<Lsn> lsn = append_frame(wal, length, count, by_batch, expected);
        ++cells.count;
        INFO(count << " events of " << length << " bytes");
        REQUIRE(lsn.has_value() == succeeds);
        if (lsn) CHECK(*lsn == before + count);
      }
    }
  }
}

std::uint64_t region_bytes(Bytes image) {
  std::uint64_t total = 0;
  for (const WrittenFrame& frame : frames_in(image)) total += frame.size - 28;
  return total;
}

bool all_compressed(Bytes image) {
  const auto frames = frames_in(image);
  return std::all_of(frames.begin(), frames.end(), [](const auto& frame) { return (frame.flags & 1) != 0; });
}

}  // namespace

// ---- byte for byte, or not at all ---------------------------------------------------------------------------------

TEST_CASE("without a compressor every event comes back byte for byte", "[compression][figures]") {
  Cells cells;
  const MemoryStorage disk;
  Expected expected;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  append_all(wal, true, expected, cells);
  must(wal.flush());
  CHECK(events(wal) == expected.events);
  must(wal.shutdown());
  CHECK(events(must(Wal<>::open("log").storage(disk).build())) == expected.events);
  CHECK(region_bytes(disk.bytes()) == expected.regions);
  CHECK(wal.stats().compressed_bytes == 0);
}

TEST_CASE("with a compressor every event comes back byte for byte", "[compression][figures]") {
  Cells cells;
  const Kind kind = GENERATE(Kind::shrinks, Kind::equals, Kind::grows);
  INFO("kind " << static_cast<int>(kind));
  const ScriptedLog log(kind);
  Expected expected;
  auto wal = log.open();
  append_all(wal, true, expected, cells);
  must(wal.flush());
  CHECK(events(wal) == expected.events);
  must(wal.shutdown());
  CHECK(events(log.open()) == expected.events);
  // Bytes that were not saved are not counted; those that were are, exactly.
  CHECK(wal.stats().compressed_bytes == expected.regions - region_bytes(log.disk.bytes()));
  CHECK((wal.stats().compressed_bytes > 0) == (kind == Kind::shrinks));
  CHECK(any_compressed(log.disk.bytes()) == (kind == Kind::shrinks));
}

TEST_CASE("an append whose compressor fails or throws takes no LSN and leaves no trace", "[compression][figures]") {
  Cells cells;
  const Kind kind = GENERATE(Kind::fails, Kind::throws);
  const ScriptedLog log(kind);
  Expected expected;
  auto wal = log.open();
  append_all(wal, false, expected, cells);
  CHECK(said(wal.append("x")) == (kind == Kind::fails ? "crc_mismatch" : "invalid_record"));
  CHECK(said(wal.append_durable("x")) == (kind == Kind::fails ? "crc_mismatch" : "invalid_record"));
  if (kind == Kind::fails) {
    CHECK(wal.append("x").error().message().find("the compressor fails") != std::string::npos);
    CHECK(!wal.append("x").error().lsn());
  }
  must(wal.flush());
  CHECK(said(wal.wait_durable(1)) == "invalid_lsn");
  CHECK(wal.last_lsn() == 0);
  CHECK(wal.stats().queue_len == 0);
  CHECK(log.disk.bytes().empty());
  CHECK(expected.events.empty());

  log.told->kind = Kind::shrinks;  // that append alone
  CHECK(must(wal.append("first")) == 1);
  must(wal.flush());
  CHECK(payloads(wal) == std::vector<std::string>{"first"});
}

TEST_CASE("kinds that change while the log runs mix in one file", "[compression][figures]") {
  Cells cells;
  const ScriptedLog log(Kind::shrinks);
  Expected expected;
  {
    auto wal = log.open();
    for (const std::size_t length : lengths) {
      for (const Kind kind : {Kind::shrinks, Kind::throws, Kind::grows, Kind::fails, Kind::equals}) {
        log.told->kind = kind;
        const bool succeeds = kind != Kind::throws && kind != Kind::fails;
        ++cells.count;
        CHECK(append_frame(wal, length, 2, true, expected).has_value() == succeeds);
      }
    }
    must(wal.shutdown());
  }
  CHECK(events(log.open()) == expected.events);
  CHECK(any_compressed(log.disk.bytes()));
  CHECK(!all_compressed(log.disk.bytes()));
}

TEST_CASE("frames that compress to next to nothing lie side by side in the queue", "[compression]") {
  struct ToNothing {  // 28 bytes a frame, the fewest there can be
    Result<void> compress(Bytes source, Buffer& target) const {
      if (source.size() != 6) target.insert(target.end(), source.begin(), source.end());
      return {};
    }
    Result<void> decompress(Bytes, Buffer& target) const {
      target.resize(target.size() + 6);
      return {};
    }
  };
  const MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).compressor(ToNothing{}).queue_bytes(1024).build());
  for (Lsn lsn = 1; lsn <= volume(4000); ++lsn) REQUIRE(must(wal.append("")) == lsn);
  must(wal.flush());
  CHECK(disk.bytes().size() == volume(4000) * 28);
  CHECK(lsns(wal).size() == volume(4000));
}

TEST_CASE("batches of very many events that compress to little keep their LSNs", "[compression][slow]") {
  struct Counting {  // a region of empty records, as their number
    Result<void> compress(Bytes source, Buffer& target) const {
      put(target, source.size(), 8);
      return {};
    }
    Result<void> decompress(Bytes source, Buffer& target) const {
      std::uint64_t size = 0;
      for (std::size_t i = 8; i-- > 0;) size = size << 8 | std::to_integer<std::uint64_t>(source[i]);
      target.resize(target.size() + static_cast<std::size_t>(size));
      return {};
    }
  };
  Batch batch;
  constexpr std::size_t events_per_frame = 200'000;
  for (std::size_t i = 0; i < events_per_frame; ++i) batch.add("");
  const MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).compressor(Counting{}).queue_bytes(1 << 20).build());
  const std::size_t frames = sanitized ? 20 : 200;
  for (std::size_t i = 1; i <= frames; ++i) REQUIRE(must(wal.append_batch(batch)) == i * events_per_frame);
  must(wal.flush());
  CHECK(wal.last_lsn() == frames * events_per_frame);
  CHECK(wal.stats().events_written == frames * events_per_frame);
}

// ---- when a frame is stored compressed ----------------------------------------------------------------------------

TEST_CASE("a frame that compression does not shrink is stored as it is, bit 0 clear", "[compression]") {
  // Run-length makes two bytes of each run: a region of 6 + n bytes with r runs shrinks when 2r < 6 + n.
  struct Case {
    std::string payload;
    bool shrinks;
  };
  // Headers: length (1 byte and three zeros), two zeros of meta: 01 | 00 00 00 00 00 -> 2 runs.
  const std::vector<Case> cases{{"ab", false},        // 8 bytes, 4 runs: 8, no gain
                                {"aab", true},        // 9 bytes, 4 runs: 8
                                {"abcdefgh", false},  // 14 bytes, 10 runs
                                {"aaaaaaaa", true}};
  for (const Case& c : cases) {
    INFO(c.payload);
    const ScriptedLog log(Kind::shrinks);
    auto wal = log.open();
    must(wal.append(c.payload));
    must(wal.shutdown());
    CHECK(any_compressed(log.disk.bytes()) == c.shrinks);
    CHECK(payloads(log.open()) == std::vector<std::string>{c.payload});
    if (!c.shrinks) CHECK(payloads(must(Wal<>::open("log").storage(log.disk).build())).size() == 1);
  }
}

TEST_CASE("compressed_bytes counts what is saved, dropped and refused appends not", "[compression]") {
  const ScriptedLog log(Kind::shrinks);
  auto wal = log.open();
  must(wal.append(std::string(100, 'x')));  // 106 bytes of records become 3 pairs: 64 00.. is 'd' | five zeros | x
  CHECK(wal.stats().compressed_bytes == 100);
  log.told->kind = Kind::fails;
  CHECK(!wal.append(std::string(100, 'x')));
  CHECK(wal.stats().compressed_bytes == 100);
  must(wal.flush());
  CHECK(wal.stats().bytes_written == 28 + 6);
  CHECK(wal.stats().file_size == 28 + 6);
}

TEST_CASE("the frame limit holds for what is appended, not for what becomes of it", "[compression]") {
  const auto told = std::make_shared<CompressorScript>();
  told->kind = Kind::shrinks;
  const MemoryStorage disk;
  auto wal = must(
      Wal<>::open("log").storage(disk).compressor(ScriptedCompressor{told}).max_frame_bytes(28 + 6 + 1000).build());
  CHECK(wal.append(std::string(1000, 'x')));
  CHECK(said(wal.append(std::string(1001, 'x'))) == "invalid_record");
  must(wal.flush());
  CHECK(payloads(wal).size() == 1);  // what may be appended may be read
}
