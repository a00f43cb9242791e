// SPDX-License-Identifier: MIT
//
// What becomes of an append that finds the queue held for a moment: by a large frame that gives up, or while the memory
// of an idle queue is given back.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <memory>
#include <rewal/log/appending.hpp>
#include <rewal/log/core.hpp>
#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("an append that finds an empty queue held waits for the moment that it takes, in every mode") {
  using Core = rewal::detail::Core<MemoryStorage, NoCompressor, NoIndexer, NoHooks>;
  rewal::detail::Options options;
  options.backpressure = GENERATE(Backpressure::block, Backpressure::drop, Backpressure::error);
  options.queue_bytes = 64 * 1024;
  Core core(std::make_shared<Core::Side>(MemoryStorage(), NoCompressor{}, options.max_frame_bytes), NoIndexer{}, NoHooks{},
            options, RecoveryReport{}, 0, 0);
  const std::vector<std::byte> payload(GENERATE(std::size_t{10}, std::size_t{100'000}));  // and more than the queue holds
  REQUIRE(core.ring.try_hold() == rewal::detail::Refusal::none);
  auto appended = in_background(
      [&] { return rewal::detail::Appending<Core>(core).one(payload, {}, rewal::detail::Append::queued); });
  CHECK(stays_pending(appended));
  core.ring.release_hold();
  core.room.notify_all();
  const auto lsn = outcome(appended);
  REQUIRE(lsn);
  CHECK(*lsn == 1);
  CHECK(core.drops.load() == 0);
}
