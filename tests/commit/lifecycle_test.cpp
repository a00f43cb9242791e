// SPDX-License-Identifier: MIT
//
// The end of a log: what its hooks are told of it, and what a close leaves alone.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <rewal/wal.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <utility>

using namespace rewal_test;

namespace {

using Clock = std::chrono::steady_clock;

struct Seen {
  Door door;  // that the first on_shutdown_start stands before
  std::atomic<int> starts{0};
  Clock::time_point started{};
  std::chrono::nanoseconds took{-1};
};

struct ShutdownHooks {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();

  void on_shutdown_start() {
    seen->started = Clock::now();
    if (seen->starts.fetch_add(1) == 0) seen->door.pass();
  }
  void on_shutdown_done(std::chrono::nanoseconds time) { seen->took = time; }
};

}  // namespace

TEST_CASE("a shutdown that is asked for while another begins is one with it to the hooks") {
  const ShutdownHooks hooks;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).hooks(hooks).build());
  std::future<Result<void>> first;
  Hold hold(hooks.seen->door);
  first = in_background([&] { return wal.shutdown(); });
  hold.await_caller();
  CHECK(timed_out(wal.shutdown(0s)));
  hold.release();
  CHECK(outcome(first));
  CHECK(hooks.seen->starts == 1);
}

TEST_CASE("on_shutdown_done is told how long all of the shutdown took, the storage's close included") {
  const ShutdownHooks hooks;
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).hooks(hooks).build());
  const auto before = Clock::now();
  std::future<Result<void>> call;
  Hold hold(disk.closes());
  call = in_background([&] { return wal.shutdown(); });
  hold.await_caller();
  const auto closing = Clock::now();
  hold.release();
  CHECK(outcome(call));
  CHECK(hooks.seen->took >= closing - hooks.seen->started);
  CHECK(hooks.seen->took <= Clock::now() - before);
}

TEST_CASE("a log that is closed after a failed write cuts nothing: what the write left is for the next opening") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  disk.shorten(1, 10);
  disk.fail(Op::write, 2, ENOSPC);
  must(wal.append("event"));
  CHECK(errno_of(wal.flush()) == ENOSPC);
  static_cast<void>(wal.close());
  CHECK(disk.sequence() == "sync write write close");
  CHECK(disk.content().size() == 10);
}
