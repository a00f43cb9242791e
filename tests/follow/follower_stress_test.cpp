// SPDX-License-Identifier: MIT
//
// G26 under stress: eight followers beside four producers on a log that is shut down, closed, destroyed or fails, with
// seeks, stops, polls and waits. Each follower checks every event it is handed; whoever is neither stopped nor cut off
// must have all of them. A short run with the normal tests, a long one by [.torture].

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Random;
using rewal_torture::Row;

/// How far the log says it is; it outlives it.
struct Reached {
  std::shared_ptr<std::atomic<Lsn>> written = std::make_shared<std::atomic<Lsn>>(0);
  std::shared_ptr<std::atomic<Lsn>> durable = std::make_shared<std::atomic<Lsn>>(0);
  void after_append(Lsn last, std::size_t) { written->store(last); }
  void on_durable(Lsn lsn) { durable->store(lsn); }
};

enum class End : std::uint8_t { shutdown, close, destruction, error };

struct Counts {
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> seeks{0};
  std::atomic<std::uint64_t> stops{0};
};

[[noreturn]] void wrong(const std::string& what) { throw std::runtime_error(what); }

/// One follower's life: until it is stopped or the log ends. `seen` is how far it has come.
template <class F>
struct Reader {
  F follower;
  Follow what;
  std::atomic<Lsn> seen{0};
  std::atomic<bool> stopped{false};
  std::string end;

  Reader(F f, Follow w) : follower(std::move(f)), what(w) {}

  void run(const Reached& reached, std::uint64_t seed, Counts& counts) {
    Random random(seed);
    Lsn next = 1;
    for (;;) {
      if (random.below(2000) == 0) {
        const Lsn to = 1 + random.below(next);
        if (!follower.seek(to)) continue;
        next = to;
        ++counts.seeks;
      }
      BorrowedEvent event;
      if (random.below(4) == 0) {
        const auto got = follower.next_borrowed(std::chrono::microseconds(random.below(300)));
        if (!got) return ended(said(got));
        if (!*got) continue;
        event = **got;
      } else {
        const auto got = follower.next_borrowed();
        if (!got) return ended(said(got));
        event = *got;
      }
      if (event.lsn != next) wrong("event " + std::to_string(event.lsn) + " in the place of " + std::to_string(next));
      if (event.lsn > (what == Follow::durable ? reached.durable : reached.written)->load()) wrong("too early");
      if (!event.payload.empty() && event.payload.front() != event.payload.back()) wrong("other bytes");
      ++next;
      ++counts.events;
      if (event.lsn > seen.load()) seen.store(event.lsn);
    }
  }
  void ended(std::string how) { end = std::move(how); }
};

template <class W>
void produce(W& wal, std::uint64_t seed, std::size_t count) {
  Random random(seed);
  auto batch = Batch::with_capacity(8);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string payload(random.below(20) == 0 ? 5000 : random.below(60), static_cast<char>('a' + i % 26));
    Result<Lsn> lsn = Errc::closed;
    switch (random.below(20)) {
      case 0: lsn = wal.append_durable(payload); break;
      case 1:
        batch.clear();
        for (int j = 0; j < 5; ++j) batch.add(payload);
        lsn = wal.append_batch(batch);
        break;
      case 2:
        lsn = wal.append(payload);
        if (random.below(2) == 0) static_cast<void>(wal.flush());
        break;
      case 3:
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(1500)));
        lsn = wal.append(payload);
        break;
      default: lsn = wal.append(payload);
    }
    if (!lsn) return;  // the log ends
  }
}

/// One log, from its first event to the end of all who follow it.
template <class Open>
void round(Open open, std::uint64_t seed, End end, Counts& counts, const std::function<void()>& break_disk) {
  Random random(seed);
  const Reached reached;
  using W = decltype(open(reached));
  auto wal = std::make_unique<W>(open(reached));
  std::vector<std::unique_ptr<Reader<typename W::Follower>>> readers;
  for (int i = 0; i < 8; ++i) {
    const Follow what = i % 2 == 0 ? Follow::durable : Follow::written;
    readers.push_back(std::make_unique<Reader<typename W::Follower>>(must(wal->follow(1, what)), what));
  }
  std::atomic<std::size_t> producing{4};
  const bool waits = end != End::error && random.below(2) == 0;
  together(8 + 4 + 1, [&](std::size_t i) {
    if (i < 8) return readers[i]->run(reached, seed + i, counts);
    if (i < 12) {
      produce(*wal, seed + i, volume(400));
      --producing;
      return;
    }
    if (random.below(3) == 0) {
      for (std::size_t k = 0; k < 2; ++k) {
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(3000)));
        readers[k]->stopped = true;
        readers[k]->follower.stop();
        ++counts.stops;
      }
    }
    if (waits && !eventually([&] { return producing.load() == 0; })) wrong("the producers hang");
    if (waits && !eventually([&] {
          const Lsn last = wal->last_lsn();
          for (const auto& reader : readers) {
            if (!reader->stopped && reader->seen.load() < last) return false;
          }
          return wal->stats().queue_len == 0 && last == wal->last_lsn();
        })) {
      for (const auto& reader : readers) reader->follower.stop();
      wrong("a wake-up is lost");
    }
    if (!waits) std::this_thread::sleep_for(std::chrono::microseconds(random.below(8000)));
    if (end == End::error) {
      break_disk();
      static_cast<void>(wal->append_durable("the last straw"));
    }
    if (end == End::shutdown) must(wal->shutdown());
    if (end == End::close) must(wal->close());
    if (end == End::destruction) {
      if (!eventually([&] { return producing.load() == 0; })) wrong("the producers hang");
      wal.reset();
    }
  });
  for (const auto& reader : readers) {
    const bool all = end == End::shutdown || (end == End::error && !reader->stopped);
    const Lsn last = (reader->what == Follow::durable ? reached.durable : reached.written)->load();
    const bool failed = end == End::error && reader->end == "io";
    if (reader->end != "closed" && !failed) wrong("it ended with " + reader->end);
    if (all && !reader->stopped && reader->seen.load() != last) {
      wrong("it has seen " + std::to_string(reader->seen.load()) + " of " + std::to_string(last));
    }
  }
}

void rounds(Row& row, std::uint64_t first, const std::function<bool(std::uint64_t)>& go_on) {
  Counts counts;
  const TempDir dir;
  const SyncMode modes[] = {SyncMode::never, SyncMode::batch, SyncMode::interval(2ms)};
  std::uint64_t i = first;
  for (; go_on(i - first); ++i) {
    const auto end = static_cast<End>(i % 4);
    const SyncMode mode = modes[i % 3];
    INFO("round " << i);
    if (end == End::error || i % 5 == 0) {
      RecordingStorage disk;
      const auto open = [&](const Reached& hooks) {
        return must(Wal<>::open("log").storage(disk).sync_mode(mode).hooks(hooks).queue_bytes(64 * 1024).build());
      };
      REQUIRE_NOTHROW(round(open, i * 1000, end, counts,
                            [&] { disk.fail(i % 2 ? Op::write : Op::sync, 1, EIO, Fault::for_ever); }));
    } else {
      const auto path = dir.file("log" + std::to_string(i));
      const auto open = [&](const Reached& hooks) {
        return must(Wal<>::open(path).sync_mode(mode).hooks(hooks).queue_bytes(64 * 1024).build());
      };
      REQUIRE_NOTHROW(round(open, i * 1000, end, counts, [] {}));
    }
  }
  row.count = counts.events;
  row.note("logs", i - first);
  row.note("seeks", counts.seeks);
  row.note("stops", counts.stops);
}

}  // namespace

TEST_CASE("eight followers beside four producers: each event once, in order, in time", "[figures]") {
  Row row("G26", "eight followers beside four producers", "events");
  rounds(row, rewal_torture::seed(), [](std::uint64_t done) { return done < volume(24); });
}

TEST_CASE("eight followers beside four producers, at length", "[.torture]") {
  Row row("G26", "eight followers beside four producers, at length", "events");
  const rewal_torture::Budget budget;
  rounds(row, rewal_torture::seed() + 1'000'000, [&](std::uint64_t) { return budget.left(); });
}
