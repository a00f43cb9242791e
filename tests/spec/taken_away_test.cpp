// SPDX-License-Identifier: MIT
//
// Nothing is acknowledged into a file that was removed, replaced or made shorter by somebody else: at every stage of an
// append, by every way to durability, with room made in advance and without.

#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <string>
#include <string_view>
#include <support/temp_dir.hpp>
#include <system_error>
#include <torture/report.hpp>
#include <utility>

namespace {

using rewal::Errc;
using rewal::Lsn;
using rewal::Result;
using rewal::SyncMode;
using rewal_test::TempDir;
using namespace std::chrono_literals;

constexpr std::string_view payload = "an event of a log that somebody takes away";

constexpr Lsn kept = 3;  // events durable before the deed

enum class Deed { remove, replace, empty, cut_into_frames, cut_last_byte };
enum class Stage { before_append, after_append, after_flush, before_write, before_sync };
enum class Way { sync, wait_durable, durable_append, batch, interval, shutdown };
constexpr std::array deeds{Deed::remove, Deed::replace, Deed::empty, Deed::cut_into_frames, Deed::cut_last_byte};
constexpr std::array stages{Stage::before_append, Stage::after_append, Stage::after_flush, Stage::before_write,
                            Stage::before_sync};
constexpr std::array ways{Way::sync, Way::wait_durable, Way::durable_append, Way::batch, Way::interval, Way::shutdown};

/// A hook that does something once, on the thread that writes.
struct Trap {
  std::function<void()> before_the_write = [] {};
  std::function<void()> before_the_sync = [] {};
};
struct TrapHooks {
  std::shared_ptr<Trap> trap;
  void before_write(std::size_t) {
    std::exchange(trap->before_the_write, [] {})();
  }
  void before_sync() {
    std::exchange(trap->before_the_sync, [] {})();
  }
};

struct Home {
  TempDir dir;
  std::uintmax_t frames = 0;  // bytes of them

  std::string path() const { return dir.file("log.wal"); }
  void does(Deed deed) const {
    switch (deed) {
      case Deed::remove: REQUIRE(std::filesystem::remove(path())); break;
      case Deed::replace:
        dir.write("other", "something else");
        std::filesystem::rename(dir.file("other"), path());
        break;
      case Deed::empty: std::filesystem::resize_file(path(), 0); break;
      case Deed::cut_into_frames: std::filesystem::resize_file(path(), frames / 2); break;
      case Deed::cut_last_byte: std::filesystem::resize_file(path(), frames - 1); break;
    }
  }
};

SyncMode mode_of(Way way) {
  if (way == Way::batch) return SyncMode::batch;
  return way == Way::interval ? SyncMode::interval(1ms) : SyncMode::never;
}

template <class Wal>
Result<void> made_durable(Wal& wal, Way way, Lsn lsn) {
  switch (way) {
    case Way::sync: {
      if (auto written = wal.flush(); !written) return written;
      return wal.sync();
    }
    case Way::durable_append: {
      const auto last = wal.append_durable(payload);
      return last ? Result<void>() : last.error();
    }
    case Way::batch: return wal.flush();
    case Way::shutdown: return wal.shutdown();
    default: return wal.wait_durable(lsn);
  }
}

/// The error of the first call that would have told of success, once somebody has done it.
std::optional<rewal::Error> told(Deed deed, Stage stage, Way way, std::uint64_t room) {
  Home home;
  auto trap = std::make_shared<Trap>();
  auto wal = rewal::Wal<>::open(home.path()).sync_mode(mode_of(way)).preallocate(room).hooks(TrapHooks{trap}).build();
  REQUIRE(wal);
  for (Lsn i = 0; i < kept; ++i) REQUIRE(wal->append_durable(payload));
  home.frames = wal->stats().file_size;
  const auto doing = [&] { home.does(deed); };
  if (stage == Stage::before_append) doing();
  if (stage == Stage::before_write) trap->before_the_write = doing;
  if (stage == Stage::before_sync) trap->before_the_sync = doing;
  const auto lsn = wal->append(payload);
  if (stage == Stage::after_append) doing();
  const auto flushed = stage == Stage::after_flush ? wal->flush() : Result<void>();
  if (stage == Stage::after_flush) doing();
  // What was durable before it was taken away is nobody's to judge, and counts as told.
  if (flushed && lsn && wal->durable_lsn() >= *lsn) {
    REQUIRE((stage == Stage::after_append || stage == Stage::after_flush));
    const auto next = wal->append_durable(payload);
    return next ? std::nullopt : std::optional(next.error());
  }
  const auto made = lsn ? made_durable(*wal, way, *lsn) : Result<void>(lsn.error());
  if (made) return std::nullopt;
  CHECK(wal->durable_lsn() == kept);
  CHECK_FALSE(wal->append_durable(payload));  // and for good
  REQUIRE(wal->error());
  CHECK(wal->error()->code() == made.error().code());
  static_cast<void>(wal->close());
  if (deed == Deed::replace) CHECK(home.dir.read("log.wal") == "something else");
  return made.error();
}

}  // namespace

TEST_CASE("nothing is acknowledged into a file that was removed, replaced or made shorter", "[figures]") {
  rewal_torture::Row row("G25", "a file taken away at every stage, by every way to durability", "cases");
  for (const Deed deed : deeds) {
    for (const Stage stage : stages) {
      for (const Way way : ways) {
        for (const std::uint64_t room : {std::uint64_t{4 << 20}, std::uint64_t{0}}) {
          CAPTURE(int(deed), int(stage), int(way), room);
          const auto error = told(deed, stage, way, room);
          ++row.count;
          REQUIRE(error);
          if (deed == Deed::remove || deed == Deed::replace) {
            CHECK(*error == Errc::io);
            CHECK(error->system() == std::errc::no_such_file_or_directory);
          } else {
            CHECK(*error == Errc::corrupted);
          }
        }
      }
    }
  }
}

TEST_CASE("a file that was made longer, renamed elsewhere or given another name is the same file") {
  Home home;
  auto wal = rewal::Wal<>::open(home.path()).build().value();
  REQUIRE(wal.append_durable(payload));
  std::filesystem::resize_file(home.path(), 8 << 20);
  CHECK(wal.append_durable(payload));
  std::filesystem::create_hard_link(home.path(), home.dir.file("also.wal"));
  CHECK(wal.append_durable(payload));
  std::filesystem::rename(home.path(), home.dir.file("moved.wal"));
  CHECK(wal.append_durable(payload));
  CHECK(wal.shutdown());
  CHECK(rewal::Wal<>::open(home.dir.file("moved.wal")).build().value().last_lsn() == 4);
}

#endif  // REWAL_POSIX
