// SPDX-License-Identifier: MIT
//
// Compressed logs: what goes in comes out byte for byte or was never there; what shrinking is worth; files that other
// implementations compressed; and the golden files written again byte for byte.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <torture/report.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Buffer = std::vector<std::byte>;

// ---- compressors of every kind ------------------------------------------------------------------------------------

enum class Kind : std::uint8_t { none, shrinks, equals, grows, fails, throws };

struct Told {
  Kind kind;
  std::atomic<std::uint64_t> decompressed{0};  // calls
};

/// Behaves as the test says, and may change its mind while the log runs. All but `shrinks` stores the bytes inverted.
struct Moody {
  std::shared_ptr<Told> told;

  Result<void> compress(Bytes source, Buffer& target) const {
    switch (told->kind) {
      case Kind::shrinks: return RunLength{}.compress(source, target);
      case Kind::equals: target.insert(target.end(), source.begin(), source.end()); return {};
      case Kind::grows:
        target.insert(target.end(), source.begin(), source.end());
        target.resize(target.size() + 1 + source.size() / 2);
        return {};
      case Kind::fails: target.resize(3); return Error(Errc::crc_mismatch, "the compressor is in a bad mood");
      case Kind::throws: target.resize(3); throw std::runtime_error("the compressor is in a worse mood");
      case Kind::none: break;
    }
    throw std::logic_error("there is no compressor here");
  }
  Result<void> decompress(Bytes source, Buffer& target, std::size_t most) const {
    ++told->decompressed;
    return RunLength{}.decompress(source, target, most);
  }
};

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

bool any_compressed(Bytes image) {
  const auto frames = frames_in(image);
  return std::any_of(frames.begin(), frames.end(), [](const auto& frame) { return (frame.flags & 1) != 0; });
}
bool all_compressed(Bytes image) {
  const auto frames = frames_in(image);
  return std::all_of(frames.begin(), frames.end(), [](const auto& frame) { return (frame.flags & 1) != 0; });
}

/// A log in memory with that compressor.
struct MoodyLog {
  explicit MoodyLog(Kind kind) { told->kind = kind; }
  auto open() const { return must(Wal<>::open("log").storage(disk).compressor(Moody{told}).build()); }

  std::shared_ptr<Told> told = std::make_shared<Told>();
  MemoryStorage disk;
};

template <class W>
Result<std::uint64_t> read_from(const W& wal, Lsn from) {
  return wal.replay(from, [](const BorrowedEvent&) {});
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
  const MoodyLog log(kind);
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
  const MoodyLog log(kind);
  Expected expected;
  auto wal = log.open();
  append_all(wal, false, expected, cells);
  CHECK(said(wal.append("x")) == (kind == Kind::fails ? "crc_mismatch" : "invalid_record"));
  CHECK(said(wal.append_durable("x")) == (kind == Kind::fails ? "crc_mismatch" : "invalid_record"));
  if (kind == Kind::fails) {
    CHECK(wal.append("x").error().message().find("bad mood") != std::string::npos);
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
  const MoodyLog log(Kind::shrinks);
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
    const MoodyLog log(Kind::shrinks);
    auto wal = log.open();
    must(wal.append(c.payload));
    must(wal.shutdown());
    CHECK(any_compressed(log.disk.bytes()) == c.shrinks);
    CHECK(payloads(log.open()) == std::vector<std::string>{c.payload});
    if (!c.shrinks) CHECK(payloads(must(Wal<>::open("log").storage(log.disk).build())).size() == 1);
  }
}

TEST_CASE("compressed_bytes counts what is saved, dropped and refused appends not", "[compression]") {
  const MoodyLog log(Kind::shrinks);
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
  const auto told = std::make_shared<Told>();
  told->kind = Kind::shrinks;
  const MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).compressor(Moody{told}).max_frame_bytes(28 + 6 + 1000).build());
  CHECK(wal.append(std::string(1000, 'x')));
  CHECK(said(wal.append(std::string(1001, 'x'))) == "invalid_record");
  must(wal.flush());
  CHECK(payloads(wal).size() == 1);  // what may be appended may be read
}

// ---- reading ------------------------------------------------------------------------------------------------------

TEST_CASE("a compressed log without its compressor says so, when an event is read and not before", "[compression]") {
  const MoodyLog log(Kind::shrinks);
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
  const MoodyLog log(Kind::shrinks);
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
  const MoodyLog log(Kind::shrinks);
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

// ---- what other implementations compressed ------------------------------------------------------------------------

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
