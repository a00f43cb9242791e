// SPDX-License-Identifier: MIT
//
// G2: file order is LSN order without gaps, and a refused append takes no LSN, whatever the interleaving of eight
// producers. The storage reads every frame as it comes, by the format's table alone, and keeps nothing.

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/harness.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;
using rewal_torture::thinning;

constexpr std::size_t producers = 8;

/// The payload of an event: who appended it, his how-manieth it is, and what LSN it must get after the one before.
struct Mark {
  std::uint32_t producer;
  std::uint32_t number;
};

/// A storage that judges the order of what it is given.
struct OrderDisk {
  struct State {
    std::vector<std::byte> open;  // a frame that has begun
    std::atomic<std::uint64_t> size{0};
    Lsn next_lsn = 1;
    std::array<std::uint32_t, producers> next_number{};
    std::array<Lsn, producers> last_lsn{};
    std::uint64_t events = 0;
    std::uint64_t inversions = 0;
    std::uint64_t gaps = 0;
    std::uint64_t strangers = 0;  // events that are out of their producer's order, or no events at all
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  Result<std::size_t> write(Bytes bytes) {
    State& s = *state;
    s.size += bytes.size();
    s.open.insert(s.open.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (s.open.size() - at >= 28) {
      const auto size = number(at + 20, 4);
      if (size < 28 || as_text(Bytes(s.open).subspan(at, 4)) != "EWAL") {
        ++s.strangers;
        return Errc::io;
      }
      if (s.open.size() - at < size) break;
      frame(at, number(at + 8, 4), number(at + 12, 8));
      at += static_cast<std::size_t>(size);
    }
    s.open.erase(s.open.begin(), s.open.begin() + static_cast<std::ptrdiff_t>(at));
    return bytes.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return state->size.load(); }
  Result<void> truncate(std::uint64_t) { return {}; }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return Errc::io; }

 private:
  [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t bytes) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::to_integer<std::uint64_t>(state->open[at + i]) << (8 * i);
    return value;
  }

  void frame(std::size_t at, std::uint64_t count, Lsn lsn) {
    State& s = *state;
    std::size_t record = at + 24;
    for (; count > 0; --count, ++lsn, ++s.events) {
      s.inversions += lsn < s.next_lsn;
      s.gaps += lsn > s.next_lsn;
      s.next_lsn = lsn + 1;
      Mark mark{};
      std::memcpy(&mark, s.open.data() + record + 6, sizeof mark);
      record += 6 + static_cast<std::size_t>(number(record, 4)) + static_cast<std::size_t>(number(record + 4, 2));
      if (mark.producer >= producers || mark.number != s.next_number[mark.producer]) {
        ++s.strangers;
        continue;
      }
      ++s.next_number[mark.producer];
      s.last_lsn[mark.producer] = lsn;
    }
  }
};

/// What one producer was told.
struct Told {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t disorder = 0;  // LSNs that did not rise
  Lsn last = 0;
};

void produce(Wal<OrderDisk>& wal, std::uint32_t producer, std::uint64_t events, Told& told) {
  rewal_torture::Random random(rewal_torture::seed() + producer);
  auto batch = Batch::with_capacity(8);
  std::vector<std::byte> payload(600);
  std::uint32_t number = 0;
  while (told.accepted < events) {
    const auto size =
        static_cast<std::size_t>(sizeof(Mark) + (random.below(32) == 0 ? random.below(500) : random.below(24)));
    const auto count = random.below(8) == 0 ? 1 + random.below(8) : 1;
    const auto mark = [&](std::uint64_t i) {
      const Mark one{producer, number + static_cast<std::uint32_t>(i)};
      std::memcpy(payload.data(), &one, sizeof one);
      return Bytes(payload).first(size);
    };
    Result<Lsn> lsn = Lsn{0};
    if (count == 1) {
      lsn = wal.append(mark(0));
    } else {
      batch.clear();
      for (std::uint64_t i = 0; i < count; ++i) batch.add(mark(i));
      lsn = wal.append_batch(batch);
    }
    if (!lsn || *lsn == 0) {
      ++told.refused;
      std::this_thread::yield();
      continue;
    }
    told.disorder += *lsn < told.last + count;
    told.last = *lsn;
    told.accepted += count;
    number += static_cast<std::uint32_t>(count);
    // Forced interleavings: whoever has just claimed lets the others in.
    if (random.below(64) == 0) std::this_thread::yield();
    if (random.below(1024) == 0) static_cast<void>(wal.flush());
  }
}

void eight_producers(std::uint64_t events, Row& row) {
  struct Shape {
    Backpressure backpressure;
    std::uint64_t queue_bytes;
    std::uint64_t queue_capacity;
    std::uint64_t buffer_capacity;
  };
  // Small queues fill up and run over their end; the one of 512 holds no batch of long events, which goes in alone.
  const std::array<Shape, 5> shapes{{{Backpressure::block, 512 * 1024, 4096, 64 * 1024},
                                     {Backpressure::block, 4096, 16, 512},
                                     {Backpressure::block, 512, 4096, 64},
                                     {Backpressure::error, 2048, 8, 4096},
                                     {Backpressure::drop, 8192, 4096, 4096}}};
  for (const Shape& shape : shapes) {
    const OrderDisk disk;
    auto wal = must(Wal<>::open("log")
                        .backpressure(shape.backpressure)
                        .queue_bytes(shape.queue_bytes)
                        .queue_capacity(shape.queue_capacity)
                        .buffer_capacity(shape.buffer_capacity)
                        .storage(disk)
                        .build());
    std::array<Told, producers> told;
    together(producers, [&](std::size_t i) {
      produce(wal, static_cast<std::uint32_t>(i), events / shapes.size() / producers, told[i]);
    });
    must(wal.shutdown());

    const auto& s = *disk.state;
    std::uint64_t accepted = 0;
    std::uint64_t wrong = s.inversions + s.gaps + s.strangers + (s.open.empty() ? 0 : 1);
    for (std::size_t i = 0; i < producers; ++i) {
      accepted += told[i].accepted;
      row.violations += told[i].disorder;
      wrong += told[i].disorder + (told[i].last != s.last_lsn[i]);
    }
    INFO("queue of " << shape.queue_bytes << " bytes and " << shape.queue_capacity << " frames");
    CHECK(wrong == 0);
    CHECK(s.events == accepted);        // a refused append left nothing
    CHECK(s.next_lsn == accepted + 1);  // and took no LSN
    CHECK(wal.last_lsn() == accepted);
    row.count += s.events;
    row.violations += s.inversions + s.gaps + s.strangers;
  }
}

}  // namespace

TEST_CASE("eight producers: LSNs lie in the file in their order, without gaps") {
  Row row("G2", "appends of eight producers, inversions and gaps", "appends");
  eight_producers(1'000'000 / thinning / thinning, row);
  CHECK(row.violations == 0);
}

TEST_CASE("eight producers, 10^7 appends", "[.torture]") {
  Row row("G2", "appends of eight producers, the long run", "appends");
  eight_producers(10'000'080, row);
  CHECK(row.violations == 0);
  CHECK(row.count >= 10'000'000);
}
