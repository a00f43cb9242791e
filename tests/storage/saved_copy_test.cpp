// SPDX-License-Identifier: MIT
//
// Copies saved before a cut: their names, that the same copy is found again, and that no other is ever replaced.

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <vector>

#if REWAL_POSIX
#include <sys/stat.h>
#endif

namespace {

using rewal::FileStorage;

struct Home {
  rewal_test::TempDir dir;
  FileStorage storage = FileStorage::open(dir.file("log.wal")).value();

  /// The name, without the directory, under which the copy was saved.
  std::string preserve(std::uint64_t offset, std::string_view text) {
    const auto saved = storage.preserve(offset, rewal::BytesArg(text).bytes());
    REQUIRE(saved);
    const std::filesystem::path path(*saved);
    CHECK(path.parent_path() == dir.path());
    CHECK(dir.read(path.filename().string()) == text);
    return path.filename().string();
  }
  std::vector<std::string> names() const { return dir.names(); }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a copy is named after the file and the cut, and nothing else is left") {
  Home home;
  CHECK(home.preserve(4096, "tail") == "log.wal.cut-4096");
  CHECK(home.names() == Names{"log.wal", "log.wal.cut-4096"});
}

TEST_CASE("the same bytes saved again are the same copy") {
  Home home;
  CHECK(home.preserve(1, "tail") == "log.wal.cut-1");
  CHECK(home.preserve(1, "tail") == "log.wal.cut-1");
  CHECK(home.names() == Names{"log.wal", "log.wal.cut-1"});
}

TEST_CASE("different bytes never replace an earlier copy") {
  Home home;
  CHECK(home.preserve(1, "tail") == "log.wal.cut-1");
  CHECK(home.preserve(1, "tale") == "log.wal.cut-1.1");
  CHECK(home.preserve(1, "longer tail") == "log.wal.cut-1.2");
  CHECK(home.preserve(1, "") == "log.wal.cut-1.3");
  CHECK(home.preserve(1, "tale") == "log.wal.cut-1.1");
  CHECK(home.dir.read("log.wal.cut-1") == "tail");
  CHECK(home.dir.read("log.wal.cut-1.1") == "tale");
}

TEST_CASE("copies larger than any buffer are compared to the last byte") {
  Home home;
  std::string text(100'000, 'a');
  CHECK(home.preserve(1, text) == "log.wal.cut-1");
  CHECK(home.preserve(1, text) == "log.wal.cut-1");
  text.back() = 'b';
  CHECK(home.preserve(1, text) == "log.wal.cut-1.1");
}

TEST_CASE("what a crash left of an unfinished copy is not in the way and is not touched") {
  Home home;
  home.dir.write("log.wal.cut-1.tmp0", "half");
  home.dir.write("log.wal.cut-1.tmp1", "");
  CHECK(home.preserve(1, "tail") == "log.wal.cut-1");
  CHECK(home.names() == Names{"log.wal", "log.wal.cut-1", "log.wal.cut-1.tmp0", "log.wal.cut-1.tmp1"});
  CHECK(home.dir.read("log.wal.cut-1.tmp0") == "half");
}

TEST_CASE("a name that is taken by something else is stepped over") {
  Home home;
  std::filesystem::create_directory(home.dir / "log.wal.cut-1");
  CHECK(home.preserve(1, "tail") == "log.wal.cut-1.1");
}

TEST_CASE("bytes can be saved straight from the mapped file") {
  Home home;
  REQUIRE(home.storage.write(rewal::BytesArg("keep|tail").bytes()));
  const auto mapping = home.storage.map(9).value();
  const auto saved = home.storage.preserve(5, mapping->bytes().subspan(5));
  REQUIRE(saved);
  CHECK(home.dir.read("log.wal.cut-5") == "tail");
}

#if REWAL_POSIX

TEST_CASE("a name that is a link to nowhere is stepped over") {
  Home home;
  std::filesystem::create_symlink(home.dir / "nowhere", home.dir / "log.wal.cut-1");
  CHECK(home.preserve(1, "tail") == "log.wal.cut-1.1");
  CHECK_FALSE(std::filesystem::exists(home.dir / "nowhere"));
  CHECK(home.names() == Names{"log.wal", "log.wal.cut-1", "log.wal.cut-1.1"});
}

TEST_CASE("a copy is no more public than its log") {
  Home home;
  REQUIRE(::chmod(home.dir.file("log.wal").c_str(), 0600) == 0);
  CHECK(home.preserve(1, "secret") == "log.wal.cut-1");
  struct ::stat status {};
  REQUIRE(::stat(home.dir.file("log.wal.cut-1").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

#endif  // REWAL_POSIX
