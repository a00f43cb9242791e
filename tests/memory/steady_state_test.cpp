// SPDX-License-Identifier: MIT
//
// P11: the steady state allocates nothing at all.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory/counted_heap.hpp>
#include <memory/counting_sink.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;
using rewal_torture::Row;
using rewal_torture::thinning;

// May fail: the sparse index and the buffer for runs over the queue's end still grow.
TEST_CASE("the steady state allocates nothing") {
  Row row("P11", "calls that must not allocate", "calls");
  const TempDir dir;
  std::uint64_t calls = 0;

  const auto every_call = [&](auto& wal, Batch& batch, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto size = static_cast<std::size_t>(i * 37 % 700);
      bool ok = wal.append(payload_of(size)).has_value();
      ok = wal.append("text").has_value() && ok;
      ok = wal.append_with_meta(payload_of(size), "meta").has_value() && ok;
      batch.clear();
      for (std::size_t n = 0; n < 5; ++n) batch.add_with_meta(payload_of(size), "m");
      ok = wal.append_batch(batch).has_value() && ok;
      const auto lsn = wal.append_batch(batch);
      ok = lsn.has_value() && ok;
      if (i % 4 == 0) ok = wal.flush().has_value() && ok;
      if (i % 8 == 1) ok = wal.sync().has_value() && ok;
      if (i % 8 == 2) ok = wal.wait_durable(*lsn).has_value() && ok;
      if (i % 8 == 3) ok = wal.append_durable(payload_of(size)).has_value() && ok;
      if (i % 8 == 4) ok = wal.append_durable_with_meta(payload_of(size), "meta").has_value() && ok;
      if (i % 8 == 5) ok = wal.append_batch_durable(batch).has_value() && ok;
      ok = wal.stats().state == State::running && wal.last_lsn() >= wal.durable_lsn() && ok;
      calls += ok ? 5u + (i % 4 == 0) + (i % 8 > 0 && i % 8 < 6) : 0u;
    }
  };
  const auto measure = [&](auto wal, const std::string& what, std::uint64_t times) {
    auto batch = Batch::with_capacity(5);
    every_call(wal, batch, times / 4 + 50);  // buffers grow to what this work needs
    calls = 0;
    const auto before = heap::allocations.load();
    every_call(wal, batch, times);
    must(wal.flush());
    const auto made = heap::allocations.load() - before;
    row.count += calls;
    row.violations += made;
    INFO(what);
    CHECK(calls >= times * 5);
    CHECK(made == 0);
    must(wal.shutdown());
  };
  static_cast<void>(plenty());
  for (const SyncMode mode : {SyncMode::never, SyncMode::batch, SyncMode::interval(2ms)}) {
    measure(must(Wal<>::open("sink").storage(Sink{}).sync_mode(mode).build()), "a storage of one's own",
            40'000 / thinning);
    measure(must(Wal<>::open(dir.file("log")).sync_mode(mode).build()), "a file", 800 / thinning);
  }
}

// May fail: as above.
TEST_CASE("several producers in the steady state allocate nothing") {
  Row row("P11", "calls of four producers at once", "calls");
  static_cast<void>(plenty());
  auto wal = must(Wal<>::open("sink").storage(Sink{}).build());
  const std::uint64_t each = 50'000 / thinning;
  std::atomic<int> phase{0};
  std::atomic<int> ready{0};
  std::atomic<std::uint64_t> calls{0};
  std::vector<std::thread> producers;
  for (int producer = 0; producer < 4; ++producer) {
    producers.emplace_back([&] {
      for (int wanted = 1; wanted <= 2; ++wanted) {
        ++ready;
        while (phase < wanted) std::this_thread::yield();
        for (std::uint64_t i = 0; i < each; ++i) {
          calls += wal.append(payload_of(i % 200)).has_value();
          if (i % 512 == 0) calls += wal.flush().has_value();
          if (i % 2048 == 1) calls += wal.append_durable("payload").has_value();
        }
      }
      ++ready;
    });
  }
  const auto run = [&](int which) {
    while (ready < 4 * which) std::this_thread::yield();
    const auto before = heap::allocations.load();
    phase = which;
    while (ready < 4 * (which + 1)) std::this_thread::yield();
    return heap::allocations.load() - before;
  };
  static_cast<void>(run(1));
  calls = 0;
  const auto made = run(2);
  for (auto& producer : producers) producer.join();
  row.count = calls;
  row.violations = made;
  CHECK(calls >= 4 * each);
  CHECK(made == 0);
}
