// SPDX-License-Identifier: MIT
//
// A cursor on real files: what it remembers, whom it keeps out, and which files it refuses.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <rewal/cursor.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>
#include <type_traits>
#include <utility>

namespace {

using rewal::Cursor;
using rewal::Errc;
using rewal::Lsn;
using rewal_test::TempDir;

static_assert(std::is_nothrow_move_constructible_v<Cursor> && std::is_nothrow_move_assignable_v<Cursor>);
static_assert(!std::is_copy_constructible_v<Cursor>);

constexpr std::size_t file_bytes = 8192;
constexpr std::size_t second_slot = 4096;

struct Home {
  TempDir dir;

  [[nodiscard]] rewal::Result<Cursor> open() const { return Cursor::open(dir.file("c")); }
  [[nodiscard]] std::string bytes() const { return dir.read("c"); }
  /// A cursor's file after commits of 1, 2, ..., n.
  [[nodiscard]] std::string after(Lsn n) const {
    auto cursor = open().value();
    for (Lsn lsn = 1; lsn <= n; ++lsn) cursor.commit(lsn).value();
    return bytes();
  }
  /// Opening `content` fails with this code, and changes neither bytes nor time, and leaves nothing locked.
  void refuses(const std::string& content, Errc code) const {
    dir.write("c", content);
    const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000);
    std::filesystem::last_write_time(dir / "c", long_ago);
    for (int again = 0; again < 2; ++again) {
      const auto cursor = open();
      REQUIRE_FALSE(cursor);
      CHECK(cursor.error() == code);
    }
    CHECK(bytes() == content);
    CHECK(std::filesystem::last_write_time(dir / "c") == long_ago);
    CHECK(dir.names() == std::vector<std::string>{"c"});
  }
};

}  // namespace

TEST_CASE("a new cursor is at 0") {
  const Home home;
  CHECK(home.open().value().lsn() == 0);
  CHECK(home.open().value().lsn() == 0);
}

TEST_CASE("a cursor remembers what was committed last, lower LSNs and 0 too") {
  const Home home;
  for (const Lsn lsn : {Lsn{1}, Lsn{2}, UINT64_MAX, Lsn{7}, Lsn{7}, Lsn{0}, Lsn{3}}) {
    auto cursor = home.open().value();
    CHECK(cursor.commit(lsn));
    CHECK(cursor.lsn() == lsn);
    CHECK(cursor.close());
    CHECK(home.open().value().lsn() == lsn);
  }
}

TEST_CASE("many commits leave the cursor's file as long as it was") {
  const Home home;
  CHECK(home.after(0).size() == file_bytes);
  CHECK(home.after(100).size() == file_bytes);
  CHECK(home.open().value().lsn() == 100);
}

TEST_CASE("a second cursor on the same file is file_locked until the first closes") {
  const Home home;
  auto first = home.open().value();
  CHECK(home.open().error() == Errc::file_locked);
  CHECK(first.commit(1));
  CHECK(first.close());
  CHECK(home.open().value().lsn() == 1);
}

TEST_CASE("a log and a cursor refuse each other's files") {
  const Home home;
  static_cast<void>(home.after(3));
  CHECK(rewal::Wal<>::open(home.dir.file("c")).build().error() == Errc::invalid_record);
  const TempDir other;
  {
    auto wal = rewal::Wal<>::open(other.file("log")).build().value();
    CHECK(wal.append_durable("event"));
  }
  home.refuses(other.read("log"), Errc::invalid_record);
}

TEST_CASE("a cursor that was closed or moved from commits nothing") {
  const Home home;
  auto cursor = home.open().value();
  CHECK(cursor.commit(1));
  Cursor other = std::move(cursor);
  CHECK(cursor.commit(2).error() == Errc::not_running);  // NOLINT: on purpose
  CHECK(cursor.lsn() == 0);
  CHECK(cursor.close());
  CHECK(other.commit(3));
  CHECK(other.close());
  CHECK(other.close());
  CHECK(other.commit(4).error() == Errc::closed);
  CHECK(other.lsn() == 3);
  CHECK(home.open().value().lsn() == 3);
}

TEST_CASE("assigning to a cursor closes its file first") {
  const Home home;
  auto cursor = home.open().value();
  CHECK(cursor.commit(1));
  cursor = Cursor::open(home.dir.file("d")).value();
  CHECK(cursor.lsn() == 0);
  CHECK(home.open().value().lsn() == 1);
}

TEST_CASE("a path that can be no file's is refused") {
  const Home home;
  CHECK(Cursor::open("").error().system() == std::errc::invalid_argument);
  CHECK(Cursor::open(home.dir.path()).error() == Errc::io);
  CHECK(Cursor::open(home.dir.path() / "none" / "c").error() == Errc::io);
}

TEST_CASE("foreign files are refused and stay as they are") {
  const Home home;
  for (const std::string& content : {std::string("x"), std::string("12\n"), std::string(file_bytes, 'r'),
                                     std::string("rewalc x"), std::string(file_bytes, '\0') + "x"}) {
    home.refuses(content, Errc::invalid_record);
  }
}

TEST_CASE("a cursor with both slots damaged is corrupted and stays as it is") {
  const Home home;
  std::string content = home.after(3);
  content[20] ^= 1;
  content[second_slot + 30] ^= 1;
  home.refuses(content, Errc::corrupted);
}

TEST_CASE("a cursor's file of another length is corrupted and stays as it is") {
  const Home home;
  const std::string content = home.after(3);
  for (const std::size_t size : {std::size_t{36}, std::size_t{512}, second_slot, second_slot + 36, file_bytes - 1}) {
    home.refuses(content.substr(0, size), Errc::corrupted);
  }
  home.refuses(content + '\0', Errc::corrupted);
}

TEST_CASE("a cursor's file of a later version is refused and stays as it is") {
  const Home home;
  std::string content = home.after(3);
  std::byte* const slot = reinterpret_cast<std::byte*>(content.data());
  rewal::detail::CursorSlot{9, 9, 2}.store(slot);
  home.refuses(content, Errc::invalid_record);
}

TEST_CASE("a slot that stands in the other one's place does not count") {
  const Home home;
  std::string content = home.after(3);  // 4 commits: number 4 stands in the first slot
  content.replace(second_slot, 36, content.substr(0, 36));
  content[20] ^= 1;
  home.refuses(content, Errc::corrupted);
}

TEST_CASE("one damaged byte of a cursor gives one of the last two values or a refusal") {
  const Home home;
  const std::string sound = home.after(5);
  for (const std::size_t slot : {std::size_t{0}, second_slot}) {
    for (std::size_t at = slot; at < slot + 40; ++at) {
      std::string content = sound;
      content[at] = static_cast<char>(content[at] ^ 0x10);
      home.dir.write("c", content);
      const auto lsn = home.open().value().lsn();
      CHECK((lsn == 4 || lsn == 5));
    }
  }
}

TEST_CASE("a commit into a file that was removed, replaced or cut is no success") {
  const TempDir dir;
  const auto path = dir.file("cursor");
  const auto commit_after = [&](auto taken_away) {
    auto cursor = Cursor::open(path).value();
    REQUIRE(cursor.commit(5));
    taken_away();
    const auto failed = cursor.commit(6);
    CHECK_FALSE(failed);
    CHECK(cursor.lsn() == 5);
    CHECK_FALSE(cursor.commit(7));
    return failed.error();
  };
  const auto removed = commit_after([&] { std::filesystem::remove(path); });
  CHECK(removed == Errc::io);
  CHECK(removed.system() == std::errc::no_such_file_or_directory);
  const auto replaced = commit_after([&] {
    std::filesystem::copy_file(path, dir.file("other"));
    std::filesystem::rename(dir.file("other"), path);
  });
  CHECK(replaced.system() == std::errc::no_such_file_or_directory);
  CHECK(Cursor::open(path).value().lsn() == 5);
  CHECK(commit_after([&] { std::filesystem::resize_file(path, 0); }) == Errc::corrupted);
}
