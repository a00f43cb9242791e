// SPDX-License-Identifier: MIT
//
// The hooks about writes: how often, and whether last_lsn shows the event meanwhile.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
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

TEST_CASE("write hooks run one at a time and count every byte, frame and event once", "[hooks]") {
  struct Totals {
    std::mutex mutex;
    std::uint64_t announced = 0, written = 0, events = 0, frames = 0, appends = 0;
    Lsn last = 0;
    bool overlapped = false;
    bool in_order = true;
  };
  struct Counting {
    std::shared_ptr<Totals> totals;
    void locked(const std::function<void(Totals&)>& work) {
      const std::unique_lock lock(totals->mutex, std::try_to_lock);
      if (!lock) {
        totals->overlapped = true;  // of the write path alone: before_append takes no lock
      } else {
        work(*totals);
      }
    }
    void before_write(std::size_t bytes) {
      locked([&](Totals& t) { t.announced += bytes; });
    }
    void after_write(std::size_t bytes) {
      locked([&](Totals& t) { t.written += bytes; });
    }
    void after_append(Lsn last, std::size_t count) {
      locked([&](Totals& t) {
        t.in_order = t.in_order && last == t.last + count;
        t.last = last;
        t.events += count;
        ++t.frames;
      });
    }
  };
  const auto totals = std::make_shared<Totals>();
  const MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).hooks(Counting{totals}).queue_bytes(4096).build());
  const std::size_t rounds = volume(800);
  together(4, [&](std::size_t thread) {
    for (std::size_t i = 0; i < rounds; ++i) {
      if (i % 3 == 0) {
        must(wal.append_batch(batch_of({"a", std::string(i % 50, 'b')})));
      } else if (i % 31 == 1) {
        must(wal.append_durable(std::string(thread * 7, 'c')));
      } else {
        must(wal.append(std::string(i % 300, 'd')));
      }
    }
  });
  must(wal.flush());
  CHECK(totals->last == wal.last_lsn());  // they have run before last_lsn shows the event
  must(wal.shutdown());
  CHECK(!totals->overlapped);
  CHECK(totals->in_order);
  CHECK(totals->announced == disk.bytes().size());
  CHECK(totals->written == disk.bytes().size());
  CHECK(totals->events == wal.stats().events_written);
  CHECK(totals->frames == wal.stats().batches_written);
  CHECK(totals->frames == rounds * 4);
}

TEST_CASE("hooks have run for an event before last_lsn shows it", "[hooks]") {
  struct Noting {
    std::shared_ptr<std::atomic<Lsn>> appended;
    std::shared_ptr<std::atomic<std::uint64_t>> bytes;
    void after_append(Lsn last, std::size_t) { appended->store(last); }
    void after_write(std::size_t n) { bytes->fetch_add(n); }
  };
  const auto appended = std::make_shared<std::atomic<Lsn>>(0);
  const auto bytes = std::make_shared<std::atomic<std::uint64_t>>(0);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(Noting{appended, bytes}).build());
  std::atomic<bool> over{false};
  auto watching = in_background([&] {
    while (!over) {
      const Lsn shown = wal.last_lsn();
      if (appended->load() < shown || bytes->load() < shown * 35) return false;
    }
    return true;
  });
  for (std::size_t i = 0; i < volume(3000); ++i) {
    must(wal.append("x"));
    if (i % 8 == 0) must(wal.flush());
  }
  over = true;
  CHECK(outcome(watching));
}

TEST_CASE("while its hooks run an event does not show in last_lsn", "[hooks]") {
  struct ObservingHooks {
    std::shared_ptr<std::function<Lsn()>> last_lsn = std::make_shared<std::function<Lsn()>>([] { return Lsn{0}; });
    std::shared_ptr<std::vector<Lsn>> seen = std::make_shared<std::vector<Lsn>>();
    void after_append(Lsn, std::size_t) { seen->push_back((*last_lsn)()); }
    void after_write(std::size_t) { seen->push_back((*last_lsn)()); }
  };
  const ObservingHooks hooks;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(hooks).queue_bytes(200).build());
  *hooks.last_lsn = [&] { return wal.last_lsn(); };
  for (const std::size_t size : {1u, 2u, 500u}) {  // the last one is larger than the queue
    must(wal.append(std::string(size, 'x')));
    must(wal.flush());
  }
  CHECK(*hooks.seen == std::vector<Lsn>{0, 0, 1, 1, 2, 2});
}
