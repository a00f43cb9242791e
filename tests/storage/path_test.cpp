// SPDX-License-Identifier: MIT
//
// What may be passed as a path, and which paths are refused.

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/path.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <system_error>
#include <type_traits>

namespace {

using rewal::PathArg;

std::string taken(const PathArg& path) { return path.text(); }

struct OwnString {
  operator std::string_view() const { return "own"; }
};

}  // namespace

static_assert(!std::is_constructible_v<PathArg, std::nullptr_t>);
static_assert(!std::is_convertible_v<int, PathArg>);
static_assert(!std::is_convertible_v<std::span<const std::byte>, PathArg>);

TEST_CASE("a path is taken in every form a person would write") {
  const char* pointer = "p";
  char writable[] = "w";
  CHECK(taken("literal") == "literal");
  CHECK(taken(pointer) == "p");
  CHECK(taken(writable) == "w");
  CHECK(taken(std::string("s")) == "s");
  CHECK(taken(std::string_view("view").substr(1)) == "iew");
  CHECK(taken(std::filesystem::path("a") / "b") == (std::filesystem::path("a") / "b").string());
  CHECK(taken(std::filesystem::directory_entry("entry").path()) == "entry");
  CHECK(taken(OwnString()) == "own");
  CHECK(taken(u8"grün") == "gr\xc3\xbcn");
  CHECK(taken(std::u8string(u8"ü")) == "\xc3\xbc");
}

TEST_CASE("an empty path, a null pointer and an embedded NUL are refused with the reason") {
  const char* nothing = nullptr;
  const char8_t* nothing_either = nullptr;
  for (const PathArg& path : {PathArg(""), PathArg(nothing), PathArg(nothing_either), PathArg(std::string("a\0b", 3)),
                              PathArg(std::string())}) {
    const auto checked = path.usable();
    REQUIRE_FALSE(checked);
    CHECK(checked.error() == rewal::Errc::io);
    CHECK(checked.error().system() == std::errc::invalid_argument);
    const auto opened = rewal::FileStorage::open(path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error() == checked.error());
  }
  CHECK(PathArg("a").usable());
}

TEST_CASE("a path with UTF-8 names the file of that name") {
  const rewal_test::TempDir dir;
  const auto path = dir.path() / std::filesystem::path(u8"Aufträge-日本.wal");
  CHECK(rewal::FileStorage::open(path));
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("a suffix is appended as it is") {
  const rewal::detail::NativePath path = PathArg("log.wal").native();
  CHECK(rewal::detail::to_utf8(rewal::detail::with_suffix(path, ".cut-17")) == "log.wal.cut-17");
}
