// SPDX-License-Identifier: MIT
//
// The limits of records, frames, batches and LSNs, on both sides of each.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <limits>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

auto in_memory(const MemoryStorage& disk = {}) { return Wal<>::open("log").storage(disk); }

std::string text(std::size_t length) {
  std::string result(length, ' ');
  for (std::size_t i = 0; i < length; ++i) result[i] = static_cast<char>('a' + (i * 7 + length) % 26);
  return result;
}

std::optional<std::vector<std::byte>> meta_of(const std::string& meta) {
  if (meta.empty()) return std::nullopt;
  const auto* data = reinterpret_cast<const std::byte*>(meta.data());
  return std::vector(data, data + meta.size());
}

}  // namespace

// ---- records ------------------------------------------------------------------------------------------------------

TEST_CASE("meta of 65,535 bytes comes back, one more byte is refused and takes no LSN") {
  auto wal = must(in_memory().build());
  CHECK(wal.append_with_meta("p", text(65'535)) == 1u);
  CHECK(said(wal.append_with_meta("p", text(65'536))) == "invalid_record");
  CHECK(said(wal.append_with_meta("p", text(70'000))) == "invalid_record");
  CHECK(said(wal.append_durable_with_meta("p", text(65'536))) == "invalid_record");
  CHECK(wal.append("next") == 2u);
  must(wal.flush());
  CHECK(events(wal)[0].meta == meta_of(text(65'535)));
}

TEST_CASE("an event comes back byte for byte or is refused, for all lengths about the limits") {
  const std::size_t lengths[] = {0, 1, 65'534, 65'535, 65'536, 70'000};
  auto wal = must(in_memory().build());
  std::vector<std::pair<std::string, std::string>> accepted;
  for (const std::size_t payload : lengths) {
    for (const std::size_t meta : lengths) {
      const auto lsn = wal.append_with_meta(text(payload), text(meta));
      REQUIRE(said(lsn) == (meta <= 65'535 ? "ok" : "invalid_record"));
      if (lsn) accepted.emplace_back(text(payload), text(meta));
    }
  }
  must(wal.flush());
  const auto all = events(wal);
  REQUIRE(all.size() == accepted.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    REQUIRE(all[i].lsn == i + 1);
    REQUIRE(text_of(all[i].payload) == accepted[i].first);
    REQUIRE(all[i].meta == meta_of(accepted[i].second));
  }
}

TEST_CASE("a batch comes back byte for byte or is refused whole, for all lengths about the limits") {
  const std::size_t lengths[] = {0, 1, 65'534, 65'535, 65'536, 70'000};
  auto wal = must(in_memory().build());
  Lsn last = 0;
  for (const std::size_t length : lengths) {
    Batch batch;
    batch.add(text(length));
    batch.add_with_meta("second", text(length));
    const auto lsn = wal.append_batch(batch);
    REQUIRE(said(lsn) == (length <= 65'535 ? "ok" : "invalid_record"));
    if (lsn) REQUIRE(*lsn == (last += 2));
  }
  must(wal.flush());
  const auto all = events(wal);
  REQUIRE(all.size() == 8);
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(text_of(all[2 * i].payload) == text(lengths[i]));
    REQUIRE(all[2 * i + 1].meta == meta_of(text(lengths[i])));
  }
}

TEST_CASE("an event of nothing at all is an event") {
  MemoryStorage disk;
  auto wal = must(in_memory(disk).build());
  CHECK(wal.append("") == 1u);
  CHECK(wal.append_with_meta("", "") == 2u);
  Batch batch;
  batch.add({});
  CHECK(wal.append_batch(batch) == 3u);
  must(wal.flush());
  for (const Event& event : events(wal)) {
    CHECK(event.payload.empty());
    CHECK_FALSE(event.meta);
  }
  CHECK(disk.bytes().size() == 3 * 34);
}

TEST_CASE("an event larger than the default queue is written, read and recovered") {
  MemoryStorage disk;
  const std::string large = text(volume(16u << 20));
  {
    auto wal = must(in_memory(disk).build());
    CHECK(wal.append("before") == 1u);
    CHECK(wal.append_durable(large) == 2u);
    CHECK(wal.append("after") == 3u);
  }
  auto again = must(in_memory(disk).build());
  CHECK((payloads(again) == std::vector<std::string>{"before", large, "after"}));
}

// ---- frames -------------------------------------------------------------------------------------------------------

TEST_CASE("a frame of max_frame_bytes is accepted, one of a byte more is refused and takes no LSN") {
  auto wal = must(in_memory().max_frame_bytes(1000).build());
  CHECK(wal.append(text(1000 - 34)) == 1u);
  CHECK(said(wal.append(text(1000 - 33))) == "invalid_record");
  CHECK(wal.append_with_meta(text(900), text(66)) == 2u);
  CHECK(said(wal.append_with_meta(text(900), text(67))) == "invalid_record");
  CHECK(said(wal.append_durable(text(2000))) == "invalid_record");
  CHECK(wal.append("next") == 3u);
}

TEST_CASE("max_frame_bytes bounds a batch as a whole") {
  auto wal = must(in_memory().max_frame_bytes(1000).build());
  Batch batch;
  for (int i = 0; i < 9; ++i) batch.add(text(102));  // 28 + 9 * 108 = 1000
  CHECK(wal.append_batch(batch) == 9u);
  batch.add("");
  CHECK(said(wal.append_batch(batch)) == "invalid_record");
  batch.clear();
  batch.add("small again");
  CHECK(wal.append_batch(batch) == 10u);
}

TEST_CASE("the smallest max_frame_bytes that holds an event is taken") {
  auto wal = must(in_memory().max_frame_bytes(34).build());
  CHECK(wal.append("") == 1u);
  CHECK(said(wal.append("x")) == "invalid_record");
}

// ---- batches ------------------------------------------------------------------------------------------------------

TEST_CASE("an empty batch is empty_batch and takes no LSN") {
  auto wal = must(in_memory().build());
  Batch batch;
  CHECK(batch.empty());
  CHECK(said(wal.append_batch(batch)) == "empty_batch");
  CHECK(said(wal.append_batch_durable(Batch::with_capacity(100))) == "empty_batch");
  CHECK(wal.append("first") == 1u);
}

TEST_CASE("a record over the limits spoils its batch until clear") {
  auto wal = must(in_memory().build());
  Batch batch;
  batch.add("good");
  batch.add_with_meta("bad", text(65'536));
  batch.add("good");
  CHECK(said(wal.append_batch(batch)) == "invalid_record");
  CHECK(said(wal.append_batch(batch)) == "invalid_record");
  batch.clear();
  CHECK(batch.empty());
  batch.add("good");
  CHECK(wal.append_batch(batch) == 1u);
}

TEST_CASE("a batch whose only record is over the limits is spoiled, not empty") {
  auto wal = must(in_memory().build());
  Batch batch;
  batch.add_with_meta("bad", text(65'536));
  CHECK(said(wal.append_batch(batch)) == "invalid_record");
}

TEST_CASE("a batch can be appended again, grown, cleared, copied and moved") {
  auto wal = must(in_memory().build());
  auto batch = Batch::with_capacity(2);
  batch.add("a");
  batch.add_with_meta("b", "m");
  CHECK(batch.size() == 2);
  CHECK(wal.append_batch(batch) == 2u);
  CHECK(wal.append_batch(batch) == 4u);
  batch.add("c");
  CHECK(wal.append_batch(batch) == 7u);
  Batch copy = batch;
  const Batch moved = std::move(batch);
  copy.clear();
  CHECK(wal.append_batch(moved) == 10u);
  CHECK(said(wal.append_batch(batch)) == "empty_batch");
  batch.add("d");
  CHECK(wal.append_batch(batch) == 11u);
  must(wal.flush());
  CHECK(payloads(wal) == std::vector<std::string>{"a", "b", "a", "b", "a", "b", "c", "a", "b", "c", "d"});
}

TEST_CASE("a batch of a hundred thousand records is one frame") {
  MemoryStorage disk;
  auto wal = must(in_memory(disk).build());
  Batch batch = Batch::with_capacity(100'000);
  for (int i = 0; i < 100'000; ++i) batch.add("r");
  CHECK(wal.append_batch_durable(batch) == 100'000u);
  CHECK(frames_in(disk.bytes()).size() == 1);
  CHECK(wal.stats().batches_written == 1);
  CHECK(lsns(wal, 99'999) == std::vector<Lsn>{99'999, 100'000});
}

// ---- LSNs ---------------------------------------------------------------------------------------------------------

TEST_CASE("the last LSN is 2^64-2, and what would pass it is invalid_lsn and takes none") {
  constexpr Lsn last = std::numeric_limits<Lsn>::max() - 1;
  const auto mode = GENERATE(Backpressure::block, Backpressure::drop, Backpressure::error);
  auto wal = must(in_memory().start_lsn(last - 3).backpressure(mode).build());
  Batch two;
  two.add("1");
  two.add("2");
  CHECK(wal.append("x") == last - 3);
  CHECK(wal.append_batch(two) == last - 1);
  CHECK(said(wal.append_batch(two)) == "invalid_lsn");
  CHECK(wal.append_durable("x") == last);
  CHECK(said(wal.append("x")) == "invalid_lsn");
  CHECK(said(wal.append_batch(two)) == "invalid_lsn");
  CHECK(said(wal.append_durable("x")) == "invalid_lsn");
  CHECK(wal.last_lsn() == last);
  CHECK(lsns(wal).back() == last);
  CHECK(wal.shutdown());
}

TEST_CASE("an event larger than the queue cannot pass the last LSN either") {
  constexpr Lsn last = std::numeric_limits<Lsn>::max() - 1;
  auto wal = must(in_memory().start_lsn(last).queue_bytes(100).build());
  CHECK(wal.append(text(1000)) == last);
  must(wal.flush());
  CHECK(said(wal.append(text(1000))) == "invalid_lsn");
}

TEST_CASE("a log that ends at the last LSN opens again and refuses appends") {
  constexpr Lsn last = std::numeric_limits<Lsn>::max() - 1;
  MemoryStorage disk;
  must(must(in_memory(disk).start_lsn(last).build()).append("x"));
  auto wal = must(in_memory(disk).build());
  CHECK(wal.last_lsn() == last);
  CHECK(said(wal.append("x")) == "invalid_lsn");
  CHECK(wal.wait_durable(last));
  CHECK(said(wal.wait_durable(last + 1)) == "invalid_lsn");
}

TEST_CASE("start_lsn is the first LSN of an empty log and nothing to one that holds events") {
  MemoryStorage disk;
  {
    auto wal = must(in_memory(disk).start_lsn(1000).build());
    CHECK(wal.last_lsn() == 0);
    CHECK(wal.durable_lsn() == 0);
    CHECK(said(wal.wait_durable(999)) == "invalid_lsn");
    CHECK(wal.append("x") == 1000u);
  }
  auto wal = must(in_memory(disk).start_lsn(5).build());
  CHECK(wal.last_lsn() == 1000);
  CHECK(wal.append("x") == 1001u);
}
