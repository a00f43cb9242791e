// SPDX-License-Identifier: MIT
//
// The Windows calls by themselves: each tells the system's own code; long, wide and share paths.

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <filesystem>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <system_error>
#include <utility>

namespace {

using rewal::FileStorage;
using rewal::detail::WindowsFile;
using rewal::detail::WindowsFileSystem;
using rewal::detail::WindowsPath;
using rewal_test::TempDir;

// The system's names for them.
constexpr int file_not_found = 2;
constexpr int path_not_found = 3;
constexpr int access_denied = 5;
constexpr int invalid_handle = 6;
constexpr int lock_violation = 33;

template <class T>
int code_of(const rewal::Result<T>& result) {
  if (result) return 0;
  CHECK(result.error().system().category() == rewal::detail::windows::error_category());
  return result.error().system().value();
}

std::wstring in_full(const std::wstring& path) { return WindowsPath(path).c_str(); }

}  // namespace

TEST_CASE("every call on a file that is not open tells the system's error") {
  WindowsFile none;
  std::array<std::byte, 1> byte{};
  CHECK(code_of(WindowsFileSystem::size(none)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::read_at(none, byte, 0)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::write_at(none, byte, 0)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::truncate(none, 0)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::allocate(none, 0, 1)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::sync_data(none)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::lock(none)) == invalid_handle);
  CHECK(code_of(WindowsFileSystem::unlock(none)) == invalid_handle);
  CHECK(WindowsFileSystem::close(none));
}

TEST_CASE("the system's own code comes through, and compares with the portable ones") {
  const TempDir dir;
  CHECK(code_of(FileStorage::open(dir.path())) == access_denied);
  const auto missing = FileStorage::open(dir / "missing" / "log.wal");
  CHECK(code_of(missing) == path_not_found);
  CHECK(missing.error().system() == std::errc::no_such_file_or_directory);
  auto first = FileStorage::open(dir / "log.wal");
  REQUIRE(first);
  const auto second = FileStorage::open(dir / "log.wal");
  CHECK(second.error() == rewal::Errc::file_locked);
  CHECK(code_of(second) == lock_violation);
  CHECK(code_of(WindowsFileSystem::remove((dir / "missing").native())) == file_not_found);
}

TEST_CASE("a device is no file for a log") {
  CHECK(FileStorage::open("NUL").error().system() == std::errc::invalid_argument);
}

TEST_CASE("a short path stays as it is, a long one is told in full, behind the prefix that lifts the limit") {
  const std::wstring name(240, L'x');
  CHECK(in_full(L"log.wal") == L"log.wal");
  CHECK(in_full(L"C:/logs/log.wal") == L"C:/logs/log.wal");
  CHECK(in_full(L"C:/logs/./old/../" + name) == LR"(\\?\C:\logs\)" + name);
  CHECK(in_full(LR"(\\server\share\logs\)" + name) == LR"(\\?\UNC\server\share\logs\)" + name);
  CHECK(in_full(LR"(\\?\C:\logs\)" + name) == LR"(\\?\C:\logs\)" + name);
  CHECK(in_full(LR"(\\.\C:\logs\)" + name) == LR"(\\.\C:\logs\)" + name);
  const auto relative = in_full(L"logs/" + name + L"/log.wal");
  CHECK(relative == LR"(\\?\)" + (std::filesystem::current_path() / L"logs" / name / L"log.wal").native());
}

TEST_CASE("a log lives at a path longer than 260 characters, its saved copies too") {
  const TempDir dir;
  std::filesystem::path deep = dir.path();
  for (int level = 0; level < 8; ++level) deep /= std::string(40, static_cast<char>('a' + level));
  std::filesystem::create_directories(std::filesystem::path(LR"(\\?\)" + deep.native()));
  REQUIRE(deep.native().size() > 300);
  {
    auto wal = rewal::Wal<>::open(deep / "log.wal").build();
    REQUIRE(wal);
    CHECK(wal->append_durable("event") == rewal::Lsn{1});
    CHECK(wal->shutdown());
  }
  auto storage = FileStorage::open(deep / "log.wal").value();
  const auto copy = storage.preserve(0, rewal::BytesArg("abc").bytes());
  REQUIRE(copy);
  CHECK(*copy == (deep / "log.wal.cut-0").string());
  CHECK(std::filesystem::file_size(std::filesystem::path(LR"(\\?\)" + deep.native()) / "log.wal.cut-0") == 3);
}

TEST_CASE("wide text and UTF-8 name the same file, and what is no UTF-8 is refused with the reason") {
  const TempDir dir;
  const std::wstring wide = (dir.path() / L"Auftr\u00e4ge-\u65e5\u672c-\U0001F600.wal").native();
  auto storage = FileStorage::open(wide);
  REQUIRE(storage);
  CHECK(rewal::PathArg(wide).text() == rewal::PathArg(rewal::PathArg(wide).text()).text());
  CHECK(FileStorage::open(rewal::PathArg(wide).text()).error() == rewal::Errc::file_locked);
  CHECK(std::filesystem::exists(std::filesystem::path(wide)));
  for (const char* const malformed : {"\xff", "a\xc3", "\xed\xa0\x80"}) {
    const auto refused = FileStorage::open(malformed);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().system() == std::errc::invalid_argument);
    CHECK(refused.error().message().find("UTF-8") != std::string::npos);
  }
}

TEST_CASE("what the system says is comparable with what every system says") {
  using std::errc;
  constexpr std::array<std::pair<int, errc>, 24> known{{
      {2, errc::no_such_file_or_directory},
      {3, errc::no_such_file_or_directory},
      {4, errc::too_many_files_open},
      {5, errc::permission_denied},
      {6, errc::bad_file_descriptor},
      {8, errc::not_enough_memory},
      {19, errc::read_only_file_system},
      {21, errc::no_such_device},
      {29, errc::io_error},
      {32, errc::device_or_resource_busy},
      {33, errc::device_or_resource_busy},
      {39, errc::no_space_on_device},
      {64, errc::no_such_device},
      {80, errc::file_exists},
      {87, errc::invalid_argument},
      {112, errc::no_space_on_device},
      {183, errc::file_exists},
      {206, errc::filename_too_long},
      {223, errc::file_too_large},
      {1117, errc::io_error},
      {1224, errc::device_or_resource_busy},
      {1392, errc::io_error},
      {1450, errc::not_enough_memory},
      {1816, errc::no_space_on_device},
  }};
  for (const auto& [code, meaning] : known) {
    CAPTURE(code);
    const auto error = rewal::detail::windows::failure(code, "what").system();
    CHECK(error == meaning);
    CHECK(error.value() == code);
    CHECK(error.message() == std::system_category().message(code));
  }
  const auto unknown = rewal::detail::windows::failure(4390, "what").system();
  CHECK(unknown.value() == 4390);
  CHECK_FALSE(unknown == errc::io_error);
}

#endif  // REWAL_WINDOWS
