// SPDX-License-Identifier: MIT
//
// A thread that waits for another which nobody makes tell it yields a bounded number of times and then sleeps: a thread
// of real-time priority would else keep the processor from it for ever. Counted, on one thread: what the other would do
// happens in the waiting one's sleep.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <rewal/commit/lifecycle.hpp>
#include <rewal/commit/writer_thread.hpp>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <support/core.hpp>
#include <support/harness.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

/// Counts yields, and lets others go on in sleeps alone.
struct Counted : rewal::detail::NativeThreads {
  static inline std::function<void()> others;
  static inline unsigned yields = 0;
  static inline unsigned sleeps = 0;

  static void others_do(std::function<void()> f) {
    others = std::move(f);
    yields = sleeps = 0;
  }
  static void yield() {
    if (++yields == 100'000) throw std::logic_error("it yields for ever");
  }
  static void sleep(Atomic<std::uint32_t>&, std::uint32_t, Time) {
    ++sleeps;
    others();
  }
};

using Core = CoreOn<MemoryStorage, Counted>;
constexpr unsigned most_yields = 100;

rewal::detail::Options small_queue() {
  rewal::detail::Options options;
  options.queue_bytes = 64 * 1024;
  return options;
}

const std::vector<std::byte> small(100);
const std::vector<std::byte> large(100'000);  // more than the queue holds

/// A frame of one record whose producer has claimed its place and is put aside.
class Stalled {
 public:
  explicit Stalled(Core& core, const std::vector<std::byte>& payload = small)
      : core_(core),
        frame_{payload, {}, 1, 0, false},
        claim_(core.ring.try_claim(static_cast<std::uint32_t>(frame_.frame_bytes()), 1, rewal::detail::Wake::nobody)) {}
  void goes_on() {
    if (std::exchange(done_, true)) return;
    const auto room = core_.ring.room(claim_);
    frame_.encode(rewal::detail::FrameSink(room.first, room.second), claim_.first_lsn);
    core_.ring.publish(claim_);
  }

 private:
  Core& core_;
  rewal::detail::PendingFrame frame_;
  rewal::detail::Claim claim_;
  bool done_ = false;
};

}  // namespace

TEST_CASE("a flush that waits for a producer between claim and publish sleeps after a bounded number of yields") {
  const auto core = core_on<Counted>(MemoryStorage(), small_queue());
  Stalled producer(*core);
  Counted::others_do([&] { producer.goes_on(); });
  must(flush(*core));
  CHECK(core->writer.last_lsn() == 1);
  CHECK(Counted::yields <= most_yields);
}

TEST_CASE("a flush that waits for the rest of a large frame sleeps after a bounded number of yields") {
  const auto core = core_on<Counted>(MemoryStorage(), small_queue());
  const rewal::detail::PendingFrame frame{large, {}, 1, 0, false};
  const auto size = static_cast<std::uint32_t>(frame.frame_bytes());
  REQUIRE(core->ring.try_hold() == rewal::detail::Refusal::none);
  const auto claim = core->ring.try_claim_large(size, 1, true);
  REQUIRE(claim);
  const auto room =
      core->ring.large_room(claim, rewal::detail::LargeRest(new std::byte[core->ring.large_rest_bytes(size)]));
  frame.encode(rewal::detail::FrameSink(room.first, room.second), claim.first_lsn);
  core->ring.publish_large(size / 2);
  Counted::others_do([&] { core->ring.publish_large(size); });
  must(flush(*core));
  CHECK(core->writer.last_lsn() == 1);
  CHECK(Counted::yields <= most_yields);
}

TEST_CASE("an append between the seal and the state that says why sleeps after a bounded number of yields") {
  const auto core = core_on<Counted>(MemoryStorage(), small_queue());
  core->ring.seal();
  Counted::others_do([&] { core->state.store(State::draining); });
  CHECK(said(append(*core, small)) == "draining");
  CHECK(Counted::yields <= most_yields);
}

TEST_CASE("a shutdown that waits for a producer between claim and publish sleeps after a bounded number of yields") {
  const auto core = core_on<Counted>(MemoryStorage(), small_queue());
  Stalled producer(*core);
  core->ring.seal();
  Counted::others_do([&] { producer.goes_on(); });
  rewal::detail::Lifecycle<Core>(*core).run_down();
  CHECK(core->writer.durable_lsn() == 1);
  CHECK(Counted::yields <= most_yields);
}

TEST_CASE("the writer thread sleeps while a producer is stalled between claim and publish, however much is claimed") {
  const auto core = core_on<Counted>(MemoryStorage(), small_queue());
  const std::vector<std::byte> half_the_queue(core->ring.capacity_bytes() / 2);
  Stalled producer(*core, half_the_queue);
  Counted::others_do([&] {
    if (Counted::sleeps < 500) return;
    producer.goes_on();
    core->ring.seal();
    core->state.store(State::draining);
  });
  rewal::detail::WriterThread<Core>(*core).run();
  CHECK(core->writer.durable_lsn() == 1);
  CHECK(Counted::yields <= 2 * most_yields);
}
