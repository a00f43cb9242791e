// SPDX-License-Identifier: MIT
//
// What an indexer is told: each event once, in order, with its meta and its place.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <rewal/wal.hpp>
#include <spec/squeezable_events.hpp>
#include <stdexcept>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <vector>

using namespace rewal_test;

namespace {

using Buffer = std::vector<std::byte>;

struct Entry {
  Lsn lsn;
  std::optional<std::string> meta;
  std::uint64_t offset;
  friend bool operator==(const Entry&, const Entry&) = default;
};
struct Shelf {
  std::mutex mutex;
  std::vector<Entry> entries;
  bool overlapped = false;
};
struct Librarian {
  std::shared_ptr<Shelf> shelf;
  void on_append(Lsn lsn, std::optional<Bytes> meta, std::uint64_t offset) {
    const std::unique_lock lock(shelf->mutex, std::try_to_lock);
    if (!lock) {
      shelf->overlapped = true;
      return;
    }
    shelf->entries.push_back({lsn, meta ? std::optional(std::string(as_text(*meta))) : std::nullopt, offset});
  }
};
static_assert(Indexer<Librarian> && Indexer<rewal::NoIndexer>);

struct WrongIndexers {
  struct NoMember {};
  struct Fewer {
    void on_append(Lsn);
  };
  struct Returns {
    bool on_append(Lsn, std::optional<Bytes>, std::uint64_t);
  };
  struct TextMeta {
    void on_append(Lsn, std::string, std::uint64_t);
  };
};
static_assert(!Indexer<WrongIndexers::NoMember> && !Indexer<WrongIndexers::Fewer> && !Indexer<WrongIndexers::Returns> &&
              !Indexer<WrongIndexers::TextMeta>);

/// What a reader finds in the log, as the indexer should have heard it.
template <class W>
std::vector<Entry> as_read(const W& wal) {
  std::vector<Entry> all;
  must(wal.replay(0, [&](const BorrowedEvent& event) {
    all.push_back(
        {event.lsn, event.meta ? std::optional(std::string(as_text(*event.meta))) : std::nullopt, event.offset});
  }));
  return all;
}

}  // namespace

TEST_CASE("the indexer hears of each event once, in order, with its meta and its frame's place",
          "[policies][indexer]") {
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).indexer(Librarian{shelf}).build());
  append_some_of_everything(wal);
  must(wal.flush());
  CHECK(shelf->entries == as_read(wal));
  REQUIRE(shelf->entries.size() == 6);
  CHECK(shelf->entries[1].meta == "meta one");
  CHECK(shelf->entries[0].offset == 0);
  CHECK(shelf->entries[1].offset == frame_bytes(5));
  CHECK(shelf->entries[2].offset == shelf->entries[4].offset);
  CHECK(!shelf->entries[5].meta);
}

TEST_CASE("the indexer gets the metas of compressed frames too", "[policies][indexer]") {
  const auto shelf = std::make_shared<Shelf>();
  auto wal =
      must(Wal<>::open("log").storage(MemoryStorage{}).compressor(RunLength{}).indexer(Librarian{shelf}).build());
  append_some_of_everything(wal);
  must(wal.flush());
  CHECK(wal.stats().compressed_bytes > 0);
  CHECK(shelf->entries == as_read(wal));
  CHECK(shelf->entries.size() == 6);
}

TEST_CASE("the indexer keeps its order under many producers and a small queue", "[policies][indexer]") {
  const bool compresses = GENERATE(false, true);
  const auto shelf = std::make_shared<Shelf>();
  const auto run = [&](auto wal) {
    together(4, [&](std::size_t thread) {
      for (std::size_t i = 0; i < volume(600); ++i) {
        const std::string meta = std::to_string(thread) + "/" + std::to_string(i);
        if (i % 5 == 0) {
          Batch batch;
          for (int k = 0; k < 3; ++k) batch.add_with_meta(std::string(i % 90, 'p'), meta);
          must(wal.append_batch(batch));
        } else {
          must(wal.append_with_meta(std::string(i % 500, 'p'), meta));
        }
      }
    });
    must(wal.flush());
    CHECK(!shelf->overlapped);
    CHECK(shelf->entries == as_read(wal));
    CHECK(shelf->entries.size() == wal.last_lsn());
  };
  auto builder = Wal<>::open("log").storage(MemoryStorage{}).indexer(Librarian{shelf});
  builder.queue_bytes(2000);
  if (compresses) {
    run(must(builder.compressor(RunLength{}).build()));
  } else {
    run(must(builder.build()));
  }
}

TEST_CASE("a frame larger than the queue is indexed like any other", "[policies][indexer]") {
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).indexer(Librarian{shelf}).queue_bytes(1000).build());
  must(wal.append_with_meta("small", "s"));
  must(wal.append_with_meta(std::string(50'000, 'x'), std::string(40'000, 'm')));
  must(wal.append_with_meta("small", "t"));
  must(wal.flush());
  CHECK(shelf->entries == as_read(wal));
  CHECK(shelf->entries.size() == 3);
}

TEST_CASE("the indexer starts behind what was there, and is not told of what failed", "[policies][indexer]") {
  const MemoryStorage disk;
  {
    auto wal = must(Wal<>::open("log").storage(disk).build());
    must(wal.append("old"));
  }
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(disk).indexer(Librarian{shelf}).build());
  CHECK(said(wal.append_with_meta("x", std::string(65536, 'm'))) == "invalid_record");
  must(wal.append_with_meta("new", "n"));
  must(wal.flush());
  CHECK(shelf->entries == std::vector<Entry>{{2, "n", frame_bytes(3)}});
}

TEST_CASE("an indexer that throws at some events is told of all the others", "[policies][indexer]") {
  struct Picky {
    std::shared_ptr<std::vector<Lsn>> heard;
    void on_append(Lsn lsn, std::optional<Bytes>, std::uint64_t) {
      heard->push_back(lsn);
      if (lsn % 2 == 0) throw std::runtime_error("even");
    }
  };
  const auto heard = std::make_shared<std::vector<Lsn>>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).indexer(Picky{heard}).build());
  append_some_of_everything(wal);
  must(wal.flush());
  CHECK(*heard == std::vector<Lsn>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("where a compressor cannot read back what it wrote, the indexer hears of the events without meta",
          "[policies][indexer]") {
  struct OneWay {
    Result<void> compress(Bytes, Buffer& target) {
      target.push_back(std::byte{1});
      return {};
    }
    Result<void> decompress(Bytes, Buffer&) { throw 1; }
  };
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).compressor(OneWay{}).indexer(Librarian{shelf}).build());
  must(wal.append_with_meta("x", "m"));
  Batch batch = batch_of(2);
  must(wal.append_batch(batch));
  must(wal.flush());
  CHECK(shelf->entries == std::vector<Entry>{{1, std::nullopt, 0}, {2, std::nullopt, 29}, {3, std::nullopt, 29}});
}
