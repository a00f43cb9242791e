// SPDX-License-Identifier: MIT
//
// Appends that find no room, or the queue held, and what wakes those that sleep. Without a writer thread, so that nobody
// makes up for a wake-up that is forgotten.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <rewal/wal.hpp>
#include <support/core.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <thread>
#include <vector>

using namespace rewal_test;

namespace {

const std::vector<std::byte> payload(20);

/// Threads that are held up before they look at the clock, and others go on meanwhile.
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
  Delayed::Time appended{};
  bool done = false;
  const auto other = [&] {
    if (done || core->ring.is_resting()) return;  // not before the first append's claim
    done = true;
    must(append(*core, payload));
    appended = Delayed::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  Delayed::meanwhile = other;
  must(append(*core, payload));
  Delayed::meanwhile = nullptr;
  other();
  static_cast<void>(core->write_some());
  REQUIRE(core->writer.last_lsn() == 2);
  const auto since = core->writer.unsynced_since();
  REQUIRE(since);
  CHECK(*since <= appended);
}
