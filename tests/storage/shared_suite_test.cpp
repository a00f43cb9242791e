// SPDX-License-Identifier: MIT
//
// What every storage that ships owes to a log, whatever it keeps its bytes in.

#include <array>
#include <atomic>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/memory_storage.hpp>
#include <span>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <thread>

namespace {

using rewal::BytesArg;
using rewal::Errc;

struct OnDisk {
  using Storage = rewal::FileStorage;
  Storage open() { return rewal::FileStorage::open(dir.file("log.wal")).value(); }
  std::string content() { return dir.read("log.wal"); }
  rewal_test::TempDir dir;
};

struct InMemory {
  using Storage = rewal::MemoryStorage;
  Storage open() { return disk; }
  std::string content() { return std::string(rewal::as_text(disk.bytes())); }
  rewal::MemoryStorage disk;
};

template <class S>
void put(S& storage, std::string_view text) {
  CHECK(storage.write(BytesArg(text).bytes()) == text.size());
}

template <class S>
std::string get(S& storage, std::uint64_t offset, std::size_t most) {
  std::string text(most, '?');
  const auto count = storage.read_at(std::as_writable_bytes(std::span(text)), offset);
  REQUIRE(count);
  text.resize(*count);
  return text;
}

}  // namespace

TEMPLATE_TEST_CASE("a new storage is empty", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  CHECK(storage.size() == std::uint64_t{0});
  CHECK(get(storage, 0, 10).empty());
  CHECK(storage.sync());
}

TEMPLATE_TEST_CASE("writes append and size follows", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  put(storage, "one");
  CHECK(storage.size() == std::uint64_t{3});
  put(storage, "");
  put(storage, "two");
  CHECK(storage.size() == std::uint64_t{6});
  CHECK(storage.sync());
  CHECK(home.content() == "onetwo");
}

TEMPLATE_TEST_CASE("a read is short at the end and zero beyond it", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  put(storage, "abcdef");
  CHECK(get(storage, 0, 6) == "abcdef");
  CHECK(get(storage, 2, 3) == "cde");
  CHECK(get(storage, 4, 100) == "ef");
  CHECK(get(storage, 6, 1).empty());
  CHECK(get(storage, 7, 1).empty());
  CHECK(get(storage, UINT64_MAX, 1).empty());
  CHECK(get(storage, 0, 0).empty());
}

TEMPLATE_TEST_CASE("truncate makes the end, and what followed does not come back", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  put(storage, "abcdef");
  CHECK(storage.truncate(2));
  CHECK(storage.size() == std::uint64_t{2});
  CHECK(get(storage, 0, 10) == "ab");
  put(storage, "X");
  CHECK(home.content() == "abX");
  CHECK(storage.truncate(5));
  CHECK(get(storage, 0, 10) == std::string_view("abX\0\0", 5));
  CHECK(storage.truncate(0));
  CHECK(storage.size() == std::uint64_t{0});
  CHECK(home.content().empty());
}

TEMPLATE_TEST_CASE("a truncation to an impossible size fails and changes nothing", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  put(storage, "abc");
  CHECK_FALSE(storage.truncate(UINT64_MAX));
  CHECK(storage.size() == std::uint64_t{3});
  put(storage, "d");
  CHECK(home.content() == "abcd");
}

TEMPLATE_TEST_CASE("what was written is there when it is opened again", "", OnDisk, InMemory) {
  TestType home;
  {
    auto storage = home.open();
    put(storage, "first");
    CHECK(storage.close());
  }
  auto storage = home.open();
  CHECK(storage.size() == std::uint64_t{5});
  put(storage, "+second");
  CHECK(get(storage, 0, 100) == "first+second");
}

TEMPLATE_TEST_CASE("after close every call says closed, and close succeeds again", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  put(storage, "abc");
  CHECK(storage.close());
  CHECK(storage.write(BytesArg("x").bytes()).error() == Errc::closed);
  CHECK(storage.write({}).error() == Errc::closed);
  CHECK(storage.sync().error() == Errc::closed);
  CHECK(storage.size().error() == Errc::closed);
  CHECK(storage.truncate(0).error() == Errc::closed);
  std::array<std::byte, 1> byte{};
  CHECK(storage.read_at(byte, 0).error() == Errc::closed);
  CHECK(storage.preserve(0, BytesArg("x").bytes()).error() == Errc::closed);
  CHECK(storage.close());
  CHECK(home.content() == "abc");
}

TEMPLATE_TEST_CASE("a storage moves with its content", "", OnDisk, InMemory) {
  TestType home;
  auto first = home.open();
  put(first, "abc");
  auto second = std::move(first);
  put(second, "d");
  first = std::move(second);
  put(first, "e");
  CHECK(first.close());
  CHECK(home.content() == "abcde");
}

TEMPLATE_TEST_CASE("readers beside the writer and beside close see only what was written", "", OnDisk, InMemory) {
  TestType home;
  auto storage = home.open();
  std::atomic<int> damage{0};
  std::atomic<int> unexpected{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      std::array<std::byte, 512> buffer{};
      for (std::uint64_t offset = 0;;) {
        const auto size = storage.size();
        if (!size) {
          if (size.error() != Errc::closed) ++unexpected;
          return;
        }
        const auto count = storage.read_at(buffer, offset);
        if (!count) {
          if (count.error() != Errc::closed) ++unexpected;
          return;
        }
        for (std::size_t i = 0; i < *count; ++i) {
          if (buffer[i] != static_cast<std::byte>((offset + i) % 251)) ++damage;
        }
        offset = offset + *count >= *size ? 0 : offset + *count;
      }
    });
  }
  std::array<std::byte, 997> piece{};
  std::uint64_t end = 0;
  for (int round = 0; round < 400; ++round) {
    for (auto& byte : piece) byte = static_cast<std::byte>(end++ % 251);
    if (storage.write(piece) != piece.size()) ++unexpected;
    if (round % 50 == 0 && !storage.sync()) ++unexpected;
  }
  CHECK(storage.close());
  for (auto& reader : readers) reader.join();
  CHECK(damage == 0);
  CHECK(unexpected == 0);
}
