// SPDX-License-Identifier: MIT
//
// Appends that find no room, or the queue held, and what wakes those that sleep. Without a writer thread, so that nobody
// makes up for a wake-up that is forgotten.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <rewal/log/appending.hpp>
#include <rewal/log/core.hpp>
#include <rewal/log/waiting.hpp>
#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

template <class S>
using CoreOn = rewal::detail::Core<S, NoCompressor, NoIndexer, NoHooks>;

template <class S>
std::unique_ptr<CoreOn<S>> core_on(S storage, const rewal::detail::Options& options) {
  using Core = CoreOn<S>;
  return std::make_unique<Core>(
      std::make_shared<typename Core::Side>(std::move(storage), NoCompressor{}, options.max_frame_bytes), NoIndexer{},
      NoHooks{}, options, RecoveryReport{}, 0, 0);
}

template <class Core>
Result<Lsn> append(Core& core, Bytes payload) {
  return rewal::detail::Appending<Core>(core).one(payload, {}, rewal::detail::Append::queued);
}

template <class Core>
Result<void> flush(Core& core) {
  return rewal::detail::Waiting<Core>(core).flush();
}

const std::vector<std::byte> payload(20);

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
