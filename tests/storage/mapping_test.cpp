// SPDX-License-Identifier: MIT
//
// Mapped reads: exact, shared, beside the writer, and independent of the storage's life.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using rewal::as_text;
using rewal::BytesArg;
using rewal::Errc;
using rewal::FileStorage;

struct Home {
  rewal_test::TempDir dir;
  std::string path = dir.file("log.wal");

  FileStorage open() const { return FileStorage::open(path).value(); }
};

void put(FileStorage& storage, std::string_view text) { REQUIRE(storage.write(BytesArg(text).bytes()) == text.size()); }

}  // namespace

TEST_CASE("a mapping shows exactly the bytes asked for") {
  Home home;
  auto storage = home.open();
  put(storage, "abcdef");
  CHECK(as_text((*storage.map(6))->bytes()) == "abcdef");
  CHECK(as_text((*storage.map(2))->bytes()) == "ab");
  CHECK((*storage.map(0))->bytes().empty());
}

TEST_CASE("no more can be mapped than was written") {
  Home home;
  auto storage = home.open();
  CHECK((*storage.map(0))->bytes().empty());
  put(storage, "abc");
  CHECK(storage.preallocate(4096));
  const auto beyond = storage.map(4);
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().system() == std::errc::invalid_argument);
}

TEST_CASE("a mapping survives close, reopening and destruction, and blocks neither close nor the lock") {
  Home home;
  std::shared_ptr<const FileStorage::Mapping> mapping;
  {
    auto storage = home.open();
    put(storage, "abcdef");
    mapping = storage.map(6).value();
    CHECK(storage.close());
    CHECK(storage.map(1).error() == Errc::closed);
    auto again = FileStorage::open(home.path);
    REQUIRE(again);
    CHECK(as_text(mapping->bytes()) == "abcdef");
  }
  CHECK(FileStorage::open(home.path));
  CHECK(as_text(mapping->bytes()) == "abcdef");
}

TEST_CASE("preallocated space is cut at close also under a mapping, or, where the system forbids it, stays as zeros") {
  Home home;
  auto storage = home.open();
  put(storage, "abc");
  CHECK(storage.preallocate(4096));
  const auto mapping = storage.map(3).value();
  CHECK(storage.close());
  CHECK(as_text(mapping->bytes()) == "abc");
  std::string expected = "abc";
  if constexpr (REWAL_WINDOWS != 0) expected.resize(4096, '\0');
  CHECK(home.dir.read("log.wal") == expected);
}

#if REWAL_WINDOWS
TEST_CASE("a mapped file is not truncated, and the end stays where it was") {
  Home home;
  auto storage = home.open();
  put(storage, "abcdef");
  auto mapping = storage.map(6).value();
  CHECK(storage.truncate(3).error().system().value() == 1224);
  CHECK(storage.size() == std::uint64_t{6});
  mapping.reset();
  CHECK(storage.truncate(3));
}
#endif

TEST_CASE("a mapping of a log that was closed lets the next one cut the zeros behind its end, or leave them there") {
  Home home;
  auto first = home.open();
  put(first, "abc");
  CHECK(first.preallocate(4096));
  const auto mapping = first.map(3).value();
  CHECK(first.close());
  auto second = home.open();
  CHECK(second.truncate(3));
  CHECK(second.size() == std::uint64_t{3});
  put(second, "def");
  CHECK(as_text(mapping->bytes()) == "abc");
  CHECK(as_text(second.map(6).value()->bytes()) == "abcdef");
}

TEST_CASE("a storage dropped while it is mapped releases its lock") {
  Home home;
  std::shared_ptr<const FileStorage::Mapping> mapping;
  {
    auto storage = home.open();
    put(storage, "abc");
    mapping = storage.map(3).value();
  }
  CHECK(FileStorage::open(home.path));
  CHECK(as_text(mapping->bytes()) == "abc");
}

TEST_CASE("readers share one mapping while it is large enough") {
  Home home;
  auto storage = home.open();
  put(storage, std::string(10'000, 'a'));
  const auto first = storage.map(10'000).value();
  const auto second = storage.map(100).value();
  CHECK(first->bytes().data() == second->bytes().data());
}

#if REWAL_POSIX
TEST_CASE("a growing log is seldom mapped anew, and older mappings stay") {
  Home home;
  auto storage = home.open();
  put(storage, "start");
  const auto first = storage.map(5).value();
  std::size_t end = 5;
  for (int i = 0; i < 100; ++i) {
    put(storage, std::string(10'000, 'x'));
    end += 10'000;
    const auto mapping = storage.map(end).value();
    CHECK(mapping->bytes().data() == first->bytes().data());
    CHECK(mapping->bytes()[end - 1] == std::byte{'x'});
  }
  CHECK(as_text(first->bytes()) == "start");
}
#endif

TEST_CASE("after a truncation the bytes written anew are the ones that are mapped") {
  Home home;
  auto storage = home.open();
  put(storage, "abcdef");
  CHECK(as_text((*storage.map(6))->bytes()) == "abcdef");
  CHECK(storage.truncate(3));
  put(storage, "XYZ!");
  CHECK(as_text((*storage.map(7))->bytes()) == "abcXYZ!");
}

TEST_CASE("readers that map beside the writer and beside close see only what was written") {
  Home home;
  auto storage = home.open();
  std::atomic<int> damage{0};
  std::atomic<int> unexpected{0};
  std::atomic<int> mapped{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      for (;;) {
        const auto size = storage.size();
        if (!size) {
          if (size.error() != Errc::closed) ++unexpected;
          return;
        }
        const auto mapping = storage.map(*size);
        if (!mapping) {
          if (mapping.error() != Errc::closed) ++unexpected;
          return;
        }
        ++mapped;
        const auto bytes = (*mapping)->bytes();
        if (bytes.size() != *size) ++unexpected;
        for (std::size_t i = bytes.size() > 5000 ? bytes.size() - 5000 : 0; i < bytes.size(); ++i) {
          if (bytes[i] != static_cast<std::byte>(i % 251)) ++damage;
        }
      }
    });
  }
  std::vector<std::byte> piece(1013);
  std::uint64_t end = 0;
  for (int round = 0; round < 1000 || mapped < 10; ++round) {
    for (auto& byte : piece) byte = static_cast<std::byte>(end++ % 251);
    if (round % 64 == 0) static_cast<void>(storage.preallocate(end + 65'536));
    if (storage.write(piece) != piece.size()) ++unexpected;
  }
  CHECK(storage.close());
  for (auto& reader : readers) reader.join();
  CHECK(damage == 0);
  CHECK(unexpected == 0);
}
