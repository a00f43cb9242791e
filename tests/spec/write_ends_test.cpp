// SPDX-License-Identifier: MIT
//
// Where a write ends: at multiples of a large power of two of the file where there is more to write than fits, inside a
// frame too; and what must not be seen of that: no fsync covers part of a frame, no closed file holds one.

#include <algorithm>
#include <atomic>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <rewal/wal.hpp>
#include <set>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/plain_decoder.hpp>
#include <support/recording_storage.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Disk = Blocking<RecordingStorage>;

Wal<Disk> open_on(const Disk& disk, std::uint64_t buffer_capacity, SyncMode mode = SyncMode::never) {
  return must(Wal<>::open("log").storage(disk).buffer_capacity(buffer_capacity).sync_mode(mode).build());
}

/// Appends `count` events behind a write that is held up, so that all of them are there when the next one begins.
template <class W>
void append_behind_a_held_write(W& wal, const Disk& disk, std::size_t count, std::size_t event_bytes) {
  Hold hold(disk.writes());
  must(wal.append("first"));
  hold.await_caller();
  for (std::size_t i = 0; i < count; ++i) must(wal.append(std::string(event_bytes + i % 7, 'e')));
}

/// The places where frames begin, and the end of the last one.
std::set<std::uint64_t> frame_ends(const std::vector<std::byte>& content) {
  std::set<std::uint64_t> ends{0};
  PlainDecoder decoder(content);
  while (decoder.frame()) ends.insert(decoder.position());
  return ends;
}

std::uint64_t end_of(const Operation& write) { return write.offset + write.taken; }

}  // namespace

TEST_CASE("where there is more to write than fits, writes end at multiples of a power of two") {
  const auto capacity = GENERATE(std::uint64_t{4096}, std::uint64_t{10'000}, std::uint64_t{64 * 1024});
  const Disk disk;
  auto wal = open_on(disk, capacity);
  append_behind_a_held_write(wal, disk, 3000, 100);
  must(wal.shutdown());
  const std::uint64_t alignment = std::bit_floor(capacity);
  const auto writes = disk.disk().operations(Op::write);
  REQUIRE(writes.size() > 3);
  std::size_t aligned = 0;
  for (const Operation& write : writes) {
    CHECK(write.bytes <= capacity);
    aligned += end_of(write) % alignment == 0;
  }
  CHECK(aligned + 3 >= writes.size());  // not the first two, which are the held one's, nor the last
  CHECK(aligned + 3 >= 3100 * 131 / capacity);
  const auto events = PlainDecoder(disk.disk().content()).all();
  REQUIRE(events.size() == 3001);
  for (std::size_t i = 0; i < events.size(); ++i) REQUIRE(events[i].lsn == i + 1);
}

TEST_CASE("a buffer smaller than a page is filled with whole frames") {
  const Disk disk;
  auto wal = open_on(disk, 4095);
  append_behind_a_held_write(wal, disk, 500, 100);
  must(wal.shutdown());
  const auto ends = frame_ends(disk.disk().content());
  for (const Operation& write : disk.disk().operations(Op::write)) {
    if (write.offset != 0) CHECK(ends.contains(end_of(write)));
  }
}

TEST_CASE("what fits into one write is one write, wherever it ends") {
  const Disk disk;
  auto wal = open_on(disk, 4096);
  must(wal.append(std::string(4000, 'a')));
  must(wal.flush());
  const std::size_t before = disk.disk().count(Op::write);
  for (int i = 0; i < 10; ++i) must(wal.append(std::string(300, 'b')));  // over the multiple of 4096
  must(wal.flush());
  CHECK(disk.disk().count(Op::write) == before + 1);
}

TEST_CASE("no fsync covers part of a frame, and the first frame after each is marked") {
  const Disk disk;
  auto wal =
      open_on(disk, 4096, GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(std::chrono::milliseconds(1))));
  const std::string payload(GENERATE(std::size_t{90}, std::size_t{1500}, std::size_t{3500}, std::size_t{9000}), 'p');
  together(3, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(300); ++i) {
      if (thread == 0 && i % 10 == 0) {
        must(wal.append_durable(payload));
      } else {
        must(wal.append(payload));
      }
    }
  });
  must(wal.shutdown());
  const std::vector<std::byte> content = disk.disk().content();
  const auto ends = frame_ends(content);
  REQUIRE(*ends.rbegin() == content.size());
  std::size_t partial = 0;
  for (const Operation& operation : disk.disk().operations()) {
    if (operation.op == Op::write) partial += !ends.contains(end_of(operation));
    if (operation.op != Op::sync || operation.offset <= 512 || operation.offset == content.size()) continue;
    REQUIRE(ends.contains(operation.offset));
    REQUIRE((content[static_cast<std::size_t>(operation.offset) + 6] & std::byte{2}) == std::byte{2});
  }
  CHECK(disk.disk().trespasses().empty());
  if (payload.size() == 90) CHECK(partial > 0);
}

TEST_CASE("a log that is closed between the parts of a frame holds whole frames alone") {
  for (std::uint64_t through = 0; through < 20; ++through) {
    const Disk disk;
    auto wal = open_on(disk, 4096);
    Hold hold(disk.writes());
    must(wal.append("first"));
    hold.await_caller();
    for (int i = 0; i < 300; ++i) must(wal.append(std::string(777, 'e')));
    for (std::uint64_t i = 0; i < through; ++i) hold.let_one_through();
    disk.writes().await_passed(through);
    auto closed = in_background([&] { return wal.close(); });
    hold.release();
    CHECK(outcome(closed));
    const std::vector<std::byte> content = disk.disk().content();
    const auto ends = frame_ends(content);
    CHECK(*ends.rbegin() == content.size());
    CHECK(wal.last_lsn() == ends.size() - 1);
  }
}

TEST_CASE("a frame that a storage does not let go is finished when the log is closed between its parts") {
  for (std::uint64_t through = 0; through < 20; ++through) {
    const RecordingStorage storage;
    const Disk disk(storage);
    auto wal = open_on(disk, 4096);
    storage.fail(Op::truncate, 1, 16, Fault::for_ever);  // as Windows does while the file is mapped
    Hold hold(disk.writes());
    must(wal.append("first"));
    hold.await_caller();
    for (int i = 0; i < 300; ++i) must(wal.append(std::string(777, 'e')));
    for (std::uint64_t i = 0; i < through; ++i) hold.let_one_through();
    disk.writes().await_passed(through);
    auto closed = in_background([&] { return wal.close(); });
    REQUIRE(eventually([&] { return wal.state() != State::running; }));
    storage.shorten(2, 100, Fault::for_ever);  // after the write that is held, so that finishing takes several
    hold.release();
    CHECK(outcome(closed));
    const auto ends = frame_ends(storage.content());
    CHECK(*ends.rbegin() == storage.content().size());
    CHECK(wal.last_lsn() == ends.size() - 1);
  }
}

TEST_CASE("a frame that a storage does not let go is finished when the close comes just before its next part") {
  struct BeforeWrite {
    std::shared_ptr<std::function<void()>> act = std::make_shared<std::function<void()>>();
    void before_write(std::size_t) { (*act)(); }
  };
  for (int number = 2; number < 20; ++number) {
    const RecordingStorage storage;
    const Disk disk(storage);
    const BeforeWrite hooks;
    auto wal = must(Wal<>::open("log").storage(disk).buffer_capacity(4096).hooks(hooks).build());
    storage.fail(Op::truncate, 1, 16, Fault::for_ever);
    int writes = 0;
    std::atomic<bool> is_between{false};
    *hooks.act = [&] {
      if (++writes != number) return;
      is_between = true;
      (void)eventually([&] { return wal.state() != State::running; });
    };
    append_behind_a_held_write(wal, disk, 300, 777);
    REQUIRE(eventually([&] { return is_between.load(); }));
    CHECK(wal.close());
    const auto ends = frame_ends(storage.content());
    CHECK(*ends.rbegin() == storage.content().size());
    CHECK(wal.last_lsn() == ends.size() - 1);
  }
}

TEST_CASE("space is reserved for the whole of a frame that a write ends in") {
  struct Reserving : RecordingStorage {
    struct Space {
      std::atomic<std::uint64_t> reserved{0};
      std::vector<std::pair<std::uint64_t, std::uint64_t>> at_writes;  // where a write ended, what was reserved then
    };
    std::shared_ptr<Space> space = std::make_shared<Space>();
    Result<void> preallocate(std::uint64_t size) {
      space->reserved = size;
      return {};
    }
    Result<std::size_t> write(Bytes bytes) {
      auto taken = RecordingStorage::write(bytes);
      space->at_writes.emplace_back(content().size(), space->reserved.load());
      return taken;
    }
  };
  static_assert(rewal::detail::PreallocatingStorage<Reserving>);
  const Reserving storage;
  auto wal = must(Wal<>::open("log").storage(storage).buffer_capacity(16 * 1024).preallocate(20'000).build());
  for (int i = 0; i < 300; ++i) must(wal.append(std::string(static_cast<std::size_t>(i % 2 == 0 ? 15'000 : 100), 'e')));
  must(wal.shutdown());
  const auto ends = frame_ends(storage.content());
  std::size_t inside = 0;
  for (const auto& [end, reserved] : storage.space->at_writes) {
    const std::uint64_t whole = *ends.lower_bound(end);
    inside += whole != end;
    REQUIRE(reserved >= whole);
  }
  CHECK(inside > 10);
}

TEST_CASE("an error between the parts of a frame leaves the whole frames before it readable") {
  for (std::uint64_t k = 1; k < 20; ++k) {
    const RecordingStorage storage;
    const Disk disk(storage);
    {
      auto wal = open_on(disk, 4096);
      storage.fail(Op::write, k, 5, Fault::for_ever);
      append_behind_a_held_write(wal, disk, 100, 777);
      CHECK(errno_of(wal.flush()) == 5);
      CHECK(wal.last_lsn() < 101);
      CHECK(frame_ends(storage.content()).size() >= wal.last_lsn() + 1);
    }
    const Lsn written = frame_ends(storage.content()).size() - 1;
    storage.start_afresh();
    auto again = open_on(disk, 4096);
    CHECK(again.last_lsn() == written);
    CHECK(storage.content().size() == *frame_ends(storage.content()).rbegin());
  }
}
