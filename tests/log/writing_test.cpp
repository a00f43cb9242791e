// SPDX-License-Identifier: MIT
//
// The writer, driven by the test with the pen in hand: errors and a close at places that a running log reaches seldom.

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
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
    REQUIRE(core->pen.try_take());
    REQUIRE(core->writer.write_some() == Step::wrote);
    const Lsn whole = core->writer.last_lsn();
    if (fails) storage.fail(Op::write, 1, ENOSPC);
    CHECK(core->sync() == !fails);
    CHECK(core->writer.last_lsn() == whole + (fails ? 0 : 1));
    CHECK(core->writer.durable_lsn() == (fails ? 0 : whole + 1));
    CHECK(core->writer.failed() == fails);
    core->put_pen_down();
    CHECK(errno_of(append(*core, event)) == (fails ? ENOSPC : 0));
  }
}

TEST_CASE("a frame that can neither be cut nor finished when the log is closed is the error of that cut, and torn") {
  const RecordingStorage storage;
  {
    const auto core = core_on(storage, small_buffers());
    for (int i = 0; i < 20; ++i) must(append(*core, event));
    REQUIRE(core->pen.try_take());
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
  REQUIRE(core->pen.try_take());
  auto written = in_background([&] { return core->writer.write_some(); });
  REQUIRE(eventually([&] { return storage.content().size() == 100'000; }));
  CHECK(stays_pending(written));
  core->writer.abandon();
  CHECK(outcome(written) == Step::stopped);
  CHECK(core->writer.close());
  CHECK(core->writer.last_lsn() == 0);
  CHECK(storage.content().empty());
}
