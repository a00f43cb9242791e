// SPDX-License-Identifier: MIT
//
// A log's file beside other programs on Windows: a second process at the lock, what others may do to the open file, and one
// who holds it for a moment.

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <support/windows_child.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using rewal::Errc;
using rewal::FileStorage;
using rewal::Wal;
using rewal_test::TempDir;
using rewal_test::told;
using rewal_test::WindowsChild;

/// A program that has the file open, lets others do what `shared` says, and keeps it until it dies.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& path, DWORD shared)
      : handle_(::CreateFileW(path.c_str(), GENERIC_READ, shared, nullptr, OPEN_EXISTING, 0, nullptr)) {
    REQUIRE(handle_ != INVALID_HANDLE_VALUE);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { ::CloseHandle(handle_); }

  HANDLE handle() const { return handle_; }

 private:
  HANDLE handle_;
};

rewal::Lsn last_lsn_read(const std::string& path) {
  return rewal::Reader<>::open(path).build().value().examine().value().last_lsn;
}

/// Whether what one program locks is kept from others.
bool keeps_locks(const std::string& path) {
  const Holder one(path, 7);
  const Holder other(path, 7);
  char byte = 0;
  DWORD count = 0;
  return ::LockFile(one.handle(), 0, 0, 1, 0) != 0 && ::ReadFile(other.handle(), &byte, 1, &count, nullptr) == 0;
}

/// Ends what holds something in a few milliseconds, on a thread of its own.
template <class T>
std::thread ended_soon(std::unique_ptr<T> held) {
  return std::thread([held = std::move(held)]() mutable {
    ::Sleep(40);
    held.reset();
  });
}

struct Home {
  TempDir dir;
  std::string path = dir.file("log.wal");
  Wal<> open() const { return Wal<>::open(path).build().value(); }
};

}  // namespace

TEST_CASE("child: the log is locked", "[.child]") {
  const auto other = Wal<>::open(told("REWAL_TEST_LOG")).build();
  CHECK(other.error() == Errc::file_locked);
  CHECK(other.error().system() == std::errc::device_or_resource_busy);
}

TEST_CASE("child: the log is free", "[.child]") { CHECK(Wal<>::open(told("REWAL_TEST_LOG")).build()); }

TEST_CASE("child: the log is held for ever", "[.child]") {
  auto wal = Wal<>::open(told("REWAL_TEST_LOG")).build();
  REQUIRE(wal);
  REQUIRE(wal->append_durable("event"));
  std::filesystem::rename(told("REWAL_TEST_LOG") + ".soon", told("REWAL_TEST_LOG") + ".now");
  for (;;) ::Sleep(1000);
}

TEST_CASE("another process meets the lock, and gets it when this one closes") {
  const Home home;
  auto wal = home.open();
  CHECK(WindowsChild("child: the log is locked", {{"REWAL_TEST_LOG", home.path}}).ended() == 0u);
  CHECK(wal.shutdown());
  CHECK(WindowsChild("child: the log is free", {{"REWAL_TEST_LOG", home.path}}).ended() == 0u);
}

TEST_CASE("a process that is killed leaves no lock") {
  const Home home;
  home.dir.write("log.wal.soon", "");
  WindowsChild child("child: the log is held for ever", {{"REWAL_TEST_LOG", home.path}});
  while (child.runs() && !std::filesystem::exists(home.dir / "log.wal.now")) ::Sleep(5);
  CHECK(Wal<>::open(home.path).build().error() == Errc::file_locked);
  child.end();
  CHECK(home.open().last_lsn() == 1);
}

TEST_CASE("the descriptor is not inherited through exec") {
  const Home home;
  const auto file = rewal::detail::WindowsFileSystem::open_or_create(rewal::PathArg(home.path).native()).value();
  DWORD flags = 0;
  REQUIRE(::GetHandleInformation(file.handle(), &flags) != 0);
  CHECK((flags & HANDLE_FLAG_INHERIT) == 0);
}

TEST_CASE("while a log is open its file is neither written, cut, deleted, renamed nor replaced") {
  const Home home;
  auto wal = home.open();
  REQUIRE(wal.append_durable("one"));
  home.dir.write("other", "something else");
  std::error_code refused;
  CHECK_FALSE(std::filesystem::remove(home.path, refused));
  CHECK(refused);
  std::filesystem::rename(home.path, home.dir / "elsewhere", refused);
  CHECK(refused);
  std::filesystem::rename(home.dir / "other", home.path, refused);
  CHECK(refused);
  std::filesystem::resize_file(home.path, 10, refused);
  CHECK(refused);
  for (const DWORD how : {DWORD{CREATE_ALWAYS}, DWORD{OPEN_EXISTING}, DWORD{TRUNCATE_EXISTING}}) {
    CHECK(::CreateFileW((home.dir / "log.wal").c_str(), GENERIC_WRITE, 7, nullptr, how, 0, nullptr) ==
          INVALID_HANDLE_VALUE);
  }
  CHECK(wal.append_durable("two"));
  CHECK(wal.shutdown());
  std::filesystem::rename(home.path, home.dir / "elsewhere");
  CHECK(Wal<>::open(home.dir / "elsewhere").build().value().last_lsn() == 2);
}

TEST_CASE("while a log is open others may read and copy its file, and a Reader reads it") {
  const Home home;
  auto wal = home.open();
  REQUIRE(wal.append_durable("one"));
  const Holder holder(home.path, FILE_SHARE_READ | FILE_SHARE_WRITE);  // as one who reads has it
  std::filesystem::copy_file(home.path, home.dir / "copy");
  CHECK(Wal<>::open(home.dir / "copy").build().value().last_lsn() == 1);
  CHECK(last_lsn_read(home.path) == 1);
  CHECK(wal.append_durable("two"));
  CHECK(wal.shutdown());
}

TEST_CASE("a Reader reads a file that another program keeps others from writing") {
  const Home home;
  { CHECK(home.open().append_durable("one")); }
  const Holder holder(home.path, FILE_SHARE_READ);
  CHECK(last_lsn_read(home.path) == 1);
  CHECK(Wal<>::open(home.path).build().error().system() == std::errc::device_or_resource_busy);
}

TEST_CASE("a file that may not be written is read, and no log") {
  const Home home;
  { CHECK(home.open().append_durable("one")); }
  std::filesystem::permissions(home.path, std::filesystem::perms::owner_read);
  const auto wal = Wal<>::open(home.path).build();
  CHECK(last_lsn_read(home.path) == 1);
  std::filesystem::permissions(home.path, std::filesystem::perms::owner_all);
  if (wal) SKIP("wine lets root write what may not be written");
  CHECK(wal.error().system() == std::errc::permission_denied);
}

TEST_CASE("a file that a scanner holds for a moment is waited for") {
  const Home home;
  { CHECK(home.open().append_durable("one")); }
  auto scanner = ended_soon(std::make_unique<Holder>(home.path, 0));
  auto wal = Wal<>::open(home.path).build();
  scanner.join();
  REQUIRE(wal);
  CHECK(wal->append_durable("two") == rewal::Lsn{2});
}

TEST_CASE("a file that another program keeps for itself is told as such") {
  const Home home;
  { CHECK(home.open().append_durable("one")); }
  const Holder holder(home.path, 0);
  const auto refused = Wal<>::open(home.path).build();
  CHECK(refused.error() == Errc::io);
  CHECK(refused.error().system() == std::errc::device_or_resource_busy);
  CHECK(refused.error().message().find("another program holds the file") != std::string::npos);
}

TEST_CASE("a part of the file that a backup locks while it reads is waited for, and then told") {
  const Home home;
  auto wal = home.open();
  REQUIRE(wal.append_durable("one"));
  if (!keeps_locks(home.path)) SKIP("wine lets everybody at a part that is locked");
  const auto end = static_cast<DWORD>(wal.stats().file_size);
  {
    auto backup = std::make_unique<Holder>(home.path, 7u);
    REQUIRE(::LockFile(backup->handle(), end, 0, 100, 0) != 0);
    auto soon = ended_soon(std::move(backup));
    CHECK(wal.append_durable("two"));
    soon.join();
  }
  const Holder backup(home.path, 7);
  REQUIRE(::LockFile(backup.handle(), end, 0, 1000, 0) != 0);
  const auto refused = wal.append_durable("three");
  CHECK(refused.error().system() == std::errc::device_or_resource_busy);
  CHECK(refused.error().message().find("another program holds the file") != std::string::npos);
}

TEST_CASE("a saved copy gets its name although a scanner has the new file open") {
  const Home home;
  auto storage = FileStorage::open(home.path).value();
  // The scanner is at it as soon as the file is there.
  std::thread watcher([&] {
    for (int i = 0; i < 2000; ++i) {
      const HANDLE handle = ::CreateFileW((home.dir / "log.wal.cut-3.tmp0").c_str(), GENERIC_READ,
                                          FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_EXISTING, 0, nullptr);
      if (handle != INVALID_HANDLE_VALUE) {
        ::Sleep(50);
        ::CloseHandle(handle);
        return;
      }
      ::SwitchToThread();
    }
  });
  const std::string tail(1 << 20, 'x');
  const auto saved = storage.preserve(3, rewal::BytesArg(tail).bytes());
  watcher.join();
  CHECK(saved);
  CHECK(home.dir.names() == std::vector<std::string>{"log.wal", "log.wal.cut-3"});
}

TEST_CASE("a relative path without a directory is one in the working directory") {
  const TempDir dir;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  auto storage = FileStorage::open("log.wal");
  const auto saved = storage ? storage->preserve(0, rewal::BytesArg("x").bytes()) : storage.error();
  std::filesystem::current_path(before);
  CHECK(saved == std::string("log.wal.cut-0"));
  CHECK(dir.names() == std::vector<std::string>{"log.wal", "log.wal.cut-0"});
}

TEST_CASE("a saved copy of a log with the longest name has a shorter one") {
  const TempDir dir;
  auto storage = FileStorage::open(dir.file(std::string(250, 'n'))).value();
  const auto saved = storage.preserve(37, rewal::BytesArg("tail").bytes());
  REQUIRE(saved);
  CHECK(std::filesystem::path(*saved).filename().string().size() <= 255);
  CHECK(std::filesystem::path(*saved).filename().string().find(".cut-37") != std::string::npos);
}

TEST_CASE("names of the longest kind that differ at their end have saved copies of different names") {
  const TempDir dir;
  for (const char last : {'a', 'b'}) {
    auto storage = FileStorage::open(dir.file(std::string(249, 'n') + last)).value();
    CHECK(storage.preserve(37, rewal::BytesArg("tail").bytes()));
  }
  CHECK(dir.names().size() == 4);
}

#endif  // REWAL_WINDOWS
