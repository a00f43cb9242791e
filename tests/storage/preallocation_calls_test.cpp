// SPDX-License-Identifier: MIT
//
// The system calls of a preallocation that fails, and what is given back of it.

#include <catch2/catch_test_macros.hpp>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <storage/watched_file_system.hpp>
#include <support/temp_dir.hpp>

using namespace rewal_test;

TEST_CASE("a failed preallocation leaves a file that still grows") {
  Home home;
  auto storage = home.open().value();
  home.refuse("allocate");
  CHECK_FALSE(storage.preallocate(4096));
  CHECK(storage.write(abc));
  home.refuse("");
  home.calls();
  CHECK(storage.close());
  CHECK(home.calls() == Calls{"unlock", "close"});
}

TEST_CASE("what a preallocation that failed got is given back at once") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.write(abc));
  home.refuse("allocate");
  home.calls();
  CHECK_FALSE(storage.preallocate(4096));
  CHECK(home.calls() == Calls{"status", "allocate", "truncate"});
}

TEST_CASE("what a failed preallocation got and could not give back at once is cut at close") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.write(abc));
  home.files.watch->allocates_before_failing = true;
  home.files.watch->failing_too = "truncate";
  home.refuse("allocate");
  CHECK_FALSE(storage.preallocate(4096));
  CHECK(home.dir.read("log.wal").size() == 4096);
  home.files.watch->failing_too = "";
  CHECK(storage.close());
  CHECK(home.dir.read("log.wal") == "abc");
}

TEST_CASE("a preallocation that fails keeps the room of an earlier one") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.write(abc));
  CHECK(storage.preallocate(4096));
  home.files.watch->allocates_before_failing = true;
  home.refuse("allocate");
  CHECK_FALSE(storage.preallocate(8192));
  CHECK(home.dir.read("log.wal").size() == 4096);
  CHECK(storage.sync());
}
