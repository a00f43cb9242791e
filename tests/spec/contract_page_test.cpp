// SPDX-License-Identifier: MIT
//
// A program written from the contract's page alone, run. It includes the one public header and uses no name that the
// page does not give.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <ranges>
#include <rewal/wal.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using rewal_test::TempDir;

namespace {

using Wal = rewal::Wal<>;
using Lsn = rewal::Lsn;

template <class T>
using Result = rewal::Result<T>;

Wal open(const std::string& path) {
  auto opened = Wal::open(path).build();
  if (!opened) throw std::runtime_error(opened.error().message());
  return std::move(*opened);
}

std::vector<std::string> everything(const auto& wal) {
  std::vector<std::string> all;
  const auto n = wal.replay(0, [&](const rewal::BorrowedEvent& e) { all.emplace_back(rewal::as_text(e.payload)); });
  REQUIRE(n);
  return all;
}

}  // namespace

TEST_CASE("the contract's first screen works as it stands there") {
  const TempDir dir;
  auto opened = rewal::Wal<>::open(dir.file("orders.wal"))
                    .sync_mode(rewal::SyncMode::never)
                    .backpressure(rewal::Backpressure::block)
                    .queue_capacity(4096)
                    .buffer_capacity(64 * 1024)
                    .build();
  REQUIRE(opened);
  rewal::Wal<> wal = std::move(*opened);

  rewal::Result<rewal::Lsn> lsn = wal.append("payload");
  CHECK(lsn == 1u);
  lsn = wal.append_with_meta("payload", "meta");
  auto batch = rewal::Batch::with_capacity(3);
  batch.add("one");
  batch.add_with_meta("two", "m");
  batch.add("three");
  lsn = wal.append_batch(batch);
  CHECK(lsn == 5u);
  CHECK(batch.size() == 3);

  auto ok = wal.flush();
  CHECK(ok);
  ok = wal.sync();
  CHECK(ok);
  ok = wal.wait_durable(*lsn);
  CHECK(ok);
  lsn = wal.append_durable("payload");
  CHECK(lsn == 6u);

  std::size_t used = 0;
  const auto use = [&](Lsn, rewal::Bytes payload, std::optional<rewal::Bytes> meta) {
    used += payload.size() + (meta ? meta->size() : 0);
  };
  auto n = wal.replay(1, [&](const rewal::BorrowedEvent& e) { use(e.lsn, e.payload, e.meta); });
  CHECK(n == 6u);
  auto it = wal.iterator(1);
  REQUIRE(it);
  for (const auto& e : *it) {
    REQUIRE(e);
    use(e->lsn, e->payload, e->meta);
  }
  CHECK(used == 2 * (3 * 7 + 4 + 11 + 1));
  const rewal::Stats s = wal.stats();
  CHECK(s.events_written == 6);
  ok = wal.shutdown(5s);
  CHECK(ok);
}

TEST_CASE("every form of payload arrives byte for byte") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  const std::string with_nul("a\0b", 3);
  const char* const pointer = "pointer";
  std::string writable = "writable";
  char* const writable_pointer = writable.data();
  const char unterminated[] = {'a', 'b', 'c'};
  const unsigned char unsigned_array[] = {'x', 0, 0};
  const std::vector<std::byte> vector{std::byte{'v'}, std::byte{0}};
  const std::array<unsigned char, 3> array{'a', 'r', 0};

  CHECK(wal.append("literal"));
  CHECK(wal.append("lit\0eral\0"));  // of two NULs at its end, one is the language's
  CHECK(wal.append(pointer));
  CHECK(wal.append(writable_pointer));
  CHECK(wal.append(unterminated));
  CHECK(wal.append(with_nul));
  CHECK(wal.append(std::string_view(with_nul)));
  CHECK(wal.append(vector));
  CHECK(wal.append(std::span(vector)));
  CHECK(wal.append(array));
  CHECK(wal.append(unsigned_array));
  CHECK(wal.append({}));
  CHECK(wal.append(""));
  CHECK(wal.append({pointer, 5}));
  CHECK(wal.flush());
  const std::vector<std::string> expected{"literal",
                                          std::string("lit\0eral\0", 9),
                                          "pointer",
                                          "writable",
                                          "abc",
                                          with_nul,
                                          with_nul,
                                          std::string("v\0", 2),
                                          std::string("v\0", 2),
                                          std::string("ar\0", 3),
                                          std::string("x\0\0", 3),
                                          "",
                                          "",
                                          "point"};
  CHECK(everything(wal) == expected);
}

TEST_CASE("every form of meta arrives byte for byte, and empty meta is no meta") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  CHECK(wal.append_with_meta("p", "m\0m"));
  CHECK(wal.append_with_meta("p", std::string("string")));
  CHECK(wal.append_with_meta("p", std::vector<unsigned char>{1, 2}));
  CHECK(wal.append_with_meta({}, {}));
  CHECK(wal.append_with_meta("p", ""));
  CHECK(wal.append_durable_with_meta("p", "durable"));
  std::vector<std::optional<std::string>> metas;
  CHECK(wal.replay(1, [&](rewal::Event&& e) {
    metas.push_back(e.meta ? std::optional(std::string(rewal::as_text(*e.meta))) : std::nullopt);
  }));
  const std::vector<std::optional<std::string>> expected{std::string("m\0m", 3), "string",     std::string("\1\2", 2),
                                                         std::nullopt,           std::nullopt, "durable"};
  CHECK(metas == expected);
}

TEST_CASE("a replay function may take a view, anything, or the owned event, and may return void, bool or Result") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  for (const char* text : {"a", "b", "c"}) CHECK(wal.append(text));
  CHECK(wal.flush());
  CHECK(wal.replay(2, [](const rewal::BorrowedEvent&) {}) == 2u);
  CHECK(wal.replay(1, [](const auto& e) { static_assert(std::is_same_v<decltype(e), const rewal::BorrowedEvent&>); }) ==
        3u);
  CHECK(wal.replay(1, [](auto&& e) { CHECK(e.lsn > 0); }) == 3u);
  CHECK(wal.replay(1, [](rewal::BorrowedEvent) {}) == 3u);
  CHECK(wal.replay(1, [](rewal::Event&&) {}) == 3u);
  CHECK(wal.replay(1, [](rewal::Event) {}) == 3u);
  CHECK(wal.replay(1, [](const rewal::BorrowedEvent& e) { return e.lsn < 2; }) == 2u);
  CHECK(wal.replay(4, [](const auto&) {}) == 0u);
  const auto stopped =
      wal.replay(1, [](const rewal::BorrowedEvent&) -> Result<void> { return rewal::Errc::crc_mismatch; });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error() == rewal::Errc::crc_mismatch);
  CHECK_THROWS_AS(wal.replay(1, [](const rewal::BorrowedEvent&) { throw std::length_error("mine"); }),
                  std::length_error);
}

TEST_CASE("an iterator is pulled call by call, owned or borrowed, and closed") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  for (const char* text : {"a", "b", "c"}) CHECK(wal.append_with_meta(text, "m"));
  CHECK(wal.flush());
  auto it = wal.iterator(2);
  REQUIRE(it);
  const auto owned = it->next();
  REQUIRE((owned && *owned));
  CHECK((*owned)->lsn == 2);
  CHECK(rewal::as_text((*owned)->payload) == "b");
  const auto borrowed = it->next_borrowed();
  REQUIRE((borrowed && *borrowed));
  CHECK((*borrowed)->lsn == 3);
  CHECK((*borrowed)->to_owned().meta.has_value());
  const auto end = it->next();
  REQUIRE(end);
  CHECK_FALSE(end->has_value());
  CHECK_FALSE(it->err());
  CHECK(it->close());
  const auto late = it->next();
  REQUIRE_FALSE(late);
  CHECK(late.error() == rewal::Errc::closed);
}

TEST_CASE("an iterator works with the algorithms of ranges") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  for (int i = 0; i < 10; ++i) CHECK(wal.append("x"));
  CHECK(wal.flush());
  auto it = wal.iterator(1);
  REQUIRE(it);
  CHECK(std::ranges::count_if(*it, [](const Result<rewal::BorrowedEvent>& e) { return e && e->lsn % 2 == 0; }) == 5);
}

TEST_CASE("every option is taken, on a builder kept or passed on") {
  const TempDir dir;
  auto builder = Wal::open(dir.path() / "log");
  builder.sync_mode(rewal::SyncMode::batch);
  builder.sync_mode(rewal::SyncMode::interval(50ms)).backpressure(rewal::Backpressure::drop);
  builder.backpressure(rewal::Backpressure::error);
  builder.queue_capacity(16).queue_bytes(1 << 20).buffer_capacity(4096).max_frame_bytes(1 << 16).preallocate(0);
  builder.recovery(rewal::Recovery::strict).recovery(rewal::Recovery::truncate).recovery(rewal::Recovery::repair);
  auto wal = builder.start_lsn(100).build();
  REQUIRE(wal);
  CHECK(wal->append("x") == 100u);
}

TEST_CASE("the lesser names exist: stats, states and what opening found") {
  const TempDir dir;
  Wal wal = open(dir.file("log"));
  const rewal::Stats stats = wal.stats();
  const std::vector<std::uint64_t> numbers{stats.events_written, stats.batches_written, stats.bytes_written,
                                           stats.bytes_synced,   stats.sync_count,      stats.compressed_bytes,
                                           stats.drops,          stats.corruptions,     stats.queue_len,
                                           stats.file_size,      stats.last_lsn,        stats.durable_lsn};
  CHECK(std::ranges::count(numbers, std::uint64_t{0}) == std::ssize(numbers));
  CHECK(stats.state == rewal::State::running);
  const rewal::RecoveryReport report = wal.recovery();
  CHECK((report.frames == 0 && report.events == 0 && report.kept_bytes == 0 && report.cut_bytes == 0));
  CHECK((report.gaps == 0 && report.inversions == 0));
  CHECK(report.reason.empty());
  CHECK(report.saved_copy.empty());
  CHECK(std::vector{rewal::State::init, rewal::State::running, rewal::State::draining, rewal::State::closed}.size() ==
        4);
}

TEST_CASE("a memory storage and a file storage are given by value") {
  const TempDir dir;
  rewal::MemoryStorage memory;
  auto in_memory = Wal::open("name").storage(memory).build();
  REQUIRE(in_memory);
  CHECK(in_memory->append_durable("x"));
  CHECK(rewal::as_text(memory.bytes()).substr(0, 4) == "EWAL");
  auto file = rewal::FileStorage::open(dir.file("log"));
  REQUIRE(file);
  auto on_file = Wal::open("name").storage(std::move(*file)).build();
  REQUIRE(on_file);
  CHECK(on_file->append_durable("x") == 1u);
}
