// SPDX-License-Identifier: MIT
//
// flush, sync and wait_durable among many threads: who is served, and that nobody is starved or forgotten.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstddef>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/core.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <thread>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Disk = Blocking<RecordingStorage>;

template <class S>
Wal<S> open_on(const S& disk, SyncMode mode = SyncMode::never) {
  return must(Wal<>::open("log").storage(disk).sync_mode(mode).build());
}

}  // namespace

TEST_CASE("flush of an empty log, of an idle log, and again, is at once") {
  auto wal = open_on(RecordingStorage());
  CHECK(wal.flush());
  must(wal.append("event"));
  CHECK(wal.flush());
  CHECK(wal.flush());
  CHECK(wal.sync());
  CHECK(wal.sync());
}

TEST_CASE("flush returns when its own events are written, though others keep appending") {
  auto wal = open_on(RecordingStorage());
  std::atomic<bool> stop{false};
  auto stream = in_background([&] {
    together(2, [&](std::size_t) {
      while (!stop) must(wal.append("stream"));
    });
  });
  std::size_t too_early = 0;
  for (std::size_t i = 0; i < volume(100); ++i) {
    const Lsn mine = must(wal.append("mine"));
    must(wal.flush());
    too_early += wal.last_lsn() < mine;
  }
  stop = true;
  outcome(stream);
  CHECK(too_early == 0);
}

TEST_CASE("who waits for what an interval's fsync covers does not wait for the writes behind it") {
  // Without a writer thread: the write lock is the flusher's from the first write to the last.
  rewal::detail::Options options;
  options.sync_mode = SyncMode::interval(1ms);
  options.buffer_capacity = 4096;
  const Disk disk;
  const auto core = core_on(disk, options);
  const std::vector<std::byte> payload(777);
  for (int i = 0; i < 300; ++i) must(append(*core, payload));
  Hold hold(disk.writes());
  auto flushed = in_background([&] { return flush(*core); });
  hold.await_caller();
  auto durable = in_background([&] { return wait_durable(*core, 1); });
  CHECK(stays_pending(durable));
  for (int writes = 0; writes < 30 && !is_done(durable); ++writes) {
    std::this_thread::sleep_for(5ms);
    hold.let_one_through();
  }
  CHECK(durable.wait_for(1s) == std::future_status::ready);
  CHECK(core->writer.last_lsn() < 300);
  hold.release();
  CHECK(outcome(durable));
  CHECK(outcome(flushed));
}

TEST_CASE("who sleeps until an event is written or durable is woken by whoever releases the write lock") {
  // Without a writer thread: nobody makes up for a wake-up that is forgotten.
  const auto core = core_on(RecordingStorage(), {});
  must(append(*core, std::vector<std::byte>(20)));
  const bool durable = GENERATE(false, true);
  REQUIRE(core->write_lock.try_acquire());
  auto waiter = in_background([&] { return durable ? wait_durable(*core, 1) : flush(*core); });
  REQUIRE(eventually([&] { return (durable ? core->durable : core->written).sleepers() == 1; }));
  CHECK(stays_pending(waiter));
  core->release_write_lock();
  CHECK(outcome(waiter));
  CHECK(core->writer.last_lsn() == 1);
  CHECK(core->writer.durable_lsn() == (durable ? 1 : 0));
}

TEST_CASE("a waiter is not starved by threads that keep flushing") {
  auto wal = open_on(RecordingStorage());
  std::atomic<bool> stop{false};
  auto flushers = in_background([&] {
    together(3, [&](std::size_t) {
      while (!stop) {
        must(wal.append("event"));
        must(wal.flush());
      }
    });
  });
  for (std::size_t i = 0; i < volume(100); ++i) CHECK(wal.append_durable("durable"));
  stop = true;
  outcome(flushers);
}

TEST_CASE("waiters for different LSNs are all served, in whatever order they come") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1ms));
  auto wal = open_on(RecordingStorage(), mode);
  const Lsn last = 40;
  for (Lsn lsn = 1; lsn <= last; ++lsn) must(wal.append("event"));
  std::atomic<std::size_t> wrong{0};
  together(8, [&](std::size_t thread) {
    for (Lsn i = 0; i < 5; ++i) {
      const Lsn lsn = last - (thread * 5 + i);
      wrong += !wal.wait_durable(lsn) || wal.durable_lsn() < lsn;
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("wait_durable brings about the write too") {
  const RecordingStorage disk;
  auto wal = open_on(disk, SyncMode::interval(1h));
  const Lsn lsn = must(wal.append("event"));
  CHECK(wal.wait_durable(lsn));
  CHECK(disk.synced_bytes() == frame_bytes(5));
}

TEST_CASE("an LSN not yet assigned is invalid, and valid once it is") {
  auto wal = open_on(RecordingStorage());
  const auto refused = wal.wait_durable(1);
  CHECK(said(refused) == "invalid_lsn");
  CHECK(refused.error().lsn() == 1u);
  must(wal.append("event"));
  CHECK(wal.wait_durable(1));
  CHECK(said(wal.wait_durable(2)) == "invalid_lsn");
}

TEST_CASE("an LSN that is assigned and still queued can be waited for") {
  const Disk disk;
  auto wal = open_on(disk);
  Hold hold(disk.writes());
  const Lsn lsn = must(wal.append("event"));
  auto wait = in_background([&] { return wal.wait_durable(lsn); });
  CHECK(stays_pending(wait));
  hold.release();
  CHECK(outcome(wait));
}

TEST_CASE("sync covers what was written and returns although the queue is full of more") {
  const Disk disk;
  auto wal = open_on(disk);
  must(wal.append("written"));
  must(wal.flush());
  CHECK(wal.sync());
  CHECK(wal.durable_lsn() == 1);
}

TEST_CASE("flush waits behind a blocked fsync no longer than the fsync takes") {
  const Disk disk;
  auto wal = open_on(disk);
  Hold hold(disk.syncs());
  auto durable = in_background([&] { return wal.append_durable("1"); });
  hold.await_caller();
  must(wal.append("2"));
  auto flush = in_background([&] { return wal.flush(); });
  hold.let_one_through();
  CHECK(outcome(durable));
  CHECK(outcome(flush));
}

TEST_CASE("an append whose wait fails says which LSN it had") {
  const RecordingStorage disk;
  auto wal = open_on(disk);
  must(wal.append_durable("1"));
  disk.fail(Op::sync, 1, EIO);
  const auto failed = wal.append_durable("2");
  CHECK(errno_of(failed) == EIO);
  CHECK(failed.error().lsn() == 2u);
}

TEST_CASE("every waiter of every kind comes back when the log is closed under it") {
  for (std::size_t round = 0; round < volume(40); ++round) {
    auto wal = open_on(RecordingStorage(), round % 2 == 0 ? SyncMode::never : SyncMode::batch);
    std::atomic<bool> running{false};
    std::atomic<std::size_t> wrong{0};
    together(5, [&](std::size_t thread) {
      if (thread == 0) {
        while (!running) std::this_thread::yield();
        must(wal.close());
        return;
      }
      for (;;) {
        const auto lsn = thread % 2 == 0 ? wal.append_durable("event") : wal.append("event");
        const auto done = !lsn          ? Result<void>(lsn.error())
                          : thread == 1 ? wal.flush()
                          : thread == 3 ? wal.sync()
                                        : wal.wait_durable(*lsn);
        running = true;
        if (done) continue;
        wrong += done.error() != Errc::closed && done.error() != Errc::draining;
        return;
      }
    });
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("every waiter of every kind gets the error when the storage fails under it") {
  for (std::size_t round = 0; round < volume(40); ++round) {
    const RecordingStorage disk;
    auto wal = open_on(disk, round % 2 == 0 ? SyncMode::never : SyncMode::batch);
    disk.fail(round % 4 < 2 ? Op::write : Op::sync, 3 + round, EIO, Fault::for_ever);
    std::atomic<std::size_t> wrong{0};
    together(4, [&](std::size_t thread) {
      for (;;) {
        const auto lsn = wal.append("event");
        const auto done = !lsn          ? Result<void>(lsn.error())
                          : thread == 1 ? wal.flush()
                          : thread == 3 ? wal.sync()
                                        : wal.wait_durable(*lsn);
        if (done) continue;
        wrong += errno_of(done) != EIO;
        return;
      }
    });
    REQUIRE(wrong == 0);
  }
}
