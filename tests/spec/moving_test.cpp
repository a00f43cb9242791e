// SPDX-License-Identifier: MIT
//
// Moving and destroying logs and their iterators.

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Log = Wal<RecordingStorage>;

Log open_on(const RecordingStorage& disk) { return must(Wal<>::open("log").storage(disk).build()); }

}  // namespace

TEST_CASE("a log goes on where it is moved to, and what it was moved from is init") {
  const RecordingStorage disk;
  Log first = open_on(disk);
  must(first.append("1"));
  Log second = std::move(first);
  CHECK(first.state() == State::init);
  CHECK(said(first.append("x")) == "not_running");
  CHECK(said(first.flush()) == "not_running");
  CHECK(said(first.shutdown()) == "not_running");
  CHECK(said(first.close()) == "not_running");
  CHECK(second.append("2") == 2u);
  CHECK(second.flush());
  CHECK(payloads(second) == std::vector<std::string>{"1", "2"});
}

TEST_CASE("a log that was never opened is init") {
  Log none;
  CHECK(none.state() == State::init);
  CHECK(said(none.iterator(1)) == "not_running");
  CHECK(none.last_lsn() == 0);
}

TEST_CASE("moving neither writes nor syncs nor closes") {
  const RecordingStorage disk;
  Log wal = open_on(disk);
  must(wal.append_durable("event"));
  const auto before = disk.operations().size();
  Log moved = std::move(wal);
  Log again(std::move(moved));
  CHECK(disk.operations().size() == before);
}

TEST_CASE("assigning to a running log shuts it down first") {
  const RecordingStorage old_disk;
  const RecordingStorage new_disk;
  Log wal = open_on(old_disk);
  for (int i = 0; i < 100; ++i) must(wal.append("event"));
  wal = open_on(new_disk);
  CHECK(old_disk.sequence().ends_with("sync close"));
  CHECK(frames_in(old_disk.content()).back().last_lsn() == 100);
  CHECK(wal.append("first") == 1u);
  CHECK(wal.state() == State::running);
}

TEST_CASE("a file's lock moves with the log, and is free after an assignment to it") {
  const TempDir dir;
  Wal<> wal = must(Wal<>::open(dir.file("a")).build());
  Wal<> moved = std::move(wal);
  CHECK(said(Wal<>::open(dir.file("a")).build()) == "file_locked");
  moved = must(Wal<>::open(dir.file("b")).build());
  CHECK(Wal<>::open(dir.file("a")).build());
}

TEST_CASE("a log assigned to itself runs on") {
  const RecordingStorage disk;
  Log wal = open_on(disk);
  Log& itself = wal;
  wal = std::move(itself);
  CHECK(wal.state() == State::running);
  CHECK(wal.append_durable("event") == 1u);
}

TEST_CASE("two logs can be swapped") {
  const RecordingStorage disk_a;
  const RecordingStorage disk_b;
  Log a = open_on(disk_a);
  Log b = open_on(disk_b);
  must(a.append("in a"));
  std::swap(a, b);
  must(b.flush());
  CHECK(payloads(b) == std::vector<std::string>{"in a"});
  CHECK(a.append("in b") == 1u);
}

TEST_CASE("a moved-from log can be assigned to, and runs again") {
  Log wal = open_on(RecordingStorage());
  { const Log gone = std::move(wal); }
  wal = open_on(RecordingStorage());
  CHECK(wal.append_durable("event") == 1u);
}

TEST_CASE("logs live in containers") {
  std::vector<Log> logs;
  std::map<int, Log> by_number;
  for (int i = 0; i < 5; ++i) {
    logs.push_back(open_on(RecordingStorage()));
    by_number.emplace(i, open_on(RecordingStorage()));
    must(logs.back().append("event"));
  }
  for (auto& log : logs) CHECK(log.append_durable("again") == 2u);
  logs.erase(logs.begin() + 1);
  CHECK(logs[1].append("third") == 3u);
}

TEST_CASE("waiting threads are served by a log that was moved before they began") {
  const RecordingStorage disk;
  Log first = open_on(disk);
  must(first.append("1"));
  Log wal = std::move(first);
  std::atomic<int> durable{0};
  together(4, [&](std::size_t) { durable += wal.append_durable("event").has_value(); });
  CHECK(durable == 4);
}

TEST_CASE("an iterator survives the move of its log and goes on") {
  const RecordingStorage disk;
  Log wal = open_on(disk);
  for (int i = 0; i < 3; ++i) must(wal.append("event"));
  must(wal.flush());
  auto it = must(wal.iterator(1));
  CHECK(must(it.next())->lsn == 1);
  const Log moved = std::move(wal);
  CHECK(must(it.next())->lsn == 2);
  auto it_moved = std::move(it);
  CHECK(must(it_moved.next())->lsn == 3);
}

TEST_CASE("an iterator survives its log: what it showed stays, its next call is closed") {
  const TempDir dir;
  std::optional<Wal<>> wal(must(Wal<>::open(dir.file("log")).build()));
  for (int i = 0; i < 3; ++i) must(wal->append_with_meta(std::string(5000, 'p'), "meta"));
  must(wal->flush());
  auto it = must(wal->iterator(1));
  const auto event = must(it.next_borrowed());
  SECTION("shutdown") { must(wal->shutdown()); }
  SECTION("close") { must(wal->close()); }
  SECTION("destruction") { wal.reset(); }
  CHECK(as_text(event->payload) == std::string(5000, 'p'));
  CHECK(as_text(*event->meta) == "meta");
  CHECK(Wal<>::open(dir.file("log")).build());  // it blocks no lock
  CHECK(as_text(event->payload) == std::string(5000, 'p'));
  CHECK(said(it.next_borrowed()) == "closed");
  CHECK(said(it.next()) == "closed");
  CHECK(it.err()->code() == Errc::closed);
}

TEST_CASE("a range over an iterator whose log ends meanwhile ends with closed") {
  auto wal = std::make_unique<Log>(open_on(RecordingStorage()));
  for (int i = 0; i < 3; ++i) must(wal->append("event"));
  must(wal->flush());
  auto it = must(wal->iterator(1));
  std::vector<std::string> seen;
  for (const auto& event : it) {
    seen.push_back(event ? std::to_string(event->lsn) : said(event));
    wal.reset();
  }
  CHECK(seen == std::vector<std::string>{"1", "closed"});
}

TEST_CASE("an opened log that is never used, or used by one call alone, ends cleanly") {
  for (std::size_t round = 0; round < volume(200); ++round) {
    const RecordingStorage disk;
    {
      Log wal = open_on(disk);
      if (round % 2 != 0) must(wal.append("event"));
    }
    REQUIRE(frames_in(disk.content()).size() == round % 2);
  }
}
