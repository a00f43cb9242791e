// SPDX-License-Identifier: MIT
//
// G20 on Windows, where nothing forks: a child process works on a log and writes into a file what was acknowledged; it is
// ended from outside at random, or ends itself at the k-th call of the file system, those of opening and recovery included.

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <rewal/wal.hpp>
#include <string>
#include <support/temp_dir.hpp>
#include <support/windows_child.hpp>
#include <torture/report.hpp>
#include <utility>

namespace {

using rewal::BorrowedEvent;
using rewal::Bytes;
using rewal::Lsn;
using rewal::Result;
using rewal_test::TempDir;
using rewal_test::told;
using rewal_test::WindowsChild;
using rewal_torture::Row;
namespace detail = rewal::detail;

/// An event's content follows from its LSN.
std::string payload_of(Lsn lsn) {
  return "event " + std::to_string(lsn) + " " + std::string((lsn * 7919) % 3000, static_cast<char>('a' + lsn % 26));
}

/// A file system whose process ends at the k-th call that changes anything.
struct MortalFileSystem : detail::NativeFileSystem {
  using Base = detail::NativeFileSystem;
  std::shared_ptr<std::uint64_t> calls = std::make_shared<std::uint64_t>(0);  // that are left; 0: it never ends

  void counts() const {
    if (*calls != 0 && --*calls == 0) ::TerminateProcess(::GetCurrentProcess(), WindowsChild::killed);
  }
  Result<File> open_or_create(const detail::NativePath& path) {
    auto file = Base::open_or_create(path);
    counts();
    return file;
  }
  Result<File> create_new(const detail::NativePath& path, const File& like) {
    counts();
    return Base::create_new(path, like);
  }
  Result<std::size_t> write_at(const File& file, Bytes bytes, std::uint64_t offset) {
    if (*calls == 1) static_cast<void>(Base::write_at(file, bytes.first(bytes.size() / 2), offset));
    counts();
    return Base::write_at(file, bytes, offset);
  }
  Result<void> truncate(const File& file, std::uint64_t size) {
    counts();
    return Base::truncate(file, size);
  }
  Result<void> allocate(const File& file, std::uint64_t from, std::uint64_t to) {
    counts();
    return Base::allocate(file, from, to);
  }
  Result<void> sync_data(const File& file) {
    counts();
    return Base::sync_data(file);
  }
  Result<void> sync_all(const File& file) {
    counts();
    return Base::sync_all(file);
  }
  Result<void> rename_new(const detail::NativePath& from, const detail::NativePath& to) {
    counts();
    auto renamed = Base::rename_new(from, to);
    counts();
    return renamed;
  }
  Result<void> close(File& file) {
    counts();
    return Base::close(file);
  }
};

/// What a child has to do, and what it said before it ended.
struct Life {
  std::string path;
  std::uint64_t seed = 0;
  std::uint64_t calls = 0;  // after which it ends

  std::string told_path() const { return path + ".told"; }
  WindowsChild born() const {
    return WindowsChild("child: lives until it is killed", {{"REWAL_TEST_LOG", path},
                                                            {"REWAL_TEST_SEED", std::to_string(seed)},
                                                            {"REWAL_TEST_CALLS", std::to_string(calls)}});
  }
  /// The highest LSN that was acknowledged: the last whole number in the file.
  Lsn acknowledged() const {
    std::ifstream in(told_path(), std::ios::binary);
    Lsn last = 0;
    for (Lsn lsn = 0; in.read(reinterpret_cast<char*>(&lsn), sizeof lsn);) last = lsn;
    return last;
  }
  bool was_opened() const { return std::filesystem::exists(told_path()); }
};

/// What is wrong with the log, of which everything up to `acknowledged` must be there.
std::string judged(const std::string& path, Lsn acknowledged, Lsn& last) {
  auto wal = rewal::Wal<>::open(path).build();
  if (!wal) return "it does not open: " + wal.error().message();
  last = wal->last_lsn();
  std::string wrong;
  if (last < acknowledged)
    wrong = std::to_string(acknowledged) + " was acknowledged, " + std::to_string(last) + " found; ";
  Lsn due = 1;
  const auto read = wal->replay(0, [&](const BorrowedEvent& event) {
    if (event.lsn != due || rewal::as_text(event.payload) != payload_of(due)) {
      wrong += "event " + std::to_string(due) + " is another; ";
    }
    ++due;
  });
  if (!read || due != last + 1) wrong += "not all events can be read; ";
  if (!wal->shutdown()) wrong += "it does not shut down; ";
  return wrong;
}

void damage(const std::string& path) {
  std::ofstream(path, std::ios::binary | std::ios::app) << std::string(70, 'x');
  const rewal::MemoryStorage disk;
  auto wal = rewal::Wal<>::open("other").storage(disk).build().value();
  REQUIRE(wal.append("a frame of another log"));
  REQUIRE(wal.shutdown());
  std::ofstream(path, std::ios::binary | std::ios::app) << rewal::as_text(disk.bytes());
}

}  // namespace

TEST_CASE("child: lives until it is killed", "[.child]") {
  const std::string path = told("REWAL_TEST_LOG");
  std::mt19937_64 random(std::stoull(told("REWAL_TEST_SEED")));
  MortalFileSystem files;
  *files.calls = std::stoull(told("REWAL_TEST_CALLS"));
  auto storage = detail::BasicFileStorage<MortalFileSystem>::open(path, files);
  REQUIRE(storage);
  auto wal = rewal::Wal<>::open(path)
                 .sync_mode(random() % 2 == 0 ? rewal::SyncMode::never : rewal::SyncMode::batch)
                 .buffer_capacity(random() % 2 == 0 ? 512 : 64 * 1024)
                 .preallocate(random() % 3 * 128 * 1024)
                 .storage(std::move(*storage))
                 .build();
  REQUIRE(wal);
  std::ofstream said(path + ".told", std::ios::binary | std::ios::app);
  const auto say = [&](Lsn lsn) { said.write(reinterpret_cast<const char*>(&lsn), sizeof lsn).flush(); };
  say(wal->last_lsn());
  for (int i = 0; i < 2000; ++i) {
    const Lsn lsn = wal->append(payload_of(wal->last_lsn() + 1)).value();
    const bool durable = random() % 8 == 0;
    REQUIRE((durable ? wal->wait_durable(lsn) : wal->flush()));
    say(lsn);
  }
  REQUIRE(wal->shutdown());
}

TEST_CASE("a process killed at any instant loses nothing that was acknowledged") {
  Row row("G20", "processes ended at random and at each kind of system call, on Windows", "kills");
  std::mt19937_64 random(20);
  std::string first;
  std::uint64_t at_a_point = 0;
  for (int log = 0; log < 4; ++log) {
    const TempDir dir;
    Life life{dir.file("log.wal"), 0, 0};
    Lsn last = 0;
    for (int lives = 0; lives < 10; ++lives) {
      life.seed = random();
      life.calls = random() % 2 == 0 ? 0 : 1 + random() % (random() % 2 == 0 ? 12 : 400);
      if (last > 0 && random() % 4 == 0) damage(life.path);
      {
        WindowsChild child = life.born();
        const Lsn before = life.acknowledged();
        while (child.runs() && life.acknowledged() == before) ::Sleep(1);
        if (life.calls == 0) ::Sleep(static_cast<DWORD>(random() % 40));
        const auto ended = child.ended(life.calls == 0 ? std::chrono::milliseconds(0) : std::chrono::seconds(30));
        child.end();
        row.count += !ended || *ended == WindowsChild::killed;
        at_a_point += life.calls != 0 && ended == WindowsChild::killed;
        if (ended && *ended != 0 && *ended != WindowsChild::killed) first += "the child failed; ";
      }
      first += judged(life.path, (std::max)(life.acknowledged(), last), last);
      if (!first.empty()) break;
    }
    row.violations += !first.empty();
  }
  CHECK(first == "");
  CHECK(row.count >= 20);
  CHECK(at_a_point >= 5);
}

TEST_CASE("killed at each call in turn while a damaged log is opened, the next opening finds the same") {
  Row row("G20", "kills at every call of opening and recovery, on Windows", "kills");
  std::string first;
  bool survived = false;
  for (std::uint64_t calls = 1; calls < 40 && !survived; ++calls) {
    const TempDir dir;
    Life life{dir.file("log.wal"), calls, 0};
    {
      auto wal = rewal::Wal<>::open(life.path).build().value();
      for (Lsn lsn = 1; lsn <= 20; ++lsn) REQUIRE(wal.append(payload_of(lsn)));
      REQUIRE(wal.shutdown());
    }
    damage(life.path);
    life.calls = calls;
    WindowsChild child = life.born();
    while (child.runs() && !life.was_opened()) ::Sleep(1);
    survived = life.was_opened();
    child.end();
    Lsn last = 0;
    first += judged(life.path, 20, last);
    if (!survived && last != 20) first += "other events than before; ";
    const auto names = dir.names();
    if (std::none_of(names.begin(), names.end(),
                     [](const auto& name) { return name.find(".cut-") != std::string::npos; })) {
      first += "the frame that was cut is not saved; ";
    }
    row.count += !survived;
    row.violations += !first.empty();
  }
  CHECK(first == "");
  CHECK(survived);
  CHECK(row.count >= 8);
}

#endif  // REWAL_WINDOWS
