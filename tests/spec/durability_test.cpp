// SPDX-License-Identifier: MIT
//
// last_lsn and durable_lsn, and what each mode fsyncs unasked.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <rewal/wal.hpp>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

using namespace rewal_test;

TEST_CASE("last_lsn is what the storage has, not what was assigned") {
  const Disk disk;
  auto wal = must(on(disk).build());
  Hold hold(disk.writes());
  must(wal.append("event"));
  hold.await_caller();
  CHECK(wal.last_lsn() == 0);
  hold.release();
  must(wal.flush());
  CHECK(wal.last_lsn() == 1);
}

TEST_CASE("durable_lsn rises when the fsync has finished, not before") {
  const Disk disk;
  auto wal = must(on(disk).build());
  must(wal.append("event"));
  must(wal.flush());
  CHECK(wal.durable_lsn() == 0);
  Hold hold(disk.syncs());
  auto sync = in_background([&] { return wal.sync(); });
  hold.await_caller();
  CHECK(wal.durable_lsn() == 0);
  hold.release();
  CHECK(outcome(sync));
  CHECK(wal.durable_lsn() == 1);
}

TEST_CASE("after open both are the highest LSN recovered") {
  const RecordingStorage disk;
  {
    must(must(on(disk).build()).append_batch([] {
      Batch b;
      b.add("1");
      b.add("2");
      return b;
    }()));
  }
  disk.start_afresh();
  const auto wal = must(on(disk).build());
  CHECK(wal.last_lsn() == 2);
  CHECK(wal.durable_lsn() == 2);
  CHECK(disk.count(Op::sync) >= 1);  // build() makes durable what it keeps
}

TEST_CASE("neither LSN runs ahead of the storage or goes back, in any mode") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1ms));
  const RecordingStorage disk;
  auto wal = must(on(disk, mode).build());
  const std::size_t frame = frame_bytes(5);
  std::atomic<bool> stop{false};
  auto ahead = in_background([&] {
    std::size_t wrong = 0;
    Lsn last_before = 0;
    Lsn durable_before = 0;
    while (!stop) {
      const Lsn durable = wal.durable_lsn();
      const Lsn last = wal.last_lsn();
      wrong += disk.synced_bytes() < durable * frame || disk.content().size() < last * frame;
      wrong += durable > last || durable < durable_before || last < last_before;
      durable_before = durable;
      last_before = last;
    }
    return wrong;
  });
  together(3, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(300); ++i) must(thread == 0 ? wal.append_durable("event") : wal.append("event"));
  });
  stop = true;
  CHECK(outcome(ahead) == 0);
}

// ---- modes --------------------------------------------------------------------------------------------------------

TEST_CASE("in mode never no event is fsynced unasked, yet it reaches the storage") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  const auto syncs = disk.count(Op::sync);
  must(wal.append("event"));
  CHECK(eventually([&] { return wal.last_lsn() == 1; }));
  CHECK(frames_in(disk.content()).size() == 1);
  must(wal.append("event"));
  must(wal.flush());
  CHECK(disk.count(Op::sync) == syncs);
  CHECK(wal.durable_lsn() == 0);
}

TEST_CASE("in mode batch flush makes durable") {
  const RecordingStorage disk;
  auto wal = must(on(disk, SyncMode::batch).build());
  for (int i = 0; i < 100; ++i) must(wal.append("event"));
  must(wal.flush());
  CHECK(wal.durable_lsn() == 100);
  CHECK(disk.synced_bytes() == 100 * frame_bytes(5));
}

TEST_CASE("in mode batch events become durable unasked") {
  auto wal = must(on(RecordingStorage(), SyncMode::batch).build());
  for (Lsn lsn = 1; lsn <= 5; ++lsn) {
    must(wal.append("event"));
    CHECK(eventually([&] { return wal.durable_lsn() == lsn; }));
  }
}

TEST_CASE("in mode batch a group is fsynced once, in as many writes as it takes") {
  const Disk disk;
  auto wal = must(on(disk, SyncMode::batch).buffer_capacity(1000).build());
  Hold hold(disk.writes());
  must(wal.append("event"));
  hold.await_caller();
  for (int i = 0; i < 100; ++i) must(wal.append(std::string(66, 'x')));
  const auto syncs = disk.disk().count(Op::sync);
  hold.release();
  must(wal.flush());
  CHECK(disk.disk().count(Op::write) >= 11);
  CHECK(disk.disk().count(Op::sync) - syncs <= 2);
  CHECK(wal.durable_lsn() == 101);
}

TEST_CASE("with an interval an idle tail is fsynced, and then nothing more is") {
  const RecordingStorage disk;
  auto wal = must(on(disk, SyncMode::interval(2ms)).build());
  must(wal.append("event"));
  CHECK(eventually([&] { return wal.durable_lsn() == 1; }));
  const auto syncs = disk.count(Op::sync);
  std::this_thread::sleep_for(20ms);  // ten intervals: a fsync too many would show
  CHECK(disk.count(Op::sync) == syncs);
  must(wal.append("event"));
  CHECK(eventually([&] { return wal.durable_lsn() == 2; }));
}

TEST_CASE("with an interval events are fsynced in time while others keep coming") {
  auto wal = must(on(RecordingStorage(), SyncMode::interval(5ms)).build());
  std::atomic<bool> stop{false};
  auto stream = in_background([&] {
    while (!stop) {
      must(wal.append("event"));
      std::this_thread::sleep_for(50us);
    }
  });
  for (int i = 0; i < 5; ++i) {
    const Lsn written = wal.last_lsn();
    CHECK(eventually([&] { return wal.durable_lsn() > written; }));
  }
  stop = true;
  outcome(stream);
}

TEST_CASE("with a long interval nothing is fsynced before its time, and wait_durable waits for no tick") {
  const RecordingStorage disk;
  auto wal = must(on(disk, SyncMode::interval(1h)).build());
  const auto syncs = disk.count(Op::sync);
  must(wal.append("event"));
  must(wal.flush());
  CHECK(disk.count(Op::sync) == syncs);
  CHECK(wal.wait_durable(1));
  CHECK(wal.append_durable("event") == 2u);
  CHECK(wal.durable_lsn() == 2);
}

TEST_CASE("append_durable means durable in every mode, whoever else appends") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1h));
  const RecordingStorage disk;
  auto wal = must(on(disk, mode).build());
  std::atomic<std::size_t> too_early{0};
  together(4, [&](std::size_t) {
    for (std::size_t i = 0; i < volume(100); ++i) {
      const Lsn lsn = must(wal.append_durable("event"));
      too_early += disk.synced_bytes() < lsn * frame_bytes(5) || wal.durable_lsn() < lsn;
    }
  });
  CHECK(too_early == 0);
}
