// SPDX-License-Identifier: MIT
//
// Appends that find no room, or the queue held, and what wakes those that sleep. Without a writer thread, so that
// nobody makes up for a wake-up that is forgotten.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <rewal/wal.hpp>
#include <support/core.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>
#include <support/recording_storage.hpp>
#include <thread>
#include <vector>

using namespace rewal_test;

namespace {

const std::vector<std::byte> payload(20);

/// Threads that are held up before they read the clock, and others go on meanwhile.
struct Delayed : rewal::detail::NativeThreads {
  static inline std::function<void()> meanwhile;

  static Time now() {
    if (meanwhile) meanwhile();
    return NativeThreads::now();
  }
};

}  // namespace

TEST_CASE("an append that sleeps for want of room is woken by whoever makes it") {
  rewal::detail::Options options;
  options.queue_capacity = 2;
  const auto core = core_on(MemoryStorage(), options);
  must(append(*core, payload));
  must(append(*core, payload));
  auto blocked = in_background([&] { return append(*core, payload); });
  REQUIRE(eventually([&] { return core->room.sleepers() == 1; }));
  must(flush(*core));
  CHECK(must(outcome(blocked)) == 3);
}

TEST_CASE("an append that sleeps for want of room is woken by the error that ends the log") {
  rewal::detail::Options options;
  options.queue_capacity = 2;
  const RecordingStorage storage;
  const auto core = core_on(storage, options);
  storage.fail(Op::write, 1, ENOSPC);
  must(append(*core, payload));
  must(append(*core, payload));
  auto blocked = in_background([&] { return append(*core, payload); });
  REQUIRE(eventually([&] { return core->room.sleepers() == 1; }));
  CHECK(errno_of(flush(*core)) == ENOSPC);
  CHECK(errno_of(outcome(blocked)) == ENOSPC);
}

TEST_CASE("an event larger than the queue wakes the writer that sleeps, and is published") {
  rewal::detail::Options options;
  options.queue_bytes = 64 * 1024;
  const auto core = core_on(MemoryStorage(), options);
  REQUIRE(core->ring.fall_asleep());
  const auto key = core->work.prepare();
  auto writer = in_background([&] { core->work.sleep(key); });
  CHECK(must(append(*core, std::vector<std::byte>(100'000))) == 1);
  CHECK(eventually([&] { return is_done(writer); }));
  CHECK_FALSE(core->ring.is_sleeping());
  core->work.notify_all();  // after a failure, too, the test ends
}

TEST_CASE("an append that finds an empty queue held waits for the moment that it takes, in every mode") {
  rewal::detail::Options options;
  options.backpressure = GENERATE(Backpressure::block, Backpressure::drop, Backpressure::error);
  options.queue_bytes = 64 * 1024;
  const auto core = core_on(MemoryStorage(), options);
  const std::vector<std::byte> event(GENERATE(std::size_t{10}, std::size_t{100'000}));  // and more than the queue holds
  REQUIRE(core->ring.try_hold() == rewal::detail::Refusal::none);
  auto appended = in_background([&] { return append(*core, event); });
  CHECK(stays_pending(appended));
  core->ring.release_hold();
  core->room.notify_all();
  CHECK(must(outcome(appended)) == 1);
  CHECK(core->drops.load() == 0);
}

TEST_CASE("an event that is appended while another's append is about to wake the writer is unsynced from then on") {
  rewal::detail::Options options;
  options.sync_mode = SyncMode::interval(std::chrono::seconds(1));
  const auto core = core_on<Delayed>(MemoryStorage(), options);
  REQUIRE(core->ring.fall_asleep());
  Delayed::Time first{};
  Delayed::Time appended{};
  bool done = false;
  const bool is_awaited = GENERATE(false, true);  // then the first append wakes nobody, and leaves that to the other
  const auto other = [&] {
    if (done || core->ring.empty()) return;  // not before the first append's claim
    done = true;
    must(append(*core, payload));
    appended = Delayed::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  Delayed::meanwhile = other;
  if (is_awaited) {
    must(rewal::detail::Appending(*core).one(payload, {}, rewal::detail::Append::awaited));
    first = Delayed::NativeThreads::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  } else {
    must(append(*core, payload));
  }
  Delayed::meanwhile = nullptr;
  other();
  static_cast<void>(core->write_some());
  REQUIRE(core->writer.last_lsn() == 2);
  const auto since = core->writer.unsynced_age().since();
  REQUIRE(since);
  CHECK(*since <= (is_awaited ? first : appended));
}

TEST_CASE("an append whose claim was made by a check out of date waits for its place, or for the log's end") {
  namespace format = rewal::detail::format;
  enum class Then { written, failed, closed };
  const Then then = GENERATE(Then::written, Then::failed, Then::closed);
  const bool is_batch = GENERATE(false, true);
  // So much goes through the queue between check and swap that its head has the same value again.
  constexpr std::uint32_t size = 40;
  constexpr std::uint64_t memory = 128;
  rewal::detail::Options options;
  options.queue_bytes = memory;
  const RecordingStorage storage;
  const auto core = core_on<Interrupted>(storage, options);
  const std::uint64_t lsns = 2 * (core->ring.capacity_records() + 1);
  const std::uint64_t frames = (std::max<std::uint64_t>)(64, lsns >> 31);
  REQUIRE(lsns % frames == 0);
  REQUIRE(frames * size % (4 * memory) == 0);
  std::vector<rewal::detail::Claim> in_flight;
  std::atomic<bool> done{false};
  REQUIRE(core->write_lock.try_acquire());
  Interrupted::interruption = [&] {
    for (std::uint64_t i = 0; i < frames; ++i) {
      const auto records = static_cast<std::uint32_t>(lsns / frames);
      const auto claim = core->ring.try_claim(size, records, rewal::detail::Wake::writer);
      std::byte header[format::header_bytes];
      format::Header fields;
      fields.count = records;
      fields.first_lsn = claim.first_lsn;
      fields.size = size;
      format::store_header(header, fields);
      const auto room = core->ring.room(claim);
      for (std::size_t at = 0; at < sizeof header; ++at) room[at] = header[at];
      if (i + 3 < frames) {
        core->ring.publish(claim);
        static_cast<void>(core->write_some());
      } else {
        in_flight.push_back(claim);
      }
    }
    done = true;
  };
  const std::vector<std::byte> event(20, std::byte{7});
  auto appended = in_background([&] {
    if (!is_batch) return append(*core, event);
    Batch batch;
    batch.add(event);
    return rewal::detail::Appending(*core).batch(batch, rewal::detail::Append::queued);
  });
  REQUIRE(eventually([&] { return done.load(); }));
  CHECK(stays_pending(appended));
  if (then == Then::closed) {
    core->writer.abandon();
    core->ring.seal();
    CHECK(said(outcome(appended)) == "closed");
    return;
  }
  if (then == Then::failed) storage.fail(Op::write, 1, ENOSPC);
  for (const auto& claim : in_flight) core->ring.publish(claim);
  static_cast<void>(core->write_some());
  if (then == Then::failed) {
    CHECK(errno_of(outcome(appended)) == ENOSPC);
    return;
  }
  CHECK(must(outcome(appended)) == 1 + lsns);
  static_cast<void>(core->write_some());
  CHECK(core->writer.last_lsn() == 1 + lsns);
  const auto content = storage.content();
  const auto frame = format::check_frame(Bytes(content).last(frame_bytes(event.size())));
  CHECK(frame.validity == format::Validity::valid);
  CHECK(frame.header.first_lsn == 1 + lsns);
}
