// SPDX-License-Identifier: MIT
//
// The writer, driven by the test with the write lock held: errors and a close at places that a running log reaches
// seldom.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <rewal/wal.hpp>
#include <support/core.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/recording_storage.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Core = CoreOn<RecordingStorage>;
using Step = Core::LogWriter::Step;

rewal::detail::Options small_buffers() {
  rewal::detail::Options options;
  options.buffer_capacity = 4096;
  options.queue_bytes = 64 * 1024;
  return options;
}

const std::vector<std::byte> event(777);
const std::vector<std::byte> large(100'000);  // more than the queue holds

}  // namespace

TEST_CASE("an fsync first finishes the frame that the last write ended in, and its error is the log's") {
  for (const bool fails : {false, true}) {
    const RecordingStorage storage;
    const auto core = core_on(storage, small_buffers());
    for (int i = 0; i < 20; ++i) must(append(*core, event));
    REQUIRE(core->write_lock.try_acquire());
    REQUIRE(core->writer.write_some() == Step::wrote);
    const Lsn whole = core->writer.last_lsn();
    if (fails) storage.fail(Op::write, 1, ENOSPC);
    CHECK(core->sync() == !fails);
    CHECK(core->writer.last_lsn() == whole + (fails ? 0 : 1));
    CHECK(core->writer.durable_lsn() == (fails ? 0 : whole + 1));
    CHECK(core->writer.failed() == fails);
    core->release_write_lock();
    CHECK(errno_of(append(*core, event)) == (fails ? ENOSPC : 0));
  }
}

TEST_CASE("a frame that can neither be cut nor finished when the log is closed is the error of that cut, and torn") {
  const RecordingStorage storage;
  {
    const auto core = core_on(storage, small_buffers());
    for (int i = 0; i < 20; ++i) must(append(*core, event));
    REQUIRE(core->write_lock.try_acquire());
    REQUIRE(core->writer.write_some() == Step::wrote);
    core->writer.abandon();
    storage.fail(Op::truncate, 1, EBUSY);
    storage.fail(Op::write, 1, ENOSPC);
    CHECK(errno_of(core->writer.close()) == EBUSY);
  }
  const auto torn = storage.content().size();
  storage.start_afresh();
  auto again = must(Wal<>::open("log").storage(storage).build());
  CHECK(again.last_lsn() == torn / frame_bytes(event.size()));
  CHECK(storage.content().size() == again.last_lsn() * frame_bytes(event.size()));
  CHECK(storage.content().size() < torn);
}

TEST_CASE("a write that a close stops half-way is cut off, and never gone on with where that is refused") {
  struct Stopped : RecordingStorage {
    std::shared_ptr<std::function<void()>> then = std::make_shared<std::function<void()>>();
    Result<std::size_t> write(Bytes bytes) {
      auto taken = RecordingStorage::write(bytes.first((std::min)(bytes.size(), std::size_t{1000})));
      if (*then) (*then)();
      return taken;
    }
  };
  for (const bool is_large : {false, true}) {
    for (const bool refused : {false, true}) {
      const Stopped storage;
      const auto core = core_on(storage, small_buffers());
      must(append(*core, event));
      must(flush(*core));
      const auto before = storage.content().size();
      if (is_large) {
        must(append(*core, large));
      } else {
        for (int i = 0; i < 3; ++i) must(append(*core, event));
      }
      REQUIRE(core->write_lock.try_acquire());
      *storage.then = [&] { core->writer.abandon(); };
      REQUIRE(core->writer.write_some() == CoreOn<Stopped>::LogWriter::Step::stopped);
      REQUIRE(storage.content().size() == before + 1000);
      if (refused) storage.fail(Op::truncate, 1, EBUSY);
      CHECK(errno_of(core->writer.close()) == (refused ? EBUSY : 0));
      CHECK(storage.content().size() == before + (refused ? 1000 : 0));
      CHECK(core->writer.last_lsn() == 1);
    }
  }
}

TEST_CASE("an event that is written becomes durable although a later one beyond the first sector is not published") {
  for (const SyncMode mode : {SyncMode(SyncMode::never), SyncMode::interval(1ms)}) {
    rewal::detail::Options options = small_buffers();
    options.sync_mode = mode;
    const RecordingStorage storage;
    const auto core = core_on(storage, options);
    must(append(*core, std::vector<std::byte>(100)));
    must(flush(*core));
    REQUIRE(core->ring.try_claim(700, 1, rewal::detail::Wake::nobody));
    auto durable = in_background([&] { return wait_durable(*core, 1); });
    CHECK(outcome(durable));
    CHECK(core->writer.durable_lsn() == 1);
    CHECK_FALSE(core->writer.unsynced_age().since().has_value());
  }
}

TEST_CASE("hooks are not told of the fsync of a new log's first sector, not even where no other is needed") {
  struct Hooks {
    std::atomic<int>* calls;
    void before_sync() { ++*calls; }
    void after_sync(std::chrono::nanoseconds) { ++*calls; }
  };
  const RecordingStorage storage;
  std::atomic<int> calls{0};
  const auto core = core_on(storage, small_buffers(), Hooks{&calls});
  must(append(*core, std::vector<std::byte>(100)));
  must(flush(*core));
  const auto claim = core->ring.try_claim(700, 1, rewal::detail::Wake::nobody);
  REQUIRE(claim);
  auto durable = in_background([&] { return wait_durable(*core, 1); });
  CHECK(outcome(durable));
  CHECK(core->writer.durable_lsn() == 1);
  CHECK(calls == 0);
  CHECK(core->writer.counts().sync_count.load() == 0);
}

TEST_CASE("a large frame that is the first after an fsync is marked once all of it is there") {
  const RecordingStorage storage;
  const auto core = core_on(storage, small_buffers());
  must(append(*core, event));
  must(wait_durable(*core, 1));
  const auto before = storage.content().size();
  // Made by another log, since the producer here stops half-way.
  const RecordingStorage other;
  {
    auto wal = must(Wal<>::open("other").storage(other).start_lsn(2).build());
    must(wal.append(large));
    must(wal.shutdown());
  }
  const auto frame = other.content();
  auto& ring = core->ring;
  const auto size = static_cast<std::uint32_t>(frame.size());
  REQUIRE(ring.try_hold() == rewal::detail::Refusal::none);
  const auto claim = ring.try_claim_large(size, 1, true);
  REQUIRE(claim);
  const auto room = ring.large_room(claim, rewal::detail::LargeRest(new std::byte[ring.large_rest_bytes(size)]));
  for (std::size_t i = 0; i < size; ++i) room[i] = frame[i];
  ring.publish_large(size / 2);
  REQUIRE(core->write_lock.try_acquire());
  auto written = in_background([&] { return core->writer.write_some(); });
  REQUIRE(eventually([&] { return storage.content().size() == before + size / 2; }));
  ring.publish_large(size);
  CHECK(outcome(written) == Step::wrote);
  core->release_write_lock();
  CHECK(core->writer.last_lsn() == 2);
  must(core->writer.close());
  const auto whole = storage.content();
  CHECK((whole[before + 6] & std::byte{2}) != std::byte{0});
  storage.start_afresh();
  auto again = must(Wal<>::open("log").storage(storage).build());
  CHECK(again.last_lsn() == 2);
}

TEST_CASE("an event reaches the storage unasked, however small the buffer or the queue") {
  for (const std::uint64_t size : {1u, 16u, 31u, 63u, 64u, 127u}) {
    auto small_buffer = must(Wal<>::open("log").storage(MemoryStorage()).buffer_capacity(size).build());
    auto small_queue = must(Wal<>::open("log").storage(MemoryStorage()).queue_bytes(size).build());
    must(small_buffer.append("event"));
    must(small_queue.append("event"));
    CHECK(eventually([&] { return small_buffer.last_lsn() == 1; }));
    CHECK(eventually([&] { return small_queue.last_lsn() == 1; }));
  }
}

TEST_CASE("a large frame behind a first sector that cannot be fsynced is not written") {
  const RecordingStorage storage;
  const auto core = core_on(storage, small_buffers());
  must(append(*core, std::vector<std::byte>(100)));
  must(flush(*core));
  const auto size = storage.content().size();
  storage.fail(Op::sync, 1, EIO);
  must(append(*core, large));
  CHECK(errno_of(flush(*core)) == EIO);
  CHECK(storage.content().size() == size);
  CHECK(core->writer.last_lsn() == 1);
}

TEST_CASE("a writer that waits for the rest of a large frame goes when the log is closed") {
  const RecordingStorage storage;
  const auto core = core_on(storage, small_buffers());
  auto& ring = core->ring;
  constexpr std::uint32_t size = 200'000;
  REQUIRE(ring.try_hold() == rewal::detail::Refusal::none);
  const auto claim = ring.try_claim_large(size, 1, true);
  REQUIRE(claim);
  rewal::detail::LargeRest rest(new std::byte[ring.large_rest_bytes(size)]);
  const auto room = ring.large_room(claim, std::move(rest));
  for (std::size_t i = 0; i < room.size(); ++i) room[i] = std::byte{0};
  ring.publish_large(100'000);  // and its producer stops there
  REQUIRE(core->write_lock.try_acquire());
  auto written = in_background([&] { return core->writer.write_some(); });
  REQUIRE(eventually([&] { return storage.content().size() == 100'000; }));
  CHECK(stays_pending(written));
  core->writer.abandon();
  CHECK(outcome(written) == Step::stopped);
  CHECK(core->writer.close());
  CHECK(core->writer.last_lsn() == 0);
  CHECK(storage.content().empty());
}
