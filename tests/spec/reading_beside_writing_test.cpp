// SPDX-License-Identifier: MIT
//
// Readers beside a writer: whole frames, whole snapshots, never damage that is not there.

#include <atomic>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <memory>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

/// An event whose bytes follow from its number, so that any mixture shows.
std::string event_of(std::size_t number) {
  std::string event = std::to_string(number) + ":";
  const std::size_t length = number % 100 == 0 ? 200'000 : number % 7 * 400 + number % 13;
  event.resize(event.size() + length, static_cast<char>('a' + number % 26));
  return event;
}

struct OnFile {
  TempDir dir;
  auto open() { return must(Wal<>::open(dir.file("log")).preallocate(1 << 20).build()); }
};
struct OnGrowingFile {
  TempDir dir;
  auto open() { return must(Wal<>::open(dir.file("log")).preallocate(0).build()); }
};
struct InMemory {
  auto open() { return must(Wal<>::open("log").storage(MemoryStorage()).build()); }
};
/// A storage that takes a few bytes at a time, so that frames lie there half written.
struct InPieces {
  auto open() {
    const RecordingStorage disk;
    disk.shorten(2, 333, Fault::for_ever);
    return must(Wal<>::open("log").storage(disk).build());
  }
};

/// Reads from `from` to the end; what is wrong, or "sound".
template <class W>
std::string read(const W& wal, Lsn from) {
  const Lsn written = wal.last_lsn();
  auto it = must(wal.iterator(from));
  Lsn next = from;
  for (;;) {
    const auto event = it.next_borrowed();
    if (!event) return event.error().message();
    if (!*event) break;
    if ((*event)->lsn != next) return "LSN " + std::to_string((*event)->lsn) + " for " + std::to_string(next);
    if (as_text((*event)->payload) != event_of(next)) return "other bytes at " + std::to_string(next);
    ++next;
  }
  return next > written ? "sound" : "what was written before is missing";
}

}  // namespace

TEMPLATE_TEST_CASE("iterators and replays beside appends see whole events, up to what was written at least", "", OnFile,
                   OnGrowingFile, InMemory, InPieces) {
  TestType home;
  auto wal = home.open();
  const std::size_t events = volume(800);
  std::atomic<bool> stop{false};
  const auto keep_reading = [&](std::size_t which) {
    std::size_t round = 0;
    do {
      const Lsn last = wal.last_lsn();
      const Lsn from = which == 0 ? 1 : 1 + (last * (round++ % 10)) / 10;
      if (const std::string answer = read(wal, from); answer != "sound") return answer;
      Lsn expected = from;
      const auto handed = wal.replay(from, [&](const BorrowedEvent& e) {
        return e.lsn == expected && as_text(e.payload) == event_of(expected++);
      });
      if (!handed) return handed.error().message();
      if (from + *handed != expected) return std::string("replay shows something else");
    } while (!stop);
    return std::string("sound");
  };
  auto whole = in_background([&] { return keep_reading(0); });
  auto tail = in_background([&] { return keep_reading(1); });
  for (std::size_t i = 1; i <= events; ++i)
    must(i % 100 == 99 ? wal.append_durable(event_of(i)) : wal.append(event_of(i)));
  must(wal.flush());
  stop = true;
  CHECK(outcome(whole) == "sound");
  CHECK(outcome(tail) == "sound");
  CHECK(read(wal, 1) == "sound");
}

TEMPLATE_TEST_CASE("an iterator shows the snapshot of its beginning, however far the log has gone on", "", OnFile,
                   InMemory) {
  TestType home;
  auto wal = home.open();
  for (std::size_t i = 1; i <= 10; ++i) must(wal.append(event_of(i)));
  must(wal.flush());
  auto it = must(wal.iterator(1));
  for (std::size_t i = 11; i <= 20; ++i) must(wal.append(event_of(i)));
  must(wal.flush());
  std::size_t count = 0;
  for (const auto& event : it) {
    REQUIRE(event);
    REQUIRE(as_text(event->payload) == event_of(++count));
  }
  CHECK(count == 10);
  CHECK(lsns(wal).size() == 20);
}

TEST_CASE("what is queued and not written is not read") {
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append("written"));
  must(wal.flush());
  Hold hold(disk.writes());
  must(wal.append("queued"));
  hold.await_caller();
  CHECK(payloads(wal) == std::vector<std::string>{"written"});
  hold.release();
  must(wal.flush());
  CHECK(payloads(wal) == std::vector<std::string>{"written", "queued"});
}

TEST_CASE("reading waits neither for a blocked write nor for a blocked fsync") {
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append_durable("event"));
  Hold hold(disk.syncs());
  auto waiting = in_background([&] { return wal.append_durable("event"); });
  hold.await_caller();
  auto reading = in_background([&] { return payloads(wal).size(); });
  CHECK(outcome(reading) == 2);
  hold.release();
  CHECK(outcome(waiting));
}

TEST_CASE("an open iterator and its views do not keep shutdown or the lock waiting") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  for (std::size_t i = 1; i <= 100; ++i) must(wal.append(event_of(i)));
  must(wal.flush());
  auto it = must(wal.iterator(1));
  const auto event = must(it.next_borrowed());
  auto shut = in_background([&] { return wal.shutdown(); });
  CHECK(outcome(shut));
  auto again = must(Wal<>::open(dir.file("log")).build());
  CHECK(again.append_durable("next") == 101u);
  CHECK(as_text(event->payload) == event_of(1));
}

TEST_CASE("readers that run into shutdown get closed, not damage") {
  const TempDir dir;
  for (std::size_t round = 0; round < volume(24); ++round) {
    auto wal = std::make_unique<Wal<>>(must(Wal<>::open(dir.file("log")).build()));
    must(wal->append(std::string(1000, 'x')));
    must(wal->flush());
    std::vector<std::future<std::string>> readers;
    for (int i = 0; i < 2; ++i) {
      readers.push_back(in_background([&] {
        for (;;) {
          auto it = wal->iterator(1);
          if (!it) return said(it);
          for (const auto& event : *it) {
            if (!event) return said(event);
          }
        }
      }));
    }
    if (round % 2 == 0) must(wal->shutdown());
    if (round % 2 == 1) must(wal->close());
    for (auto& reader : readers) REQUIRE(outcome(reader) == "closed");
  }
}

TEST_CASE("a replay function may append, flush and read, and sees its own snapshot") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).build());
  for (std::size_t i = 0; i < 10; ++i) must(wal.append("event"));
  must(wal.flush());
  std::size_t handed = 0;
  must(wal.replay(1, [&](const BorrowedEvent&) {
    ++handed;
    must(wal.append("from inside"));
    must(wal.flush());
    CHECK(must(wal.iterator(1)).next()->has_value());
  }));
  CHECK(handed == 10);
  CHECK(wal.last_lsn() == 20);
}

TEST_CASE("reading from an LSN beyond the end shows nothing, and from 0 everything") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).build());
  CHECK(lsns(wal, 1).empty());
  for (std::size_t i = 0; i < 3; ++i) must(wal.append("event"));
  must(wal.flush());
  CHECK(lsns(wal, 0) == std::vector<Lsn>{1, 2, 3});
  CHECK(lsns(wal, 3) == std::vector<Lsn>{3});
  CHECK(lsns(wal, 4).empty());
  CHECK(lsns(wal, ~Lsn{0}).empty());
}

TEST_CASE("damage that comes while the log runs is corrupted with its offset, and is never the end") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).preallocate(0).build());
  for (int i = 0; i < 10; ++i) must(wal.append("event"));
  must(wal.flush());
  {
    std::fstream file(dir.file("log"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(5 * frame_bytes(5) + 30));
    file.put('X');
  }
  std::vector<std::string> seen;
  auto it = must(wal.iterator(1));
  for (const auto& event : it) seen.push_back(event ? std::to_string(event->lsn) : said(event));
  CHECK(seen == std::vector<std::string>{"1", "2", "3", "4", "5", "corrupted"});
  CHECK(it.err()->offset() == 5 * frame_bytes(5));
  CHECK(said(it.next()) == "corrupted");
  const auto replayed = wal.replay(1, [](const BorrowedEvent&) {});
  CHECK(said(replayed) == "corrupted");
}
