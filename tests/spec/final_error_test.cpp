// SPDX-License-Identifier: MIT
//
// What an error of the storage means for all that comes after it.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <rewal/wal.hpp>
#include <spec/recorded_log.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/errno.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <vector>

using namespace rewal_test;

namespace {

/// A little of everything; the first call that fails, if one does.
template <class W>
std::optional<Error> work_through(W& wal) {
  for (int i = 0; i < 3; ++i) {
    if (const auto lsn = wal.append("event"); !lsn) return lsn.error();
    if (const auto done = wal.flush(); !done) return done.error();
    if (const auto lsn = wal.append_durable("durable"); !lsn) return lsn.error();
    if (const auto done = wal.sync(); !done) return done.error();
  }
  return std::nullopt;
}

/// That every call reports the log's error, and that what was durable is neither more nor less than before.
template <class W>
void check_final(W& wal, int number, Lsn durable) {
  Batch batch;
  batch.add("event");
  CHECK(errno_of(wal.append("late")) == number);
  CHECK(errno_of(wal.append_with_meta("late", "m")) == number);
  CHECK(errno_of(wal.append_batch(batch)) == number);
  CHECK(errno_of(wal.append_durable("late")) == number);
  CHECK(errno_of(wal.flush()) == number);
  CHECK(errno_of(wal.sync()) == number);
  CHECK(errno_of(wal.wait_durable(durable + 1)) == number);
  CHECK(wal.wait_durable(durable));
  CHECK(wal.durable_lsn() == durable);
  CHECK(lsns(wal).size() == wal.last_lsn());
  CHECK(errno_of(wal.shutdown()) == number);
  CHECK(errno_of(wal.shutdown()) == number);
  CHECK(wal.durable_lsn() == durable);
}

}  // namespace

TEST_CASE("the first error is final, whichever write or fsync fails, with whatever errno, once or for ever") {
  const Op op = GENERATE(Op::write, Op::sync);
  const int number = GENERATE(EIO, ENOSPC, EDQUOT, EAGAIN);
  const std::uint64_t times = GENERATE(std::uint64_t{1}, Fault::for_ever);
  std::size_t failed = 0;
  for (std::uint64_t k = 1;; ++k) {
    const RecordingStorage disk;
    auto wal = must(on(disk).build());
    disk.fail(op, k, number, times);
    const auto error = work_through(wal);
    if (!error) break;
    ++failed;
    CHECK(error->code() == Errc::io);
    CHECK(error->system().value() == number);
    const auto operations = disk.operations().size();
    check_final(wal, number, wal.durable_lsn());
    CHECK(disk.sequence().ends_with("close"));
    CHECK(disk.operations().size() == operations + 1);  // nothing but the close
    CHECK(disk.synced_bytes() >= wal.durable_lsn() * frame_bytes(5));
  }
  CHECK(failed >= 3);
}

TEST_CASE("an interrupted fsync is not tried again") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.fail(Op::sync, 1, EINTR);
  CHECK(errno_of(wal.append_durable("event")) == EINTR);
  check_final(wal, EINTR, 0);
  CHECK(disk.count(Op::sync) == 2);  // build()'s and the one that failed
}

TEST_CASE("an interrupted write is continued, but not for ever") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.fail(Op::write, 1, EINTR, 3);
  must(wal.append("event"));
  CHECK(wal.flush());
  disk.fail(Op::write, 1, EINTR, Fault::for_ever);
  must(wal.append("event"));
  CHECK(errno_of(wal.flush()) == EINTR);
  check_final(wal, EINTR, 0);
}

TEST_CASE("short writes are continued, of whatever length") {
  const std::uint64_t most = GENERATE(1u, 2u, 10u, 39u, 40u, 511u, 513u);
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.shorten(1, most, Fault::for_ever);
  for (int i = 0; i < 20; ++i) must(wal.append(std::string(50, 'x')));
  CHECK(wal.flush());
  CHECK(wal.append_durable("last") == 21u);
  CHECK(frames_in(disk.content()).size() == 21);
}

TEST_CASE("a write that takes nothing, or more than it was given, is short_write and final") {
  const std::uint64_t claim = GENERATE(std::uint64_t{0}, std::uint64_t{1'000'000});
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.set({.op = Op::write, .first = 1, .most_bytes = 0, .claim = claim});
  must(wal.append("event"));
  CHECK(said(wal.flush()) == "short_write");
  CHECK(said(wal.append("late")) == "short_write");
  CHECK(said(wal.append_durable("late")) == "short_write");
  CHECK(said(wal.wait_durable(1)) == "short_write");
  CHECK(said(wal.shutdown()) == "short_write");
}

TEST_CASE("all who wait when an fsync fails get its error, and nobody hangs") {
  const Disk disk;
  auto wal = must(on(disk).build());
  disk.disk().fail(Op::sync, 1, EIO);
  Hold hold(disk.syncs());
  std::vector<std::future<Result<Lsn>>> waiting;
  for (int i = 0; i < 6; ++i) waiting.push_back(in_background([&] { return wal.append_durable("event"); }));
  hold.await_caller();
  auto flush = in_background([&] {
    must(wal.append("event"));
    return wal.flush();
  });
  CHECK(stays_pending(waiting[0]));
  hold.release();
  for (auto& wait : waiting) CHECK(errno_of(outcome(wait)) == EIO);
  CHECK(errno_of(outcome(flush)) == EIO);
}

TEST_CASE("an error that nobody asked about is told to the next who asks") {
  const RecordingStorage disk;
  auto wal = must(on(disk, SyncMode::interval(1ms)).build());
  disk.fail(Op::sync, 1, EIO);
  must(wal.append("event"));
  CHECK(eventually([&] { return errno_of(wal.append("event")) == EIO; }));
  CHECK(errno_of(wal.flush()) == EIO);
}

TEST_CASE("what is durable is success for all who wait for it, also when the next fsync fails at once") {
  std::size_t refused_though_durable = 0;
  for (std::size_t round = 0; round < volume(400); ++round) {
    const RecordingStorage disk;
    auto wal = must(on(disk).build());
    disk.fail(Op::sync, 2 + round % 3, EIO, Fault::for_ever);
    std::mutex mutex;
    std::vector<Lsn> refused;
    together(4, [&](std::size_t) {
      for (;;) {
        const auto lsn = wal.append("event");
        if (!lsn) return;
        if (wal.wait_durable(*lsn)) continue;
        const std::lock_guard lock(mutex);
        refused.push_back(*lsn);
        return;
      }
    });
    for (const Lsn lsn : refused) refused_though_durable += lsn <= wal.durable_lsn();
  }
  CHECK(refused_though_durable == 0);
}
