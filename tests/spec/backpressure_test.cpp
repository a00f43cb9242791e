// SPDX-License-Identifier: MIT
//
// What the queue holds, and what happens when it is full, in each mode.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <memory>
#include <rewal/wal.hpp>
#include <spec/full_queue.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>

using namespace rewal_test;

namespace {

using Log = Wal<BlockingStorage>;

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
