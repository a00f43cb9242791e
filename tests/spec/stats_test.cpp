// SPDX-License-Identifier: MIT
//
// What each number of the stats counts, and that a snapshot never contradicts itself.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>

using namespace rewal_test;

namespace {

Batch of_three() {
  Batch batch;
  for (const char* text : {"1", "2", "3"}) batch.add(text);
  return batch;
}

constexpr std::uint64_t bytes_of_three = 28 + 3 * 7;

}  // namespace

TEST_CASE("events, frames and bytes are counted when they are written") {
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  Hold hold(disk.writes());
  must(wal.append("event"));
  must(wal.append_batch(of_three()));
  CHECK(wal.stats().events_written == 0);
  hold.release();
  must(wal.flush());
  const Stats stats = wal.stats();
  CHECK(stats.events_written == 4);
  CHECK(stats.batches_written == 2);
  CHECK(stats.bytes_written == frame_bytes(5) + bytes_of_three);
  CHECK(stats.file_size == stats.bytes_written);
  CHECK(stats.last_lsn == 4);
}

TEST_CASE("fsyncs and what they covered are counted when they have finished") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  const auto before = disk.count(Op::sync);
  must(wal.append("event"));
  must(wal.flush());
  CHECK(wal.stats().bytes_synced == 0);
  CHECK(wal.stats().sync_count == 0);
  must(wal.append_durable("event"));
  must(wal.append_durable("event"));
  const Stats stats = wal.stats();
  CHECK(stats.bytes_synced == 3 * frame_bytes(5));
  CHECK(stats.sync_count == disk.count(Op::sync) - before);
  CHECK(stats.durable_lsn == 3);
}

TEST_CASE("bytes_synced counts what the fsync of a new log's first sector covered, and no byte twice") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append("in the first sector"));
  must(wal.flush());
  must(wal.append(std::string(1000, 'x')));  // leaves it
  must(wal.flush());
  CHECK(wal.stats().bytes_synced == frame_bytes(19));
  must(wal.sync());
  CHECK(wal.stats().bytes_synced == wal.stats().file_size);
}

TEST_CASE("queue_len is the frames accepted and not yet written") {
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  CHECK(wal.stats().queue_len == 0);
  Hold hold(disk.writes());
  for (int i = 0; i < 10; ++i) must(wal.append("event"));
  must(wal.append_batch(of_three()));
  CHECK(wal.stats().queue_len == 11);
  hold.release();
  must(wal.flush());
  CHECK(wal.stats().queue_len == 0);
}

TEST_CASE("drops are events, in drop mode alone") {
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_capacity(1).backpressure(Backpressure::drop).build());
  const Hold hold(disk.writes());
  must(wal.append("kept"));
  must(wal.append("dropped"));
  must(wal.append_batch(of_three()));
  CHECK(wal.stats().drops == 4);
}

TEST_CASE("compressed_bytes is what compression saved") {
  struct Halves {
    Result<void> compress(Bytes source, std::vector<std::byte>& target) {
      target.insert(target.end(), source.begin(), source.begin() + static_cast<std::ptrdiff_t>(source.size() / 2));
      return {};
    }
    Result<void> decompress(Bytes, std::vector<std::byte>&) { return Errc::corrupted; }
  };
  MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).compressor(Halves{}).build());
  must(wal.append(std::string(994, 'x')));
  must(wal.flush());
  CHECK(wal.stats().compressed_bytes == 500);
  CHECK(wal.stats().bytes_written == 28 + 500);
}

TEST_CASE("file_size counts frames, those found at open too, and no preallocated space") {
  const TempDir dir;
  { must(must(Wal<>::open(dir.file("log")).build()).append("event")); }
  auto wal = must(Wal<>::open(dir.file("log")).preallocate(1 << 20).build());
  CHECK(wal.stats().file_size == frame_bytes(5));
  CHECK(wal.stats().bytes_written == 0);
  CHECK(wal.stats().events_written == 0);
  CHECK(wal.stats().last_lsn == 1);
  CHECK(wal.stats().durable_lsn == 1);
  must(wal.append_durable("event"));
  CHECK(wal.stats().file_size == 2 * frame_bytes(5));
}

TEST_CASE("corruptions counts the damage that open cut") {
  const RecordingStorage disk;
  {
    auto wal = must(Wal<>::open("log").storage(disk).build());
    for (int i = 0; i < 3; ++i) must(wal.append("event"));
  }
  auto torn = disk.content();
  torn.resize(torn.size() - 1);
  auto wal = must(Wal<>::open("log").storage(RecordingStorage(torn)).build());
  CHECK(wal.stats().corruptions == 1);
  CHECK(wal.stats().last_lsn == 2);
  CHECK(wal.recovery().cut_bytes == frame_bytes(5) - 1);
}

TEST_CASE("a failed write or fsync counts nothing") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append_durable("event"));
  const Stats before = wal.stats();
  disk.fail(Op::write, 1, 5);
  CHECK_FALSE(wal.append_durable("event"));
  const Stats after = wal.stats();
  CHECK(after.events_written == before.events_written);
  CHECK(after.bytes_written == before.bytes_written);
  CHECK(after.file_size == before.file_size);
  CHECK(after.sync_count == before.sync_count);
  CHECK(after.last_lsn == 1);
}

TEST_CASE("stats stay what they were after the end") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).build());
  must(wal.append("event"));
  must(wal.shutdown());
  const Stats stats = wal.stats();
  CHECK(stats.events_written == 1);
  CHECK(stats.durable_lsn == 1);
  CHECK(stats.queue_len == 0);
  CHECK(stats.state == State::closed);
}

TEST_CASE("no snapshot under load contradicts itself or goes back") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).queue_capacity(64).build());
  std::atomic<bool> stop{false};
  auto watcher = in_background([&] {
    std::size_t wrong = 0;
    Stats before;
    while (!stop) {
      const Stats now = wal.stats();
      wrong += now.durable_lsn > now.last_lsn || now.bytes_synced > now.bytes_written || now.queue_len > 64;
      wrong += now.last_lsn < before.last_lsn || now.durable_lsn < before.durable_lsn;
      wrong += now.events_written < before.events_written || now.events_written < now.last_lsn;
      wrong += now.file_size < before.file_size || now.sync_count < before.sync_count;
      before = now;
    }
    return wrong;
  });
  together(3, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(1000); ++i)
      must(thread == 0 ? wal.append_durable("event") : wal.append("event"));
  });
  stop = true;
  CHECK(outcome(watcher) == 0);
}
