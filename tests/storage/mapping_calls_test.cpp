// SPDX-License-Identifier: MIT
//
// The system calls around mappings: what a mapping forbids, and one that waits or is short of room.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <storage/watched_file_system.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>
#include <thread>

using rewal::Errc;
namespace detail = rewal::detail;
using namespace rewal_test;

TEST_CASE("where a mapping forbids the cut, close succeeds and the zeros stay") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.write(abc));
  CHECK(storage.preallocate(8));
  home.files.watch->mapped_files_refuse = true;
  home.refuse("truncate");
  CHECK(storage.close());
  CHECK(home.dir.read("log.wal").substr(0, 3) == "abc");
  CHECK(home.open());
}

TEST_CASE("where a mapping forbids a cut, zeros stay behind the end and anything else is refused") {
  Home home;
  std::string content = "abcdef";
  home.dir.write("log.wal", content.append(10'000, '\0'));
  auto storage = home.open().value();
  home.files.watch->mapped_files_refuse = true;
  home.refuse("truncate");
  CHECK(storage.truncate(5).error().system().value() == 5);
  CHECK(storage.size() == std::uint64_t{10'006});
  CHECK(storage.truncate(6));
  CHECK(storage.size() == std::uint64_t{6});
  CHECK(storage.map(7).error().system() == std::errc::invalid_argument);
  CHECK(storage.truncate(7).error().system().value() == 5);  // longer is another matter
  CHECK(storage.write(abc) == std::size_t{3});
  CHECK(storage.sync());
  std::string padded = "abcdefabc";
  CHECK(home.dir.read("log.wal") == padded.append(9'997, '\0'));
  home.refuse("");
  CHECK(storage.close());
  CHECK(home.dir.read("log.wal") == "abcdefabc");
}

TEST_CASE("where a mapping forbids a file to be made longer, that is refused and nothing has changed") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.write(abc));
  home.files.watch->mapped_files_refuse = true;
  home.refuse("truncate");
  CHECK(storage.truncate(7).error().system().value() == 5);
  CHECK(storage.size() == std::uint64_t{3});
  home.refuse("");
  CHECK(storage.close());
  CHECK(home.dir.read("log.wal") == "abc");
}

TEST_CASE("a mapping that waits for another meets close and says so") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.write(abc));
  std::promise<void> mapping;
  std::promise<void> go_on;
  std::atomic<int> mappings{0};
  home.files.watch->on_map = [&] {
    if (mappings++ != 0) return;
    mapping.set_value();
    go_on.get_future().wait();
  };
  auto first = std::async(std::launch::async, [&] { return storage.map(3).has_value(); });
  mapping.get_future().wait();
  std::atomic<bool> begins{false};
  auto second = std::async(std::launch::async, [&] {
    begins = true;
    return storage.map(2);
  });
  while (!begins) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it is waiting by now
  auto closing = std::async(std::launch::async, [&] { return storage.close().has_value(); });
  while (storage.size()) std::this_thread::yield();
  go_on.set_value();
  CHECK(first.get());
  CHECK(closing.get());
  CHECK(second.get().error() == Errc::closed);
}

TEST_CASE("where address space is short, the mapping is made without headroom") {
  if constexpr (detail::NativeFileSystem::maps_past_the_end) {
    Home home;
    auto storage = home.open().value();
    CHECK(storage.write(abc));
    home.calls();
    home.files.watch->failing = 0;
    CHECK(storage.map(3));
    CHECK(home.calls() == Calls{"map", "map"});
  }
}
