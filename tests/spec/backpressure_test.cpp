// SPDX-License-Identifier: MIT
//
// What the queue holds, what happens when it is full, in each mode, and how an event larger than the queue gets in.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <memory>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Log = Wal<BlockingStorage>;

auto on(const BlockingStorage& disk, Backpressure mode) { return Wal<>::open("log").storage(disk).backpressure(mode); }

std::string event_of_frame(std::size_t bytes) { return std::string(bytes - frame_bytes(0), 'x'); }

/// Appends until one is refused; how many were accepted.
template <class W>
std::size_t fill(W& wal, const std::string& event) {
  for (std::size_t accepted = 0;; ++accepted) {
    const auto lsn = wal.append(event);
    if (!lsn || *lsn == 0) return accepted;
  }
}

struct CountingDrops {
  std::shared_ptr<std::atomic<std::size_t>> events = std::make_shared<std::atomic<std::size_t>>(0);
  std::shared_ptr<std::atomic<std::size_t>> calls = std::make_shared<std::atomic<std::size_t>>(0);
  void on_drop(std::size_t count) {
    *events += count;
    ++*calls;
  }
};

Batch of_three() {
  Batch batch;
  for (const char* text : {"1", "2", "3"}) batch.add(text);
  return batch;
}

std::size_t events_in(const BlockingStorage& disk) {
  Lsn next = 1;
  for (const WrittenFrame& frame : frames_in(disk.disk().bytes())) {
    if (frame.first_lsn != next) throw std::runtime_error("a gap or an inversion at LSN " + std::to_string(next));
    next = frame.last_lsn() + 1;
  }
  return next - 1;
}

}  // namespace

// ---- how much -------------------------------------------------------------------------------------------------------

TEST_CASE("exactly queue_capacity frames are accepted, the write in progress included") {
  const std::size_t capacity = GENERATE(1u, 2u, 3u, 7u, 64u, 1000u);
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_capacity(capacity).build());
  Hold hold(disk.writes());
  must(wal.append("in progress"));
  hold.await_caller();
  CHECK(fill(wal, "event") == capacity - 1);
  CHECK(said(wal.append("event")) == "queue_full");
  CHECK(wal.stats().queue_len == capacity);
}

TEST_CASE("exactly queue_bytes of frames are accepted, the write in progress included") {
  const std::size_t capacity = GENERATE(34u, 64u, 99u, 100u, 101u, 1000u, 4096u, 65'537u);
  const std::size_t frame = GENERATE(34u, 35u, 47u, 64u, 99u);
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_bytes(capacity).build());
  const Hold hold(disk.writes());
  // Where one frame is over the bytes, one is accepted all the same.
  CHECK(fill(wal, event_of_frame(frame)) == std::max<std::size_t>(1, capacity / frame));
}

TEST_CASE("bytes are counted exactly round after round, at every place of the ring") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_bytes(1000).build());
  for (std::size_t round = 0; round < volume(100); ++round) {
    const std::size_t frame = 34 + round % 90;
    const Hold hold(disk.writes());
    REQUIRE(fill(wal, event_of_frame(frame)) == 1000 / frame);
    disk.writes().open();
    must(wal.flush());
  }
}

TEST_CASE("a batch is one frame of the queue, and its bytes count") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_capacity(2).build());
  const Hold hold(disk.writes());
  CHECK(wal.append_batch(of_three()) == 3u);
  CHECK(wal.append_batch(of_three()) == 6u);
  CHECK(said(wal.append_batch(of_three())) == "queue_full");
}

TEST_CASE("room comes back when a write is finished, not before") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_capacity(2).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  hold.await_caller();
  must(wal.append("2"));
  CHECK(said(wal.append("3")) == "queue_full");
  hold.let_one_through();
  CHECK(eventually([&] { return wal.last_lsn() == 1; }));
  CHECK(wal.append("3") == 3u);
  CHECK(said(wal.append("4")) == "queue_full");
}

// ---- block --------------------------------------------------------------------------------------------------------

TEST_CASE("in block mode an append waits for room and then has the next LSN") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::block).queue_capacity(2).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  must(wal.append("2"));
  auto blocked = in_background([&] { return wal.append("3"); });
  CHECK(stays_pending(blocked));
  hold.release();
  CHECK(outcome(blocked) == 3u);
}

TEST_CASE("in block mode nothing is lost, however small the queue and however many the producers") {
  const std::size_t capacity = GENERATE(1u, 2u, 5u);
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::block).queue_capacity(capacity).build());
  const std::size_t each = volume(400);
  together(6, [&](std::size_t) {
    for (std::size_t i = 0; i < each; ++i) must(wal.append("event"));
  });
  CHECK(wal.shutdown());
  CHECK(events_in(disk) == 6 * each);
  CHECK(wal.stats().drops == 0);
}

// ---- drop ---------------------------------------------------------------------------------------------------------

TEST_CASE("in drop mode a full queue gives LSN 0, counts the events and tells on_drop") {
  const BlockingStorage disk;
  const CountingDrops drops;
  auto wal = must(on(disk, Backpressure::drop).queue_capacity(1).hooks(drops).build());
  Hold hold(disk.writes());
  must(wal.append("kept"));
  CHECK(wal.append("dropped") == 0u);
  CHECK(wal.append_with_meta("dropped", "m") == 0u);
  CHECK(wal.append_batch(of_three()) == 0u);
  CHECK(*drops.events == 5);
  CHECK(*drops.calls == 3);
  CHECK(wal.stats().drops == 5);
  hold.release();
  must(wal.flush());
  CHECK(wal.append("next") == 2u);
}

TEST_CASE("a durable append is never dropped: a full queue is queue_full in drop mode too") {
  const BlockingStorage disk;
  const CountingDrops drops;
  auto wal = must(on(disk, Backpressure::drop).queue_capacity(1).hooks(drops).build());
  const Hold hold(disk.writes());
  must(wal.append("kept"));
  CHECK(said(wal.append_durable("x")) == "queue_full");
  CHECK(said(wal.append_durable_with_meta("x", "m")) == "queue_full");
  CHECK(said(wal.append_batch_durable(of_three())) == "queue_full");
  CHECK(wal.stats().drops == 0);
  CHECK(*drops.calls == 0);
}

TEST_CASE("in drop mode what is wrong is refused, not dropped") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::drop).queue_capacity(1).max_frame_bytes(1000).build());
  const Hold hold(disk.writes());
  must(wal.append("kept"));
  CHECK(said(wal.append(std::string(1000, 'x'))) == "invalid_record");
  CHECK(said(wal.append_batch(Batch())) == "empty_batch");
  CHECK(wal.stats().drops == 0);
}

TEST_CASE("dropped and written events add up, and those written have no gap") {
  const BlockingStorage disk;
  const CountingDrops drops;
  auto wal = must(on(disk, Backpressure::drop).queue_capacity(3).hooks(drops).build());
  std::atomic<std::size_t> accepted{0};
  const std::size_t each = volume(4000);
  together(4, [&](std::size_t) {
    for (std::size_t i = 0; i < each; ++i) accepted += must(wal.append("event")) != 0;
  });
  must(wal.shutdown());
  CHECK(events_in(disk) == accepted);
  CHECK(wal.stats().drops == 4 * each - accepted);
  CHECK(*drops.events == 4 * each - accepted);
}

// ---- error --------------------------------------------------------------------------------------------------------

TEST_CASE("in error mode a full queue is queue_full for every kind of append, and takes no LSN") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_capacity(1).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  CHECK(said(wal.append("x")) == "queue_full");
  CHECK(said(wal.append_with_meta("x", "m")) == "queue_full");
  CHECK(said(wal.append_batch(of_three())) == "queue_full");
  CHECK(said(wal.append_durable("x")) == "queue_full");
  hold.release();
  must(wal.flush());
  CHECK(wal.append("2") == 2u);
}

// ---- an event larger than the queue -------------------------------------------------------------------------------

TEST_CASE("an event larger than the queue is accepted when it stands alone") {
  const auto mode = GENERATE(Backpressure::block, Backpressure::drop, Backpressure::error);
  const BlockingStorage disk;
  Log wal = must(on(disk, mode).queue_bytes(1000).build());
  const std::string large(100'000, 'L');
  CHECK(wal.append(large) == 1u);
  must(wal.flush());
  CHECK(wal.append_durable(large) == 2u);
  CHECK(wal.append("small") == 3u);
  must(wal.flush());
  CHECK(payloads(wal) == std::vector<std::string>{large, large, "small"});
}

TEST_CASE("a batch larger than the queue is accepted whole when it stands alone") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_bytes(1000).build());
  Batch batch;
  for (int i = 0; i < 100; ++i) batch.add("12345678901234567890");
  CHECK(wal.append_batch(batch) == 100u);
  must(wal.flush());
  CHECK(wal.append("next") == 101u);
}

TEST_CASE("while an event larger than the queue is in flight everything else finds the queue full") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::error).queue_bytes(1000).build());
  Hold hold(disk.writes());
  CHECK(wal.append(std::string(5000, 'L')) == 1u);
  CHECK(wal.stats().queue_len == 1);
  CHECK(said(wal.append("small")) == "queue_full");
  CHECK(said(wal.append(std::string(5000, 'L'))) == "queue_full");
  hold.release();
  must(wal.flush());
  CHECK(wal.append("small") == 2u);
}

TEST_CASE("an event larger than the queue does not fit beside a small one") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::drop).queue_bytes(1000).build());
  Hold hold(disk.writes());
  CHECK(wal.append("small") == 1u);
  CHECK(wal.append(std::string(5000, 'L')) == 0u);
  CHECK(wal.stats().drops == 1);
  CHECK(wal.append("small") == 2u);
}

TEST_CASE("in block mode an event larger than the queue waits until it is alone, and later ones queue behind it") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::block).queue_bytes(1000).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  hold.await_caller();
  auto large = in_background([&] { return wal.append(std::string(5000, 'L')); });
  CHECK(stays_pending(large));
  auto behind = in_background([&] { return wal.append("3"); });
  CHECK(stays_pending(behind));
  hold.release();
  CHECK(outcome(large) == 2u);
  CHECK(outcome(behind) == 3u);
}

TEST_CASE("an event that needs most of the queue is not starved by small ones") {
  const std::size_t size = GENERATE(900u, 5000u);
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::block).queue_bytes(1000).build());
  std::atomic<bool> stop{false};
  auto small = in_background([&] {
    together(3, [&](std::size_t) {
      while (!stop) must(wal.append("small"));
    });
  });
  for (int i = 0; i < 20; ++i) CHECK(wal.append(std::string(size, 'L')));
  stop = true;
  outcome(small);
}

TEST_CASE("small events queue behind one that waits for most of the queue, although there is room for them") {
  const std::size_t size = GENERATE(900u, 5000u);
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::block).queue_bytes(1000).build());
  Hold hold(disk.writes());
  must(wal.append(std::string(200, 's')));
  hold.await_caller();
  auto large = in_background([&] { return wal.append(std::string(size, 'L')); });
  CHECK(stays_pending(large));
  auto small = in_background([&] { return wal.append("small"); });
  CHECK(stays_pending(small));
  hold.release();
  CHECK(outcome(large) == 2u);
  CHECK(outcome(small) == 3u);
}

TEST_CASE("large and small events from several threads all arrive, in LSN order, in every mode") {
  const auto mode = GENERATE(Backpressure::block, Backpressure::drop, Backpressure::error);
  const BlockingStorage disk;
  Log wal = must(on(disk, mode).queue_bytes(1000).queue_capacity(8).build());
  std::atomic<std::size_t> accepted{0};
  std::atomic<std::size_t> refused{0};
  const std::size_t each = volume(400);
  together(4, [&](std::size_t thread) {
    for (std::size_t i = 0; i < each; ++i) {
      const bool large = (i + thread) % 5 == 0;
      const auto lsn = wal.append(large ? std::string(1500 + i, 'L') : std::string(i % 300, 's'));
      if (lsn && *lsn != 0) {
        ++accepted;
      } else {
        refused += lsn || lsn.error() == Errc::queue_full;
      }
    }
  });
  must(wal.shutdown());
  CHECK(events_in(disk) == accepted);
  CHECK(accepted + refused == 4 * each);
  if (mode == Backpressure::block) CHECK(refused == 0);
}

TEST_CASE("in a queue of one byte every event stands alone and all arrive") {
  const BlockingStorage disk;
  Log wal = must(on(disk, Backpressure::block).queue_bytes(1).build());
  together(3, [&](std::size_t) {
    for (std::size_t i = 0; i < volume(100); ++i) must(wal.append("event"));
  });
  must(wal.shutdown());
  CHECK(events_in(disk) == 3 * volume(100));
}
