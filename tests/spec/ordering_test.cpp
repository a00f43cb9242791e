// SPDX-License-Identifier: MIT
//
// File order is LSN order without gaps, each thread's appends keep theirs, and a refused append takes no LSN.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <charconv>
#include <cstddef>
#include <map>
#include <mutex>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

constexpr std::size_t producers = 8;

/// "thread:number", then padding of a length that depends on both.
std::string event_of(std::size_t thread, std::size_t number) {
  return std::to_string(thread) + ":" + std::to_string(number) + ":" +
         std::string((thread * 31 + number * 7) % 300, '.');
}

std::pair<std::size_t, std::size_t> read_event(std::string_view text) {
  std::size_t thread = 0;
  std::size_t number = 0;
  const auto colon = text.find(':');
  std::from_chars(text.data(), text.data() + colon, thread);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), number);
  return {thread, number};
}

/// What is wrong with a log, looked at event by event.
struct Order {
  Lsn expected = 1;
  std::map<std::size_t, std::size_t> next_of_thread{};
  std::size_t inversions = 0;
  std::size_t gaps = 0;
  std::size_t out_of_thread_order = 0;
  std::size_t torn = 0;

  void see(const BorrowedEvent& event) {
    if (event.lsn < expected) ++inversions;
    if (event.lsn > expected) ++gaps;
    expected = event.lsn + 1;
    const auto [thread, number] = read_event(as_text(event.payload));
    if (number != next_of_thread[thread]++) ++out_of_thread_order;
    if (as_text(event.payload) != event_of(thread, number)) ++torn;
  }
  [[nodiscard]] bool sound() const { return inversions + gaps + out_of_thread_order + torn == 0; }
};

template <class W>
Order order_of(const W& wal) {
  Order order;
  must(wal.replay(1, [&](const BorrowedEvent& event) { order.see(event); }));
  return order;
}

/// One producer: appends singly, in batches and durably; false if an LSN it got is not above the one before.
template <class W>
bool produce(W& wal, std::size_t thread, std::size_t count) {
  Batch batch;
  Lsn last = 0;
  bool ascending = true;
  const auto got = [&](Lsn lsn, std::size_t events) {
    ascending = ascending && lsn >= last + events;
    last = lsn;
  };
  for (std::size_t i = 0; i < count;) {
    if ((i + thread) % 10 < 3) {
      batch.clear();
      const std::size_t events = std::min<std::size_t>(1 + i % 5, count - i);
      for (std::size_t j = 0; j < events; ++j) batch.add(event_of(thread, i++));
      got(must(wal.append_batch(batch)), events);
    } else if (i % 50 == 49) {
      got(must(wal.append_durable(event_of(thread, i++))), 1);
    } else {
      got(must(wal.append(event_of(thread, i++))), 1);
    }
  }
  return ascending;
}

/// Reads again and again while `stop` is false; what was wrong, and how often it read.
template <class W>
std::string read_beside(const W& wal, const std::atomic<bool>& stop, std::size_t& rounds) {
  do {
    const Lsn written = wal.last_lsn();
    auto it = must(wal.iterator(1));
    Order order;
    for (const auto& event : it) {
      if (!event) return event.error().message();
      order.see(*event);
    }
    if (!order.sound()) return "out of order";
    if (order.expected <= written) return "an iterator shows less than had been written";
    ++rounds;
  } while (!stop);
  return "sound";
}

template <class W>
void check_producers_beside_reader(W& wal) {
  const std::size_t each = volume(10'000);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> not_ascending{0};
  std::size_t rounds = 0;
  auto reader = in_background([&] { return read_beside(wal, stop, rounds); });
  together(producers, [&](std::size_t thread) { not_ascending += !produce(wal, thread, each); });
  must(wal.flush());
  stop = true;
  CHECK(outcome(reader) == "sound");
  CHECK(rounds > 0);
  CHECK(not_ascending == 0);
  const Order order = order_of(wal);
  CHECK(order.inversions == 0);
  CHECK(order.gaps == 0);
  CHECK(order.out_of_thread_order == 0);
  CHECK(order.torn == 0);
  CHECK(order.expected == producers * each + 1);
}

}  // namespace

TEST_CASE("eight producers with batches and a reader beside them: no inversion, no gap, no false damage, in memory") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).sync_mode(mode).build());
  check_producers_beside_reader(wal);
}

TEST_CASE("eight producers with batches and a reader beside them: no inversion, no gap, no false damage, on a file") {
  const TempDir dir;
  {
    auto wal = must(Wal<>::open(dir.file("log")).build());
    check_producers_beside_reader(wal);
  }
  const auto again = must(Wal<>::open(dir.file("log")).recovery(Recovery::strict).build());
  CHECK(again.recovery().inversions == 0);
  CHECK(again.recovery().gaps == 0);
  CHECK(again.recovery().events == producers * volume(10'000));
  CHECK(order_of(again).sound());
}

TEST_CASE("order holds in a queue so small that producers wait for one another all the time") {
  const std::size_t capacity = GENERATE(1u, 3u);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).queue_capacity(capacity).queue_bytes(999).build());
  together(producers, [&](std::size_t thread) { produce(wal, thread, volume(500)); });
  must(wal.flush());
  CHECK(order_of(wal).sound());
  CHECK(wal.last_lsn() == producers * volume(500));
}

TEST_CASE("the LSN that append returned is the LSN that reading shows") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).build());
  std::mutex mutex;
  std::map<std::string, Lsn> returned;
  together(4, [&](std::size_t thread) {
    std::map<std::string, Lsn> mine;
    for (std::size_t i = 0; i < volume(2000); ++i) {
      const std::string event = event_of(thread, i);
      mine[event] = must(wal.append(event));
    }
    const std::lock_guard lock(mutex);
    returned.merge(mine);
  });
  must(wal.flush());
  std::size_t different = 0;
  must(wal.replay(1, [&](const BorrowedEvent& event) {
    different += returned.at(std::string(as_text(event.payload))) != event.lsn;
  }));
  CHECK(different == 0);
  CHECK(wal.last_lsn() == returned.size());
}

TEST_CASE("the LSN of a batch is that of its last event, and its events are neighbours") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).build());
  std::mutex mutex;
  std::map<Lsn, std::size_t> thread_of_batch;
  together(4, [&](std::size_t thread) {
    Batch batch;
    for (int i = 0; i < 3; ++i) batch.add(std::to_string(thread));
    for (std::size_t i = 0; i < volume(300); ++i) {
      const Lsn last = must(wal.append_batch(batch));
      const std::lock_guard lock(mutex);
      thread_of_batch[last] = thread;
    }
  });
  must(wal.flush());
  const auto all = payloads(wal);
  std::size_t wrong = 0;
  for (const auto& [last, thread] : thread_of_batch) {
    for (Lsn lsn = last - 2; lsn <= last; ++lsn) wrong += all[lsn - 1] != std::to_string(thread);
  }
  CHECK(wrong == 0);
}

TEST_CASE("a refused append takes no LSN, in any mode, for any reason") {
  const auto mode = GENERATE(Backpressure::drop, Backpressure::error);
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).backpressure(mode).queue_capacity(3).max_frame_bytes(500).build());
  Lsn next = 1;
  for (int round = 0; round < 20; ++round) {
    const Hold hold(disk.writes());
    for (int i = 0; i < 3; ++i) REQUIRE(wal.append("event") == next++);
    for (int i = 0; i < 3; ++i) REQUIRE(wal.append("refused").value_or(Lsn{0}) == 0);
    REQUIRE(said(wal.append(std::string(500, 'x'))) == "invalid_record");
    REQUIRE(said(wal.append_batch(Batch())) == "empty_batch");
    disk.writes().open();
    must(wal.flush());
  }
  CHECK(lsns(wal).size() == next - 1);
  CHECK(lsns(wal).back() == next - 1);
}

TEST_CASE("appends refused among accepted ones, from many threads, leave no gap") {
  const auto mode = GENERATE(Backpressure::drop, Backpressure::error);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).backpressure(mode).queue_capacity(4).build());
  std::mutex mutex;
  std::vector<Lsn> accepted;
  together(6, [&](std::size_t thread) {
    std::vector<Lsn> mine;
    Batch two;
    two.add("1");
    two.add("2");
    for (std::size_t i = 0; i < volume(2000); ++i) {
      const bool batch = (i + thread) % 3 == 0;
      const Lsn lsn = (batch ? wal.append_batch(two) : wal.append("event")).value_or(Lsn{0});
      if (lsn != 0 && batch) mine.push_back(lsn - 1);
      if (lsn != 0) mine.push_back(lsn);
    }
    const std::lock_guard lock(mutex);
    accepted.insert(accepted.end(), mine.begin(), mine.end());
  });
  must(wal.flush());
  std::ranges::sort(accepted);
  CHECK(lsns(wal) == accepted);
  CHECK(accepted.back() == accepted.size());
}

TEST_CASE("order holds up to the very last LSN, when producers race for it") {
  constexpr Lsn last = std::numeric_limits<Lsn>::max() - 1;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).start_lsn(last - 999).queue_capacity(16).build());
  std::atomic<std::size_t> accepted{0};
  std::atomic<std::size_t> wrong{0};
  together(4, [&](std::size_t) {
    for (;;) {
      const auto lsn = wal.append("event");
      if (!lsn) {
        wrong += lsn.error() != Errc::invalid_lsn;
        return;
      }
      ++accepted;
    }
  });
  must(wal.flush());
  CHECK(accepted == 1000);
  CHECK(wrong == 0);
  CHECK(wal.last_lsn() == last);
  const auto all = lsns(wal);
  CHECK(std::ranges::is_sorted(all));
  CHECK(std::ranges::adjacent_find(all) == all.end());
}

TEST_CASE("LSNs go on after the log is opened again") {
  MemoryStorage disk;
  for (Lsn first = 1; first <= 41; first += 10) {
    auto wal = must(Wal<>::open("log").storage(disk).build());
    CHECK(wal.last_lsn() == first - 1);
    for (Lsn i = 0; i < 10; ++i) REQUIRE(wal.append("event") == first + i);
  }
  CHECK(frames_in(disk.bytes()).size() == 50);
}
