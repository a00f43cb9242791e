// SPDX-License-Identifier: MIT

#include <rewal/format/batch.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <support/log_image.hpp>

using namespace rewal_test;
using Access = detail::BatchAccess;

TEST_CASE("A batch holds its records as the format stores them", "[batch]") {
  Batch batch;
  CHECK(batch.empty());
  batch.add("one");
  batch.add_with_meta("two", "m");
  batch.add(std::string());
  CHECK(batch.size() == 3);
  CHECK_FALSE(batch.empty());
  Image region;
  put_record(region, bytes_of("one"));
  put_record(region, bytes_of("two"), bytes_of("m"));
  put_record(region, {});
  const Bytes held = Access::region(batch);
  CHECK(Image(held.begin(), held.end()) == region);
  CHECK(Access::count(batch) == 3);
  CHECK(detail::format::holds_records(held, 3));
}

TEST_CASE("Everything a person would pass is a payload", "[batch]") {
  const std::vector<unsigned char> octets{1, 2, 3};
  const std::array<std::byte, 2> array{};
  const char* const text = "to its NUL";
  Batch batch;
  batch.add("literal");
  batch.add(text);
  batch.add(std::string("string"));
  batch.add(std::string_view("view"));
  batch.add(octets);
  batch.add(array);
  batch.add({});
  batch.add({octets.data(), 2});
  std::vector<std::size_t> sizes;
  for (const BorrowedEvent& event : Events(Access::region(batch), batch.size())) sizes.push_back(event.payload.size());
  CHECK(sizes == std::vector<std::size_t>{7, 10, 6, 4, 3, 2, 0, 2});
}

TEST_CASE("Clearing keeps the memory, so that filling it again allocates nothing", "[batch]") {
  Batch batch;
  for (int i = 0; i < 100; ++i) batch.add(std::string(50, 'x'));
  const std::byte* const memory = Access::region(batch).data();
  batch.clear();
  CHECK(batch.empty());
  CHECK(Access::region(batch).empty());
  for (int i = 0; i < 100; ++i) batch.add(std::string(50, 'y'));
  CHECK(Access::region(batch).data() == memory);
}

TEST_CASE("with_capacity reserves and is empty, no capacity is too much to ask for", "[batch]") {
  Batch batch = Batch::with_capacity(100);
  CHECK(batch.empty());
  batch.add("x");
  const std::byte* const memory = Access::region(batch).data();
  for (int i = 1; i < 100; ++i) batch.add("a small record");
  CHECK(Access::region(batch).data() == memory);
  CHECK(Batch::with_capacity(SIZE_MAX).empty());
  CHECK(Batch::with_capacity(0).empty());
}

TEST_CASE("Meta of 65,535 bytes is taken, of 65,536 spoils the batch until it is cleared", "[batch]") {
  Batch batch;
  batch.add_with_meta("x", std::string(65535, 'm'));
  CHECK_FALSE(Access::spoiled(batch));
  CHECK(batch.size() == 1);
  batch.add_with_meta("x", std::string(65536, 'm'));
  CHECK(Access::spoiled(batch));
  batch.add("a good record does not mend it");
  CHECK(Access::spoiled(batch));
  CHECK(batch.size() == 1);
  batch.clear();
  CHECK_FALSE(Access::spoiled(batch));
  batch.add("good");
  CHECK(batch.size() == 1);
}

TEST_CASE("A record that makes a frame of 4 GiB spoils the batch, and its bytes are not touched", "[batch]") {
  if constexpr (sizeof(std::size_t) > 4) {
    const char one = 'x';
    constexpr std::uint64_t most = 0xFFFF'FFFF - 28 - 6;
    Batch batch;
    batch.add({&one, static_cast<std::size_t>(most + 1)});
    CHECK(Access::spoiled(batch));
    Batch partly;
    partly.add("already here");
    partly.add({&one, static_cast<std::size_t>(most - 17)});
    CHECK(Access::spoiled(partly));
    CHECK(partly.size() == 1);
  }
}

TEST_CASE("A copy of a batch is a batch of its own", "[batch]") {
  Batch batch;
  batch.add("one");
  Batch copy = batch;
  copy.add("two");
  CHECK(batch.size() == 1);
  CHECK(copy.size() == 2);
}

TEST_CASE("A batch that was moved from is empty and can be filled again", "[batch]") {
  Batch batch;
  batch.add("one");
  const Batch moved = std::move(batch);
  CHECK(moved.size() == 1);
  CHECK(batch.empty());
  batch.add("two");
  CHECK(batch.size() == 1);
  Batch target;
  target.add_with_meta("bad", std::string(65'536, 'm'));
  target = std::move(batch);
  CHECK_FALSE(Access::spoiled(target));
  CHECK(target.size() == 1);
  CHECK(batch.empty());
}

TEST_CASE("A batch that is assigned by moving has the records of the other, which can be filled again", "[batch]") {
  Batch batch, target;
  batch.add("one");
  target.add("other");
  target = std::move(batch);
  Image region;
  put_record(region, bytes_of("one"));
  const Bytes held = Access::region(target);
  CHECK(Image(held.begin(), held.end()) == region);
  CHECK_FALSE(Access::spoiled(batch));
  CHECK(Access::region(batch).empty());
}
