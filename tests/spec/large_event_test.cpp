// SPDX-License-Identifier: MIT
//
// How an event larger than the queue gets in, and what waits meanwhile.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <rewal/wal.hpp>
#include <spec/full_queue.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <vector>

using namespace rewal_test;

namespace {

using Log = Wal<BlockingStorage>;

}  // namespace

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
