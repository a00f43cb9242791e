// SPDX-License-Identifier: MIT
//
// The system calls that save a copy of what is cut, in order and failing.

#include <catch2/catch_test_macros.hpp>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <storage/watched_file_system.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>
#include <vector>

using rewal::Errc;
using namespace rewal_test;

TEST_CASE("a copy is durable before it gets its name, and the name before it is told") {
  Home home;
  auto storage = home.open().value();
  home.calls();
  CHECK(storage.preserve(3, abc));
  CHECK(home.calls() ==
        Calls{"look for copy", "create copy", "write", "sync all", "close", "rename", "sync directory"});
  CHECK(storage.preserve(3, abc));
  CHECK(home.calls() == Calls{"look for copy", "size", "read", "sync all", "sync directory"});
}

TEST_CASE("a copy is written to its end, however short each write is, unless there is no progress") {
  Home home;
  auto storage = home.open().value();
  home.files.watch->most_written = 1;
  CHECK(storage.preserve(3, abc));
  CHECK(home.dir.read("log.wal.cut-3") == "abc");
  home.files.watch->most_written = 0;
  CHECK(storage.preserve(4, abc).error() == Errc::short_write);
  CHECK(home.dir.names() == std::vector<std::string>{"log.wal", "log.wal.cut-3"});
}

TEST_CASE("a copy of which more was written than there is, is no copy") {
  Home home;
  auto storage = home.open().value();
  home.files.watch->claims_more = true;
  CHECK(storage.preserve(3, abc).error() == Errc::short_write);
  CHECK(home.dir.names() == std::vector<std::string>{"log.wal"});
}

TEST_CASE("a copy that cannot be read, or not to its end, is taken for another") {
  for (const int how : {0, 1, 2}) {
    Home home;
    auto storage = home.open().value();
    CHECK(storage.preserve(3, abc));
    if (how < 2) home.refuse(how == 0 ? "size" : "read");
    home.files.watch->reads_nothing = how == 2;
    CHECK(storage.preserve(3, abc));
    CHECK(home.dir.names() == std::vector<std::string>{"log.wal", "log.wal.cut-3", "log.wal.cut-3.1"});
  }
}

TEST_CASE("a copy that is found again and cannot be made durable is no copy") {
  Home home;
  auto storage = home.open().value();
  CHECK(storage.preserve(3, abc));
  home.refuse("sync all");
  CHECK(storage.preserve(3, abc).error().system().value() == 5);
}

#if REWAL_POSIX
TEST_CASE("where every name of an unfinished copy is taken, that is told") {
  Home home;
  auto storage = home.open().value();
  home.files.watch->error = EEXIST;
  home.refuse("create copy");
  CHECK(storage.preserve(3, abc).error().system() == std::errc::file_exists);
  CHECK(home.calls().size() > 10'000);
}

TEST_CASE("an interrupted write of a copy is continued, but not for ever") {
  Home home;
  auto storage = home.open().value();
  home.calls();
  home.files.watch->error = EINTR;
  home.files.watch->failing = 2;  // the first write
  CHECK(storage.preserve(3, abc));
  CHECK(home.dir.read("log.wal.cut-3") == "abc");
  home.refuse("write");
  CHECK(storage.preserve(4, abc).error().system() == std::errc::interrupted);
}
#endif

TEST_CASE("a failed save of a copy leaves nothing behind") {
  for (const char* call : {"create copy", "write", "sync all", "close", "rename"}) {
    Home home;
    auto storage = home.open().value();
    home.refuse(call);
    const auto saved = storage.preserve(3, abc);
    REQUIRE_FALSE(saved);
    CHECK(saved.error().system().value() == 5);
    CHECK(home.dir.names() == std::vector<std::string>{"log.wal"});
  }
}

TEST_CASE("a copy whose name could not be made durable is reported, and found again") {
  Home home;
  auto storage = home.open().value();
  home.refuse("sync directory");
  CHECK_FALSE(storage.preserve(3, abc));
  CHECK_FALSE(storage.preserve(3, abc));
  home.refuse("");
  CHECK(storage.preserve(3, abc));
  CHECK(home.dir.names() == std::vector<std::string>{"log.wal", "log.wal.cut-3"});
}
