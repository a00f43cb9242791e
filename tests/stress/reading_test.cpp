// SPDX-License-Identifier: MIT
//
// G14: readers beside the writer see whole published frames, in order, as a complete prefix; never false damage, never
// SIGBUS; in every way of reading, over a mapped file and over a storage that cuts writes and reads short.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Random;
using rewal_torture::Row;
using rewal_torture::thinning;

/// Writes and reads are short. No mapping.
template <class S>
struct ShortTransfers {
  S disk;
  std::shared_ptr<std::atomic<std::uint64_t>> turn = std::make_shared<std::atomic<std::uint64_t>>(0);

  Result<std::size_t> write(Bytes bytes) { return disk.write(bytes.first(piece(bytes.size()))); }
  Result<void> sync() { return disk.sync(); }
  Result<void> close() { return disk.close(); }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t at) {
    return disk.read_at(into.first(piece(into.size())), at);
  }

 private:
  /// Now all of it, now half, now a few bytes.
  [[nodiscard]] std::size_t piece(std::size_t size) {
    Random random(turn->fetch_add(1));
    if (size <= 1) return size;
    switch (random.below(4)) {
      case 0: return size;
      case 1: return 1 + static_cast<std::size_t>(random.below((std::min<std::uint64_t>)(size, 100)));
      default: return 1 + static_cast<std::size_t>(random.below(size));
    }
  }
};

// ---- what the events hold: a part of this, that follows from the LSN ----------------------------------------------

constexpr std::size_t longest = 1024 * 1024;

const std::vector<std::byte>& noise() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> made(2 * longest);
    Random random(1);
    for (std::size_t at = 0; at + 8 <= made.size(); at += 8) {
      const auto word = random.next();
      std::memcpy(made.data() + at, &word, 8);
    }
    return made;
  }();
  return bytes;
}

Bytes payload_of(Lsn lsn) {
  Random random(lsn);
  const auto kind = random.below(400);
  const auto most = kind == 0   ? longest
                    : kind < 8  ? std::size_t{100'000}
                    : kind < 40 ? std::size_t{5000}
                                : std::size_t{300};
  return Bytes(noise()).subspan(static_cast<std::size_t>(random.below(longest)),
                                1 + static_cast<std::size_t>(random.below(most)));
}

bool is_right(Lsn lsn, Bytes payload) {
  const Bytes wanted = payload_of(lsn);
  return payload.size() == wanted.size() && std::memcmp(payload.data(), wanted.data(), wanted.size()) == 0;
}

// ---- readers ------------------------------------------------------------------------------------------------------

/// What readers saw; of all threads.
struct Seen {
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> passes{0};
  std::atomic<std::uint64_t> wrong{0};
  std::mutex mutex;
  std::string first;

  void complain(const std::string& text) {
    if (wrong++ != 0) return;
    const std::lock_guard lock(mutex);
    first = text;
  }
};

enum class Way { borrowed, owned, range, replay, replay_owned };
constexpr int ways = 5;

/// One pass over the log from `from` on. Returns the last LSN that was seen.
template <class W>
Lsn read_once(const W& wal, Way way, Lsn from, Seen& seen) {
  const Lsn at_least = wal.last_lsn();
  Lsn due = (std::max)(from, Lsn{1});
  const auto take = [&](Lsn lsn, Bytes payload) {
    if (lsn != due) seen.complain("LSN " + std::to_string(lsn) + " where " + std::to_string(due) + " is due");
    if (!is_right(lsn, payload)) seen.complain("wrong bytes in LSN " + std::to_string(lsn));
    due = lsn + 1;
    ++seen.events;
  };
  const auto report = [&](const auto& result) {
    if (!result && result.error() != Errc::closed)
      seen.complain("false damage: " + std::string(result.error().message()));
    return result.has_value();
  };
  bool whole = true;
  if (way == Way::replay) {
    whole = report(wal.replay(from, [&](const BorrowedEvent& event) { take(event.lsn, event.payload); }));
  } else if (way == Way::replay_owned) {
    whole = report(wal.replay(from, [&](Event&& event) { take(event.lsn, event.payload); }));
  } else {
    auto it = wal.iterator(from);
    whole = report(it);
    if (whole && way == Way::range) {
      for (const auto& event : *it) {
        if (whole = report(event); whole) take(event->lsn, event->payload);
      }
    }
    while (whole && way == Way::borrowed) {
      const auto event = it->next_borrowed();
      if (whole = report(event); !whole || !*event) break;
      take((*event)->lsn, (*event)->payload);
    }
    while (whole && way == Way::owned) {
      const auto event = it->next();
      if (whole = report(event); !whole || !*event) break;
      take((*event)->lsn, (*event)->payload);
    }
  }
  if (whole && due <= at_least) {
    seen.complain("the reading ended at " + std::to_string(due - 1) + " of " + std::to_string(at_least) + " written");
  }
  ++seen.passes;
  return due - 1;
}

/// Writes for a while and reads beside it in every way; then shuts down under the readers, and destroys the log.
template <class W>
void read_beside(W opened, std::chrono::milliseconds length, Row& row, std::uint64_t& passes, std::string& first) {
  Seen seen;
  auto wal = std::make_unique<W>(std::move(opened));
  std::atomic<bool> over{false};
  std::thread writer([&] {
    Random random(rewal_torture::seed());
    auto batch = Batch::with_capacity(4);
    for (Lsn lsn = 1; !over && lsn < 30'000;) {  // bounded, so that a pass stays short
      const auto kind = random.below(10);
      batch.clear();
      const Lsn count = kind == 0 ? 3 : 1;
      for (Lsn i = 0; i < count; ++i) batch.add(payload_of(lsn + i));
      const auto got = count == 1 ? wal->append(payload_of(lsn)) : wal->append_batch(batch);
      if (!got || *got != lsn + count - 1) return seen.complain("an append failed");
      lsn += count;
      if (kind == 1) static_cast<void>(wal->flush());
      if (random.below(200) == 0) static_cast<void>(wal->wait_durable(lsn - 1));
      if (random.below(20) == 0) std::this_thread::sleep_for(1ms);
    }
  });
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      Random random(rewal_torture::seed() + 100 + static_cast<std::uint64_t>(reader));
      Lsn last = 0;
      for (int pass = reader; wal->state() != State::closed; ++pass) {
        // From the beginning now and then; mostly the newest, where the writer is.
        const Lsn from = pass % 16 == 0 ? 0 : last > 60 ? last - random.below(60) : 1;
        const Lsn now = read_once(*wal, static_cast<Way>(pass % ways), from, seen);
        if (now < last && wal->state() == State::running) seen.complain("a later reading saw less");
        last = (std::max)(last, now);
        std::this_thread::sleep_for(50us);  // the writer needs a processor too
      }
    });
  }
  std::this_thread::sleep_for(length);
  over = true;
  writer.join();

  // An iterator outlives the log: what it handed out stays readable until its next call.
  auto survivor = must(wal->iterator(1));
  const auto view = must(survivor.next_borrowed());
  const auto ended = wal->shutdown();
  for (auto& reader : readers) reader.join();
  if (!ended) seen.complain("shutdown failed: " + std::string(ended.error().message()));
  wal.reset();
  if (!view || view->lsn != 1 || !is_right(1, view->payload)) seen.complain("a view did not survive its log");
  if (said(survivor.next_borrowed()) != "closed") seen.complain("an iterator went on without its log");

  row.count += seen.events;
  passes += seen.passes;
  row.violations += seen.wrong;
  if (first.empty()) first = seen.first;
}

void over_every_storage(std::chrono::milliseconds length, const std::string& what) {
  Row row("G14", "events read beside the writer" + what, "events");
  std::uint64_t passes = 0;
  std::string first;
  const TempDir dir;
  // Preallocation in steps small enough to end in the middle of the reading.
  const auto open = [&](const char* name) { return Wal<>::open(dir.file(name)).preallocate(256 * 1024); };
  read_beside(must(open("mapped").build()), length, row, passes, first);
  read_beside(
      must(open("interval").sync_mode(SyncMode::interval(1ms)).queue_bytes(16 * 1024).buffer_capacity(512).build()),
      length, row, passes, first);
  using File = ShortTransfers<FileStorage>;
  read_beside(must(Wal<>::open("log").storage(File{must(FileStorage::open(dir.file("crumbling")))}).build()), length,
              row, passes, first);
  using Memory = ShortTransfers<MemoryStorage>;
  read_beside(
      must(Wal<>::open("log").sync_mode(SyncMode::batch).queue_bytes(4096).storage(Memory{MemoryStorage{}}).build()),
      length, row, passes, first);
  row.note("passes", passes);
  CHECK(first == "");
  CHECK(row.count > 1000);
}

}  // namespace

TEST_CASE("readers beside the writer see whole events in order, a complete prefix, and no damage") {
  over_every_storage(std::chrono::milliseconds(sanitized ? 500 : 900), "");
}

TEST_CASE("readers beside the writer, for as long as there is time", "[.torture]") {
  over_every_storage(
      std::chrono::milliseconds(250 * rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20)),
      ", the long run");
}
