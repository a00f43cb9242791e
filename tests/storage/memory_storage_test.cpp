// SPDX-License-Identifier: MIT
//
// MemoryStorage as a handle: what copies share, what each has of its own, and how long a view lasts.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <rewal/bytes.hpp>
#include <rewal/storage/memory_storage.hpp>
#include <string>
#include <system_error>
#include <utility>

namespace {

using rewal::as_text;
using rewal::BytesArg;
using rewal::Errc;
using rewal::MemoryStorage;

void put(MemoryStorage& disk, std::string_view text) { REQUIRE(disk.write(BytesArg(text).bytes()) == text.size()); }

}  // namespace

TEST_CASE("the copy that a test keeps shows what the log's copy wrote, also after it was closed") {
  MemoryStorage disk;
  MemoryStorage of_log = disk;
  put(of_log, "abc");
  CHECK(as_text(disk.bytes()) == "abc");
  CHECK(of_log.close());
  CHECK(as_text(disk.bytes()) == "abc");
  CHECK(as_text(of_log.bytes()) == "abc");
}

TEST_CASE("closing one handle leaves the others open") {
  MemoryStorage disk;
  MemoryStorage of_log = disk;
  CHECK(of_log.close());
  CHECK(of_log.sync().error() == Errc::closed);
  put(disk, "x");
}

TEST_CASE("a copy of a closed handle is open, and so is one that is assigned a copy") {
  MemoryStorage disk;
  put(disk, "a");
  CHECK(disk.close());
  MemoryStorage again = disk;
  put(again, "b");
  disk = again;
  put(disk, "c");
  CHECK(as_text(disk.bytes()) == "abc");
}

TEST_CASE("a moved handle stays closed, and the one moved from still shows the content") {
  MemoryStorage disk;
  put(disk, "a");
  CHECK(disk.close());
  MemoryStorage moved = std::move(disk);
  CHECK(moved.sync().error() == Errc::closed);
  CHECK(as_text(disk.bytes()) == "a");
}

TEST_CASE("a view of the bytes outlasts growth and shows what it showed") {
  MemoryStorage disk;
  put(disk, "start");
  const rewal::Bytes view = disk.bytes();
  for (int i = 0; i < 1000; ++i) put(disk, std::string(100, 'x'));
  CHECK(as_text(view) == "start");
  CHECK(disk.bytes().size() == 100'005);
}

TEST_CASE("a saved copy is named after the cut, found again, and never replaced") {
  MemoryStorage disk;
  CHECK(disk.preserve(7, BytesArg("first").bytes()) == std::string("memory.cut-7"));
  CHECK(disk.preserve(7, BytesArg("first").bytes()) == std::string("memory.cut-7"));
  CHECK(disk.preserve(7, BytesArg("other").bytes()) == std::string("memory.cut-7.1"));
  CHECK(disk.preserve(7, BytesArg("third").bytes()) == std::string("memory.cut-7.2"));
  CHECK(disk.preserve(7, BytesArg("other").bytes()) == std::string("memory.cut-7.1"));
  CHECK(disk.preserve(8, BytesArg("first").bytes()) == std::string("memory.cut-8"));
  const auto copies = disk.preserved();
  REQUIRE(copies.size() == 4);
  CHECK(as_text(copies[0].bytes) == "first");
  CHECK(as_text(copies[2].bytes) == "third");
}

TEST_CASE("a handle assigned to itself stays what it is") {
  MemoryStorage disk;
  put(disk, "abc");
  const MemoryStorage& same = disk;
  CHECK(disk.close());
  disk = same;
  CHECK(disk.sync().error() == Errc::closed);
  CHECK(as_text(disk.bytes()) == "abc");
}

TEST_CASE("more bytes than there can be addresses are refused before they are looked at") {
  MemoryStorage disk;
  put(disk, "abc");
  const std::byte first{};
  const auto refused = disk.write(rewal::Bytes(&first, SIZE_MAX / 2));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().system() == std::errc::not_enough_memory);
  CHECK(as_text(disk.bytes()) == "abc");
}
