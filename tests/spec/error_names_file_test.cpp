// SPDX-License-Identifier: MIT
//
// Every error of a file says which file: of a log, of a cursor, of a Reader, of a copy. It goes on saying so when the object is
// gone.

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <rewal/cursor.hpp>
#include <rewal/reader.hpp>
#include <rewal/storage/file_names.hpp>
#include <rewal/wal.hpp>
#include <set>
#include <string>
#include <support/temp_dir.hpp>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using rewal::Cursor;
using rewal::Errc;
using rewal::Error;
using rewal::Reader;
using rewal::Recovery;
using rewal::Wal;
using rewal_test::TempDir;

static_assert(std::is_trivially_copyable_v<Error>);

/// Whether the error is of that file and its message says so.
bool names(const Error& error, const std::string& path) {
  return error.file() == path && error.message().find(" in " + path) != std::string::npos;
}

/// Three durable events, one frame each, in a closed log.
void write_log(const std::string& path) {
  auto wal = Wal<>::open(path).build().value();
  for (const char* event : {"first", "second", "third"}) REQUIRE(wal.append_durable(event));
  REQUIRE(wal.close());
}

/// In place, so that who has the file open sees it.
void change_byte(const std::string& path, std::streamoff offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset);
  const int byte = file.get();
  file.seekp(offset);
  file.put(static_cast<char>(byte ^ 1));
  REQUIRE(file.flush());
}

}  // namespace

TEST_CASE("an error of a log that cannot be opened names its file") {
  const TempDir dir;
  CHECK(names(Wal<>::open(dir.file("no/log")).build().error(), dir.file("no/log")));
  dir.write("foreign", "this is the text of somebody who writes no logs at all");
  CHECK(names(Wal<>::open(dir.file("foreign")).build().error(), dir.file("foreign")));
  write_log(dir.file("log"));
  {
    const auto owner = Wal<>::open(dir.file("log")).build();
    REQUIRE(owner);
    CHECK(names(Wal<>::open(dir.file("log")).build().error(), dir.file("log")));
  }
  change_byte(dir.file("log"), 40);
  const auto damaged = Wal<>::open(dir.file("log")).recovery(Recovery::strict).build();
  CHECK(damaged.error() == Errc::corrupted);
  CHECK(names(damaged.error(), dir.file("log")));
}

TEST_CASE("damage that is met while reading names the file of the log") {
  const TempDir dir;
  write_log(dir.file("log"));
  auto wal = Wal<>::open(dir.file("log")).build().value();
  change_byte(dir.file("log"), 40);
  const auto replayed = wal.replay(1, [](const auto&) { return true; });
  CHECK(replayed.error() == Errc::corrupted);
  CHECK(names(replayed.error(), dir.file("log")));
  const auto copied = wal.copy_to(dir.file("copy"));
  CHECK(copied.error() == Errc::corrupted);
  CHECK(names(copied.error(), dir.file("log")));
}

TEST_CASE("an error of a copy names the copy") {
  const TempDir dir;
  write_log(dir.file("log"));
  auto wal = Wal<>::open(dir.file("log")).build().value();
  dir.write("taken", "");
  CHECK(names(wal.copy_to(dir.file("taken")).error(), dir.file("taken")));
  CHECK(names(wal.copy_to(dir.file("no/copy")).error(), dir.file("no/copy")));
  const auto reader = Reader<>::open(dir.file("log")).build();
  REQUIRE(reader);
  CHECK(names(reader->copy_to(dir.file("taken")).error(), dir.file("taken")));
  CHECK(names(reader->salvage_to(dir.file("no/copy")).error(), dir.file("no/copy")));
}

TEST_CASE("an error of a Reader and of a cursor names their file") {
  const TempDir dir;
  CHECK(names(Reader<>::open(dir.file("no/log")).build().error(), dir.file("no/log")));
  CHECK(names(Cursor::open(dir.file("no/cursor")).error(), dir.file("no/cursor")));
  dir.write("foreign", "this is the text of somebody who keeps no cursors at all");
  CHECK(names(Cursor::open(dir.file("foreign")).error(), dir.file("foreign")));
}

#if REWAL_POSIX
TEST_CASE("the final error of a log names its file, also when the log is gone") {
  const TempDir dir;
  const std::string path = dir.file("log");
  Error last(Errc::io);
  {
    auto wal = Wal<>::open(path).build().value();
    std::filesystem::remove(path);
    CHECK(names(wal.append_durable("an event").error(), path));
    REQUIRE(wal.error());
    last = *wal.error();
  }
  CHECK(names(last, path));
}
#endif

TEST_CASE("errors that are of no file name none") {
  CHECK(Error(Errc::queue_full).file().empty());
  CHECK(Error(Errc::io).message().find(" in ") == std::string::npos);
  CHECK(Error(Errc::io).in_file("name") == Error(Errc::io));  // equality asks what went wrong
}

TEST_CASE("a name is kept once, whoever asks for it at the same time") {
  std::vector<std::set<const char*>> kept(4);
  std::vector<std::thread> threads;
  for (auto& mine : kept) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 2000; ++i) {
        mine.insert(rewal::detail::kept_name("a name that many threads ask for, " + std::to_string(i % 50)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(kept[0].size() == 50);
  for (const auto& names : kept) CHECK(names == kept[0]);
}
