// SPDX-License-Identifier: MIT
//
// G15: a log's heap memory is bounded in bytes and falls back after a burst, whatever is appended, and a reader's too.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory/counting_sink.hpp>
#include <memory/memory_bound.hpp>
#include <optional>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::thinning;

/// `total` bytes by four producers, in events of 1 byte to 64 KiB.
template <class W>
std::uint64_t burst(W& wal, std::uint64_t total) {
  std::atomic<std::uint64_t> events{0};
  std::vector<std::thread> producers;
  for (std::uint64_t producer = 0; producer < 4; ++producer) {
    producers.emplace_back([&wal, &events, total, producer] {
      rewal_torture::Random random(rewal_torture::seed() + producer);
      for (std::uint64_t sent = 0; sent < total / 4;) {
        const auto size = static_cast<std::size_t>(random.below(random.below(8) == 0 ? 64 * kib : 2 * kib));
        if (!wal.append(payload_of(size))) return;
        sent += frame_bytes(size);
        ++events;
      }
    });
  }
  for (auto& producer : producers) producer.join();
  return events;
}

/// A burst, tiny events and large ones, on a log with default options.
void default_options(std::uint64_t burst_bytes, std::uint64_t tiny_events, std::size_t large_bytes) {
  static_cast<void>(plenty(large_bytes));
  Row row("G15", "bytes appended to a log with default options", "bytes");

  const auto all = [&](auto builder, const std::string& where) {
    MemoryBound memory(default_queue_bytes);
    auto wal = must(builder.build());
    memory.now(where + "_open").idle(row, slack_bytes);

    memory.now(where + "_burst");
    const auto events = burst(wal, burst_bytes);
    must(wal.flush());
    memory.peak(row, frame_bytes(64 * kib));
    memory.idle(row, slack_bytes);

    memory.now(where + "_tiny");
    for (std::uint64_t i = 0; i < tiny_events; ++i) must(wal.append(payload_of(i % 3)));
    must(wal.flush());
    memory.peak(row, frame_bytes(2));
    memory.idle(row, slack_bytes);

    memory.now(where + "_large");
    must(wal.append(payload_of(large_bytes)));
    must(wal.flush());
    memory.peak(row, frame_bytes(large_bytes));
    memory.idle(row, slack_bytes);

    // Two producers with a large one each, and small ones between: still one large frame at a time.
    memory.now(where + "_larges");
    std::vector<std::thread> producers;
    for (int producer = 0; producer < 2; ++producer) {
      producers.emplace_back([&] {
        for (int i = 0; i < 3; ++i) {
          static_cast<void>(wal.append(payload_of(large_bytes / 4)));
          static_cast<void>(wal.append(payload_of(1)));
        }
      });
    }
    for (auto& producer : producers) producer.join();
    must(wal.flush());
    memory.peak(row, frame_bytes(large_bytes / 4));
    memory.idle(row, slack_bytes);

    const auto stats = wal.stats();
    CHECK(stats.events_written == events + tiny_events + 1 + 12);
    row.count += stats.bytes_written;
    must(wal.shutdown());
  };
  const TempDir dir;
  all(Wal<>::open("sink").storage(Sink{}), "sink");
  all(Wal<>::open(dir.file("log")), "file");
}

}  // namespace

TEST_CASE("a log with default options keeps to its memory, whatever is appended") {
  default_options(64 * mib / thinning, 200'000 / thinning, static_cast<std::size_t>(16 * mib / thinning));
}

TEST_CASE("a burst of 1 GiB, 10^6 tiny events and one of 256 MiB keep to the same memory", "[.torture]") {
  default_options(1024 * mib, 1'000'000, static_cast<std::size_t>(256 * mib));
}

TEST_CASE("a slow storage behind a full queue costs no more memory") {
  Row row("G15", "bytes appended against a slow storage", "bytes");
  for (const std::uint64_t queue_bytes : {default_queue_bytes, 8 * mib, 64 * mib}) {
    Sink sink;
    sink.state->per_write = 200us;
    static_cast<void>(plenty());
    MemoryBound memory(queue_bytes);
    memory.now("queue_" + std::to_string(queue_bytes / kib) + "k");
    auto wal = must(Wal<>::open("sink").storage(sink).queue_bytes(queue_bytes).queue_capacity(1 << 20).build());
    burst(wal, 2 * queue_bytes / (queue_bytes > 16 * mib ? thinning : 1));
    must(wal.flush());
    memory.peak(row, frame_bytes(64 * kib));
    // The ring is the log's own for as long as it is open.
    memory.idle(row, (queue_bytes > default_queue_bytes ? queue_bytes : 0) + slack_bytes);
    row.count += wal.stats().bytes_written;
    must(wal.shutdown());
    wal = {};
    memory.now("closed_" + std::to_string(queue_bytes / kib) + "k").idle(row, 4 * kib);
  }
}

namespace {

void with_indexer_and_hooks(std::size_t payload_bytes, std::uint64_t events, const std::string& label) {
  struct Index {
    void on_append(Lsn, std::optional<Bytes> meta, std::uint64_t) { bytes += meta ? meta->size() : 0; }
    std::uint64_t bytes = 0;
  };
  struct Hook {
    void after_append(Lsn, std::size_t) {}
  };
  Row row("G15", "bytes appended with indexer and hooks, " + label, "bytes");
  static_cast<void>(plenty(payload_bytes));
  MemoryBound memory(default_queue_bytes);
  auto wal = must(Wal<>::open("sink").storage(Sink{}).indexer(Index{}).hooks(Hook{}).build());
  memory.now(label);
  for (std::uint64_t i = 0; i < events; ++i) must(wal.append_with_meta(payload_of(payload_bytes - i % 100), "meta"));
  must(wal.flush());
  memory.peak(row, frame_bytes(payload_bytes, 4));
  memory.idle(row, slack_bytes);
  row.count = wal.stats().bytes_written;
}

}  // namespace

TEST_CASE("an indexer and hooks need no memory that grows with the log") {
  with_indexer_and_hooks(1000, 4000, "small");
}

TEST_CASE("an indexer and hooks need no memory that grows with the frame") {
  with_indexer_and_hooks(static_cast<std::size_t>(8 * mib), 2, "large");
}

TEST_CASE("a reader needs one chunk, or one frame") {
  Row row("G15", "events read beside", "events");
  const TempDir dir;
  static_cast<void>(plenty(2 * mib));
  {
    auto wal = must(Wal<>::open(dir.file("log")).build());
    for (int i = 0; i < 400; ++i) must(wal.append(payload_of(static_cast<std::size_t>(i) * 100)));
    must(wal.append(payload_of(2 * mib)));
    must(wal.shutdown());
  }
  MemoryBound memory(default_queue_bytes);
  memory.now("recovery");
  auto wal = must(Wal<>::open(dir.file("log")).build());
  memory.peak(row, 0);
  memory.now("replay");
  row.count += must(wal.replay(0, [](const BorrowedEvent&) {}));
  memory.peak(row, 0);
  memory.now("owned");
  row.count += must(wal.replay(0, [](Event&&) {}));
  memory.peak(row, frame_bytes(2 * mib));
  memory.idle(row, slack_bytes);
}
