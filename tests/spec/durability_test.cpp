// SPDX-License-Identifier: MIT
//
// What is written, what is fsynced, when, for whom, and what an error means for all that comes after it.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <rewal/platform.hpp>
#include <rewal/wal.hpp>
#include <set>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/errno.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <utility>
#include <vector>

#if REWAL_POSIX
#include <sys/resource.h>
#endif

using namespace rewal_test;

namespace {

using Disk = Blocking<RecordingStorage>;

template <class S>
auto on(const S& disk, SyncMode mode = SyncMode::never) {
  return Wal<>::open("log").storage(disk).sync_mode(mode);
}

/// The bytes that each write of the tape was given.
std::vector<std::uint64_t> writes_of(const RecordingStorage& disk) {
  std::vector<std::uint64_t> sizes;
  for (const Operation& operation : disk.operations(Op::write)) sizes.push_back(operation.bytes);
  return sizes;
}

/// Bit 1 must stand on exactly those frames, the one at 0 excepted, that begin where a finished fsync ended. Left open
/// is a frame at 512, where the fsync that guards an empty log's first sector may fall into the middle of a write.
void check_bit_1(const RecordingStorage& disk) {
  std::set<std::uint64_t> synced_up_to;
  for (const Operation& operation : disk.operations(Op::sync)) {
    if (operation.ok) synced_up_to.insert(operation.offset);
  }
  std::size_t wrong = 0;
  for (const WrittenFrame& frame : frames_in(disk.content())) {
    if (frame.offset == 512) continue;
    wrong += frame.synced_before() != (frame.offset > 0 && synced_up_to.contains(frame.offset));
  }
  CHECK(wrong == 0);
}

}  // namespace

// ---- last_lsn and durable_lsn -------------------------------------------------------------------------------------

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

// ---- sharing ------------------------------------------------------------------------------------------------------

TEST_CASE("those who wait while an fsync runs share the next one") {
  const Disk disk;
  auto wal = must(on(disk).build());
  const auto before = disk.syncs().passed();
  Hold hold(disk.syncs());
  auto leader = in_background([&] { return wal.append_durable("event"); });
  hold.await_caller();
  std::vector<std::future<Result<Lsn>>> others;
  for (int i = 0; i < 7; ++i) others.push_back(in_background([&] { return wal.append_durable("event"); }));
  CHECK(eventually([&] { return wal.stats().queue_len == 7; }));
  hold.release();
  CHECK(outcome(leader));
  for (auto& other : others) CHECK(outcome(other));
  CHECK(disk.syncs().passed() - before == 2);
}

TEST_CASE("concurrent callers of sync share one fsync") {
  const Disk disk;
  auto wal = must(on(disk).build());
  must(wal.append("event"));
  must(wal.flush());
  const auto before = disk.syncs().passed();
  Hold hold(disk.syncs());
  std::vector<std::future<Result<void>>> callers;
  for (int i = 0; i < 8; ++i) callers.push_back(in_background([&] { return wal.sync(); }));
  hold.await_caller();
  hold.release();
  for (auto& caller : callers) CHECK(outcome(caller));
  CHECK(disk.syncs().passed() - before <= 2);
}

TEST_CASE("no wait is satisfied by an fsync that began before its bytes were written") {
  const Disk disk;
  auto wal = must(on(disk).build());
  Hold hold(disk.syncs());
  auto first = in_background([&] { return wal.append_durable("first"); });
  hold.await_caller();
  must(wal.append("second"));
  auto second = in_background([&] { return wal.wait_durable(2); });
  hold.let_one_through();
  CHECK(outcome(first));
  hold.await_caller();
  CHECK(stays_pending(second));
  CHECK(wal.durable_lsn() == 1);
  hold.release();
  CHECK(outcome(second));
}

TEST_CASE("a wait for what is durable does nothing") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  must(wal.append_durable("event"));
  const auto before = disk.operations().size();
  CHECK(wal.wait_durable(1));
  CHECK(wal.wait_durable(0));
  CHECK(wal.sync());
  CHECK(wal.flush());
  CHECK(disk.operations().size() == before);
}

namespace {

/// A storage whose fsync takes its time: a millisecond, the least that every system sleeps.
struct SlowSync : RecordingStorage {
  Result<void> sync() {
    std::this_thread::sleep_for(1ms);
    return RecordingStorage::sync();
  }
};

}  // namespace

TEST_CASE("many durable appends from many threads need far fewer fsyncs than appends") {
  const SlowSync disk;
  auto wal = must(on(disk).build());
  const std::size_t each = volume(100);
  together(8, [&](std::size_t) {
    for (std::size_t i = 0; i < each; ++i) must(wal.append_durable("event"));
  });
  CHECK(disk.count(Op::sync) < 8 * each / 2);
  CHECK(wal.durable_lsn() == 8 * each);
}

TEST_CASE("no wake-up is lost among writers, flushers and waiters") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch);
  auto wal = must(on(RecordingStorage(), mode).queue_capacity(4).build());
  together(6, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(300); ++i) {
      const Lsn lsn = must(wal.append("event"));
      if (thread % 3 == 0) must(wal.flush());
      if (thread % 3 == 1) must(wal.wait_durable(lsn));
    }
  });
  CHECK(wal.shutdown());
}

// ---- writes -------------------------------------------------------------------------------------------------------

TEST_CASE("a flush of a small queue is one write, wherever in the ring it lies") {
  const Disk disk;
  auto wal = must(on(disk).queue_bytes(1111).build());
  must(wal.append("first"));
  must(wal.flush());
  Hold hold(disk.writes());
  for (std::size_t round = 0; round < volume(100); ++round) {
    must(wal.append("in progress"));
    hold.await_caller();
    for (int i = 0; i < 7; ++i) must(wal.append(std::string(43, 'x')));
    hold.let_one_through();
    hold.await_caller();
    hold.let_one_through();
    must(wal.flush());
  }
  hold.release();
  const auto writes = writes_of(disk.disk());
  CHECK(writes.size() == 1 + 2 * volume(100));
  CHECK(writes[2] == 7 * frame_bytes(43));
}

TEST_CASE("no write is larger than buffer_capacity, a larger single frame excepted") {
  const Disk disk;
  auto wal = must(on(disk).buffer_capacity(1000).build());
  Hold hold(disk.writes());
  must(wal.append("event"));
  hold.await_caller();
  for (int i = 0; i < 100; ++i) must(wal.append(std::string(static_cast<std::size_t>(i) * 4, 'x')));
  must(wal.append(std::string(5000, 'L')));
  must(wal.append("after"));
  hold.release();
  must(wal.flush());
  std::size_t larger = 0;
  for (const auto bytes : writes_of(disk.disk())) larger += bytes > 1000 && bytes != frame_bytes(5000);
  CHECK(larger == 0);
  CHECK(frames_in(disk.disk().content()).size() == 103);
}

TEST_CASE("the first 512 bytes of an empty log's first write are fsynced before the rest, if it is larger") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.start_afresh();
  must(wal.append(std::string(2000, 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write sync write");
  CHECK(writes_of(disk) == std::vector<std::uint64_t>{512, frame_bytes(2000) - 512});
  must(wal.append(std::string(2000, 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write sync write write");
}

TEST_CASE("a first write of up to 512 bytes is written as it is") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  disk.start_afresh();
  must(wal.append(std::string(512 - frame_bytes(0), 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write");
}

TEST_CASE("a log that holds events has no first write to guard") {
  const RecordingStorage disk;
  { must(must(on(disk).build()).append("event")); }
  disk.start_afresh();
  auto wal = must(on(disk).build());
  disk.start_afresh();
  must(wal.append(std::string(2000, 'x')));
  must(wal.flush());
  CHECK(disk.sequence() == "write");
}

// ---- bit 1 --------------------------------------------------------------------------------------------------------

TEST_CASE("bit 1 stands on the first frame after each fsync, never at offset 0") {
  const RecordingStorage disk;
  auto wal = must(on(disk).build());
  must(wal.append("1"));
  must(wal.flush());
  must(wal.append_durable("2"));
  must(wal.append("3"));
  must(wal.flush());
  must(wal.append_durable("4"));
  must(wal.append("5"));
  must(wal.flush());
  std::string flags;
  for (const WrittenFrame& frame : frames_in(disk.content())) flags += frame.synced_before() ? '2' : '0';
  CHECK(flags == "00202");
}

TEST_CASE("bit 1 stands on the first frame after build, which fsyncs what it keeps") {
  const RecordingStorage disk;
  { must(must(on(disk).build()).append("1")); }
  auto wal = must(on(disk).build());
  must(wal.append("2"));
  must(wal.append("3"));
  must(wal.flush());
  const auto frames = frames_in(disk.content());
  CHECK_FALSE(frames[0].synced_before());
  CHECK(frames[1].synced_before());
  CHECK_FALSE(frames[2].synced_before());
}

TEST_CASE("bit 1 stands where fsyncs ended and nowhere else, in every mode, under load") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1ms));
  const RecordingStorage disk;
  auto wal = must(on(disk, mode).buffer_capacity(500).queue_bytes(3000).build());
  together(4, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(300); ++i) {
      const std::string event((i * 13 + thread) % (i % 50 == 0 ? 4000 : 200), 'x');
      must(thread == 0 && i % 7 == 0 ? wal.append_durable(event) : wal.append(event));
    }
  });
  must(wal.shutdown());
  check_bit_1(disk);
}

// ---- idleness -----------------------------------------------------------------------------------------------------

#if REWAL_POSIX
namespace {

struct Usage {
  std::chrono::microseconds processor;
  long switches;

  static Usage now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](timeval time) {
      return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    return {micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_nvcsw};
  }
};

}  // namespace

TEST_CASE("an idle log sleeps, in every mode") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1ms), SyncMode::interval(1h));
  auto wal = must(on(RecordingStorage(), mode).build());
  must(wal.append("event"));
  must(wal.flush());
  const auto rests = [] {
    const Usage before = Usage::now();
    std::this_thread::sleep_for(100ms);
    const Usage after = Usage::now();
    return after.switches - before.switches < 10 && after.processor - before.processor < 20ms;
  };
  CHECK(eventually(rests));
  CHECK(wal.append_durable("awake again") == 2u);
}
#endif

TEST_CASE("an event appended to a sleeping log reaches the storage unasked") {
  auto wal = must(on(RecordingStorage()).build());
  for (Lsn lsn = 1; lsn <= 4; ++lsn) {
    std::this_thread::sleep_for(30ms);  // long enough to fall asleep; right whether or not it does
    must(wal.append("event"));
    CHECK(eventually([&] { return wal.last_lsn() == lsn; }));
  }
}

TEST_CASE("the one event in many that finds the writer falling asleep is written too") {
  auto wal = must(on(RecordingStorage()).build());
  for (std::size_t i = 0; i < volume(200); ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(7500 + i * 10));
    const Lsn lsn = must(wal.append("event"));
    REQUIRE(eventually([&] { return wal.last_lsn() == lsn; }));
  }
}

// ---- errors -------------------------------------------------------------------------------------------------------

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
