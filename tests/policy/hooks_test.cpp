// SPDX-License-Identifier: MIT
//
// When each of the hooks is called, with what, on which thread.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <policy/timeline.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/recording_storage.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("a log's whole life, as its hooks and its storage see it", "[hooks]") {
  const TimelineLog at;
  {
    auto wal = must(at.builder().build());
    CHECK(at.line->count("on_start") == 1);  // before build() returns
    CHECK(at.line->take().back() == "on_start");

    must(wal.append_with_meta("abc", "m"));
    must(wal.flush());
    CHECK(at.line->take() ==
          Entries{"before_append 1: abc/m", "before_write 38", "write", "after_append 1 1", "after_write 38"});

    must(wal.sync());
    CHECK(at.line->take() == Entries{"before_sync", "sync", "after_sync"});
    must(wal.sync());
    CHECK(at.line->take() == Entries{});  // nothing to do

    must(wal.append_batch_durable(batch_of({"x", "", "yz"})));
    CHECK(at.line->take() == Entries{"before_append 3: x  yz", "before_write 49", "write", "after_append 4 3",
                                     "after_write 49", "before_sync", "sync", "after_sync"});
    must(wal.append("last"));
    must(wal.flush());
    CHECK(at.line->take().size() == 5);
    must(wal.shutdown());
    CHECK(at.line->take() ==
          Entries{"on_shutdown_start", "before_sync", "sync", "after_sync", "close", "on_shutdown_done"});
    must(wal.shutdown());
  }
  CHECK(at.line->take() == Entries{});  // the destructor of a closed log tells nobody
  CHECK(at.disk.trespasses().empty());
}

TEST_CASE("the destructor is a shutdown to the hooks, close is not", "[hooks]") {
  const TimelineLog at;
  { const auto wal = must(at.builder().build()); }
  CHECK(at.line->count("on_shutdown_start") == 1);
  CHECK(at.line->count("on_shutdown_done") == 1);
  const TimelineLog other;
  must(must(other.builder().build()).close());
  CHECK(other.line->count("on_shutdown") == 0);
  CHECK(other.line->count("close") == 1);
}

TEST_CASE("concurrent callers of shutdown are one to the hooks", "[hooks]") {
  const TimelineLog at;
  auto wal = must(at.builder().build());
  must(wal.append("x"));
  together(4, [&](std::size_t) { must(wal.shutdown()); });
  CHECK(at.line->count("on_shutdown_start") == 1);
  CHECK(at.line->count("on_shutdown_done") == 1);
}

TEST_CASE("on_shutdown_done comes after a failed shutdown too", "[hooks]") {
  const TimelineLog at;
  auto wal = must(at.builder().build());
  at.disk.fail(Op::write, 1, ENOSPC);
  must(wal.append("x"));
  CHECK(errno_of(wal.shutdown()) == ENOSPC);
  CHECK(at.line->count("after_write") == 0);
  CHECK(at.line->count("after_append") == 0);
  CHECK(at.line->count("on_shutdown_done") == 1);
  CHECK(at.line->all().back() == "on_shutdown_done");
}

TEST_CASE("a failed fsync has a before_sync and no after_sync", "[hooks]") {
  const TimelineLog at;
  auto wal = must(at.builder().build());
  at.disk.fail(Op::sync, 1, EIO);
  CHECK(errno_of(wal.append_durable("x")) == EIO);
  CHECK(at.line->count("before_sync") == 1);
  CHECK(at.line->count("after_sync") == 0);
}

TEST_CASE("on_corruption names the place where build() cut, before on_start", "[hooks]") {
  Log image;
  image.event("one").event("two");
  const std::size_t end = image.image.size();
  image.text("EWAL and then a tear");
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(RecordingStorage(image.image)).hooks(AllHooks{line}).build());
  CHECK(line->all() == Entries{"on_corruption " + number(end), "on_start"});
  CHECK(wal.stats().corruptions == 1);
}

TEST_CASE("a clean log, and zeros behind it, are no corruption", "[hooks]") {
  for (const std::size_t zeros : {std::size_t{0}, std::size_t{5000}}) {
    Log image;
    image.event("one").zeros(zeros);
    const auto line = std::make_shared<Timeline>();
    const auto wal = must(Wal<>::open("log").storage(RecordingStorage(image.image)).hooks(AllHooks{line}).build());
    CHECK(line->all() == Entries{"on_start"});
  }
}

TEST_CASE("on_drop says how many events were dropped, on the appending thread", "[hooks]") {
  struct DropHooks {
    std::shared_ptr<Timeline> line;
    void on_drop(std::size_t events) { line->add("on_drop " + number(events)); }
    void before_append(const Events& events) { line->add("before_append " + number(events.size())); }
  };
  const auto line = std::make_shared<Timeline>();
  const BlockingStorage storage;
  auto wal = must(Wal<>::open("log")
                      .storage(storage)
                      .hooks(DropHooks{line})
                      .queue_capacity(1)
                      .backpressure(Backpressure::drop)
                      .build());
  Hold hold(storage.writes());
  CHECK(must(wal.append("fills the queue")) == 1);
  hold.await_caller();
  CHECK(must(wal.append("a")) == 0);
  CHECK(must(wal.append_batch(batch_of({"b", "c", "d"}))) == 0);
  CHECK(said(wal.append_durable("e")) == "queue_full");  // not dropped: refused
  CHECK(line->all() ==
        Entries{"before_append 1", "before_append 1", "on_drop 1", "before_append 3", "on_drop 3", "before_append 1"});
  CHECK(line->all_on_this_thread());
  CHECK(wal.stats().drops == 4);
  hold.release();
  must(wal.flush());
  CHECK(must(wal.append("goes on")) == 2);
}

TEST_CASE("before_append comes also for an append that is then rejected", "[hooks]") {
  struct FailingCompressor {
    Result<void> compress(Bytes, std::vector<std::byte>&) { return Errc::crc_mismatch; }
    Result<void> decompress(Bytes, std::vector<std::byte>&) { return Errc::corrupted; }
  };
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log")
                      .storage(MemoryStorage{})
                      .hooks(AllHooks{line})
                      .compressor(FailingCompressor{})
                      .max_frame_bytes(100)
                      .build());
  CHECK(said(wal.append(std::string(101, 'x'))) == "invalid_record");
  CHECK(line->count("before_append 1: xxx") == 1);
  CHECK(said(wal.append("the compressor refuses")) == "crc_mismatch");
  CHECK(line->count("before_append 1: the compressor refuses") == 1);
  CHECK(wal.last_lsn() == 0);
}

TEST_CASE("before_append comes also for a meta that is too long", "[hooks]") {
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(AllHooks{line}).build());
  CHECK(said(wal.append_with_meta("payload", std::string(65536, 'm'))) == "invalid_record");
  CHECK(line->count("before_append 1: payload/mmm") == 1);
}

TEST_CASE("before_append sees a batch again and again, and by several passes", "[hooks]") {
  struct Twice {
    std::shared_ptr<Timeline> line;
    void before_append(const Events& events) {
      line->add(text(events));
      line->add(text(events));
      line->add(number(static_cast<std::uint64_t>(std::distance(events.begin(), events.end()))));
    }
  };
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(Twice{line}).build());
  Batch batch;
  batch.add_with_meta("p", "m");
  batch.add_with_meta("", "only meta");
  batch.add("");
  must(wal.append_batch(batch));
  const std::string expected = "3: p/m /only meta ";
  CHECK(line->all() == Entries{expected, expected, "3"});
}
