// SPDX-License-Identifier: MIT
//
// The k-th allocation of a log's life fails, for k = 1, 2, ... until none does, once and with all after it. Whatever
// call it hits says so, nothing acknowledged is lost, a refused append takes no LSN, and no damage is cut unsaved.

#include <allocations/heap.hpp>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;

/// A disk in memory that can be read but not mapped.
struct Unmapped {
  MemoryStorage disk;

  Result<std::size_t> write(Bytes bytes) { return disk.write(bytes); }
  Result<void> sync() { return disk.sync(); }
  Result<void> close() { return disk.close(); }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t at) { return disk.read_at(into, at); }
  Result<std::string> preserve(std::uint64_t offset, Bytes bytes) { return disk.preserve(offset, bytes); }
};

struct Ignoring {
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) {}
};

/// What is appended, in this order: some of it is larger than the queue, some of it runs over the ring's end.
const std::vector<std::string> texts = [] {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < 12; ++i)
    all.emplace_back(i == 5 ? 5000 : i == 9 ? 70'000 : 20 + 90 * (i % 4), static_cast<char>('a' + i));
  return all;
}();
const std::string meta(300, 'm');

/// What happened to a log while memory was short.
struct Deeds {
  std::array<std::size_t, 64> text_of{};  // by LSN
  Lsn accepted = 0;
  Lsn acknowledged = 0;
  std::uint64_t errors = 0;
  bool compresses = false;  // what a compressor throws is invalid_record, corrupted when reading
  std::string wrong;

  void complain(const std::string& text) {
    if (wrong.empty()) wrong = text;
  }
  /// Whether the call succeeded; if not, for lack of memory.
  template <class T>
  bool told(const Result<T>& result) {
    if (result) return true;
    const heap::SparedAllocations spared;
    ++errors;
    if (compresses && (result.error() == Errc::invalid_record || result.error() == Errc::corrupted)) return false;
    if (result.error() != Errc::io || result.error().system() != std::errc::not_enough_memory)
      complain("another error: " + result.error().message());
    return false;
  }
};

template <class W>
void append_all(W& log, Deeds& deeds) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool has_meta = i % 3 == 1;
    const auto lsn = has_meta ? log.append_with_meta(texts[i], meta) : log.append(texts[i]);
    if (!deeds.told(lsn)) continue;
    deeds.text_of[++deeds.accepted] = i;
    if (*lsn != deeds.accepted) {
      const heap::SparedAllocations spared;
      deeds.complain("an append that failed took an LSN");
    }
    if (i % 4 == 3 && deeds.told(log.wait_durable(*lsn))) deeds.acknowledged = *lsn;
  }
}

template <class W>
void read_all(W& log, Deeds& deeds) {
  const Lsn due = log.last_lsn();
  const auto whole = [&](bool done, Lsn seen) {
    if (!done || seen == due) return;
    const heap::SparedAllocations spared;
    deeds.complain("the reading ended at " + std::to_string(seen) + " of " + std::to_string(due));
  };
  Lsn seen = 0;
  const auto viewed = log.replay(0, [&](const BorrowedEvent& event) { seen = event.lsn; });
  whole(deeds.told(viewed), seen);
  seen = 0;
  const auto owned = log.replay(0, [&](Event&& event) { seen = event.lsn; });
  whole(deeds.told(owned), seen);
  seen = 0;
  auto iterator = log.iterator(0);
  bool done = deeds.told(iterator);
  while (done) {
    const auto event = iterator->next();
    done = deeds.told(event);
    if (!done || !*event) break;
    seen = (*event)->lsn;
  }
  whole(done, seen);
}

/// Builds, appends, reads and ends a log; `builder` is made anew for each life.
template <class Builder>
void live(Builder builder, Deeds& deeds) {
  auto log = builder.build();
  if (!deeds.told(log)) return;
  append_all(*log, deeds);
  if (deeds.told(log->flush())) read_all(*log, deeds);
  const Lsn last = deeds.accepted;
  if (deeds.told(log->shutdown())) deeds.acknowledged = last;
}

/// What is wrong with what is left, once there is memory again.
template <class Builder>
std::string judge(Builder builder, const Deeds& deeds) {
  if (!deeds.wrong.empty()) return deeds.wrong;
  auto log = builder.build();
  if (!log) return "refused: " + log.error().message();
  const auto all = events(*log);
  if (all.size() < deeds.acknowledged) return "acknowledged events are gone";
  if (all.size() > deeds.accepted) return "there are events that were not accepted";
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t which = deeds.text_of[i + 1];
    if (all[i].lsn != i + 1 || text_of(all[i].payload) != texts[which])
      return "another event at " + std::to_string(i + 1);
    if (all[i].meta.has_value() != (which % 3 == 1)) return "another meta at " + std::to_string(i + 1);
  }
  if (log->recovery().cut_bytes != 0 && deeds.errors == 0) return "something was cut";
  return {};
}

/// Calls `run(k, lasts)`, which says what is wrong, until no allocation fails any more.
template <class Run>
void walk(Row& row, std::string& first, Run run) {
  for (const bool lasts : {false, true}) {
    std::uint64_t failures = 0;
    for (std::uint64_t k = 0;; ++k) {
      const std::string wrong = run(k, lasts);
      ++row.count;
      if (!wrong.empty() && row.violations++ == 0)
        first = wrong + ", allocation " + std::to_string(k) + (lasts ? ", for ever" : "");
      if (!heap::FailingAllocations::struck()) break;
      ++failures;
      if (k > 5000) throw std::runtime_error("the walk does not end");
    }
    if (failures == 0) throw std::runtime_error("no allocation failed");
  }
}

}  // namespace

TEST_CASE("an allocation that fails is told, loses nothing acknowledged and takes no LSN", "[figures]") {
  Row row("G7", "k-th allocation fails, once and for ever", "runs");
  std::string first;
  walk(row, first, [&](std::uint64_t k, bool lasts) {
    const TempDir dir;
    const auto builder = [&] { return Wal<>::open(dir.file("log")).preallocate(8192).queue_bytes(2048); };
    Deeds deeds;
    auto life = builder();
    {
      const heap::FailingAllocations failing(k, lasts);
      live(std::move(life), deeds);
    }
    return judge(builder(), deeds);
  });
  walk(row, first, [&](std::uint64_t k, bool lasts) {
    const MemoryStorage disk;
    const auto builder = [&] { return Wal<>::open("log").storage(Unmapped{disk}).queue_bytes(2048); };
    Deeds deeds;
    auto life = builder();
    {
      const heap::FailingAllocations failing(k, lasts);
      live(std::move(life), deeds);
    }
    return judge(builder(), deeds);
  });
  walk(row, first, [&](std::uint64_t k, bool lasts) {
    const MemoryStorage disk;
    const auto builder = [&] {
      return Wal<>::open("log").storage(Unmapped{disk}).compressor(RunLength{}).indexer(Ignoring{}).queue_bytes(2048);
    };
    Deeds deeds;
    deeds.compresses = true;
    auto life = builder();
    {
      const heap::FailingAllocations failing(k, lasts);
      live(std::move(life), deeds);
    }
    return judge(builder(), deeds);
  });
  CHECK(first == "");
}

TEST_CASE("an allocation that fails while a damaged log is opened cuts nothing that is not saved", "[figures]") {
  Row row("G10", "k-th allocation fails while a torn log is opened", "runs");
  std::string first;
  // Whole frames behind a torn one, far enough apart that the search keeps checksums.
  Log log;
  log.some(3);
  const std::size_t kept = log.image.size();
  log.event(std::string(9000, 't')).event(std::string(3000, 'u')).some(2);
  Image image = log.image;
  image[kept + 5000] ^= std::byte{1};
  const std::string cut_bytes(as_text(image).substr(kept));

  walk(row, first, [&](std::uint64_t k, bool lasts) -> std::string {
    const TempDir dir;
    dir.write("log", as_text(image));
    Deeds deeds;
    auto builder = Wal<>::open(dir.file("log"));
    {
      const heap::FailingAllocations failing(k, lasts);
      const auto opened = builder.build();
      if (!deeds.told(opened)) {
        const heap::SparedAllocations spared;
        if (dir.read("log") != as_text(image) && dir.read("log") != as_text(image).substr(0, kept))
          deeds.complain("the log is neither as it was nor cut");
      }
    }
    if (!deeds.wrong.empty()) return deeds.wrong;
    auto again = Wal<>::open(dir.file("log")).build();
    if (!again) return "refused: " + again.error().message();
    if (again->last_lsn() != 3 || !again->shutdown()) return "other events";
    const std::string copy = "log.cut-" + std::to_string(kept);
    if (dir.names() != std::vector<std::string>{"log", copy}) return "not one copy beside the log";
    if (dir.read(copy) != cut_bytes) return "the copy is not what was cut";
    return {};
  });
  walk(row, first, [&](std::uint64_t k, bool lasts) -> std::string {
    MemoryStorage disk;
    must(disk.write(image));
    Deeds deeds;
    auto builder = Wal<>::open("log").storage(Unmapped{disk});
    {
      const heap::FailingAllocations failing(k, lasts);
      const auto opened = builder.build();
      static_cast<void>(deeds.told(opened));
    }
    if (!deeds.wrong.empty()) return deeds.wrong;
    auto again = Wal<>::open("log").storage(Unmapped{disk}).build();
    if (!again) return "refused: " + again.error().message();
    if (again->last_lsn() != 3) return "other events";
    const auto copies = disk.preserved();
    if (copies.size() != 1 || as_text(copies[0].bytes) != cut_bytes) return "the copy is not what was cut";
    return {};
  });
  CHECK(first == "");
}
