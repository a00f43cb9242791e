// SPDX-License-Identifier: MIT
//
// G29: a cursor is the old or the new value after any crash. The cursor runs on the simulated disk; a crash strikes
// before each of its operations and after the last, and every image that the disk can then hold is opened.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <rewal/cursor.hpp>
#include <string>
#include <torture/crash_images.hpp>
#include <torture/report.hpp>
#include <torture/sim_file_system.hpp>
#include <utility>
#include <vector>

namespace {

using rewal::Lsn;
using rewal_torture::CrashImages;
using rewal_torture::Directory;
using rewal_torture::DiskState;
using rewal_torture::Image;
using rewal_torture::Op;
using rewal_torture::Random;
using rewal_torture::Row;
using rewal_torture::Sector;
using rewal_torture::SimFileSystem;
using rewal_torture::SimVolume;
using rewal_torture::Version;
using SimCursor = rewal::detail::BasicCursor<SimFileSystem>;

constexpr const char* name = "cursor";
constexpr std::uint64_t every_image = 1 << 20;

rewal::Result<SimCursor> open(const std::shared_ptr<SimVolume>& volume) {
  return SimCursor::open(name, SimFileSystem{volume});
}

/// What a crash at one moment meets, and the two values that may be found.
struct CrashPoint {
  DiskState disk;
  Lsn old_lsn = 0;
  Lsn new_lsn = 0;
};

/// Adds what a sector holds if its last write is torn, at every `step` bytes, from the front and from the back, and
/// leaves out the sectors whose contents are all what the disk holds: they decide nothing.
DiskState with_tears(DiskState disk, std::size_t step) {
  for (auto& file : disk.files) {
    for (auto at = file.unsynced.begin(); at != file.unsynced.end();) {
      auto& [number, versions] = *at;
      const Sector before = file.durable_sector(number);
      const Sector last = versions.back().content;
      if (std::all_of(versions.begin(), versions.end(), [&](const Version& v) { return v.content == before; })) {
        at = file.unsynced.erase(at);
        continue;
      }
      std::vector<Version> torn;
      for (std::size_t k = step; k < before.size(); k += step) {
        Sector front = before;
        Sector back = last;
        std::copy_n(last.begin(), k, front.begin());
        std::copy_n(before.begin(), k, back.begin());
        for (const Sector& content : {front, back}) {
          if (content != before && content != last) torn.push_back({content});
        }
      }
      versions.insert(versions.begin(), torn.begin(), torn.end());
      ++at;
    }
  }
  return disk;
}

/// Opens the cursor, commits these, and notes each moment at which a crash could strike.
std::vector<CrashPoint> crash_points(const std::shared_ptr<SimVolume>& volume, const std::vector<Lsn>& commits,
                                     Lsn found) {
  std::vector<CrashPoint> points;
  Lsn old_lsn = found;
  Lsn new_lsn = found;
  const auto note = [&](const SimVolume& machine) { points.push_back({machine.disk(), old_lsn, new_lsn}); };
  volume->before_operation = [&](const SimVolume& machine, const Op&) { note(machine); };
  {
    auto cursor = open(volume).value();
    for (const Lsn lsn : commits) {
      new_lsn = lsn;
      cursor.commit(lsn).value();
      old_lsn = lsn;
    }
    note(*volume);
  }
  volume->before_operation = nullptr;
  return points;
}

/// Counts the images of one crash point, and those that hold another value.
void judge(const CrashPoint& point, std::size_t step, Row& row) {
  const DiskState disk = with_tears(point.disk, step);
  Random random(rewal_torture::seed());
  const bool all = CrashImages(disk).each(every_image, random, [&](Directory directory) {
    ++row.count;
    const auto machine = std::make_shared<SimVolume>(directory);
    auto cursor = open(machine);
    if (!cursor || (cursor->lsn() != point.old_lsn && cursor->lsn() != point.new_lsn)) {
      ++row.violations;
      return;
    }
    // It works on, whatever the crash has left.
    if (!cursor->commit(77) || !cursor->close()) ++row.violations;
    const auto again = open(std::make_shared<SimVolume>(Directory{{name, *machine->visible(name)}}));
    if (!again || again->lsn() != 77) ++row.violations;
  });
  CHECK(all);
}

}  // namespace

TEST_CASE("a crash leaves a cursor's old or its new value, whatever part of the write was torn", "[figures]") {
  Row row("G29", "a cursor's crash images, all of them, up to six commits", "images");
  for (const auto& commits : std::vector<std::vector<Lsn>>{
           {}, {5}, {1, 2}, {9, 3, 9}, {0, 1, 0, 1}, {1, 1, 256, UINT64_MAX, 0}, {1, 2, 3, 4, 1000, 6}}) {
    const auto volume = std::make_shared<SimVolume>();
    for (const auto& point : crash_points(volume, commits, 0)) {
      const bool is_created = !point.disk.durable_names.empty();
      judge(point, is_created ? rewal_torture::thinning : 8, row);
    }
  }
  CHECK(row.count > 1000);
  CHECK(row.violations == 0);
}

TEST_CASE("a crash while a cursor is opened after a crash leaves what was there", "[figures]") {
  Row row("G29", "a cursor's crash images, crashes while it is opened again", "images");
  const auto volume = std::make_shared<SimVolume>();
  for (const auto& point : crash_points(volume, {1, 2}, 0)) {
    Random random(rewal_torture::seed());
    CrashImages(with_tears(point.disk, 16 * rewal_torture::thinning)).each(every_image, random, [&](Directory first) {
      const auto machine = std::make_shared<SimVolume>(first);
      const Lsn found = open(std::make_shared<SimVolume>(first)).value().lsn();
      for (const auto& second : crash_points(machine, {}, found)) judge(second, 16 * rewal_torture::thinning, row);
    });
  }
  CHECK(row.count > 100);
  CHECK(row.violations == 0);
}

TEST_CASE("a cursor and its name are fsynced before open returns, a commit is one write and one fsync") {
  const auto volume = std::make_shared<SimVolume>();
  auto cursor = open(volume).value();
  CHECK(volume->is_durable(name));
  const std::size_t before = volume->operations().size();
  CHECK(cursor.commit(5));
  REQUIRE(volume->operations().size() == before + 2);
  CHECK(volume->operations()[before].kind == rewal_torture::OpKind::write);
  CHECK(volume->operations()[before + 1].kind == rewal_torture::OpKind::sync);
  CHECK(volume->is_durable(name));
}

TEST_CASE("the two slots of a cursor share no block") {
  const auto volume = std::make_shared<SimVolume>();
  auto cursor = open(volume).value();
  const std::size_t before = volume->operations().size();
  CHECK(cursor.commit(1));
  CHECK(cursor.commit(2));
  const auto& first = volume->operations()[before];
  const auto& second = volume->operations()[before + 2];
  CHECK(first.offset / 4096 != second.offset / 4096);
  CHECK(first.size <= 512);
}

TEST_CASE("every call of a cursor that fails is told, and what failed is never turned into success", "[figures]") {
  Row row("G29", "a cursor's calls failing in turn, then a power loss", "failures");
  for (const std::uint64_t loss_seed : {0u, 1u, 2u, 3u}) {
    for (std::size_t k = 0;; ++k) {
      const auto volume = std::make_shared<SimVolume>();
      volume->loss_seed = loss_seed;
      std::size_t calls = 0;
      volume->refuse = [&](const Op&) { return calls++ == k ? std::optional(EIO) : std::nullopt; };
      Lsn acknowledged = 0;
      Lsn tried = 0;
      bool failed = false;
      if (auto cursor = open(volume); cursor) {
        for (const Lsn lsn : {Lsn{1}, Lsn{2}, Lsn{3}, Lsn{4}}) {
          const auto done = cursor->commit(lsn);
          if (done && failed) ++row.violations;  // the first error is final
          if (done) acknowledged = lsn;
          if (!done && !failed) tried = lsn;
          failed = failed || !done;
          if (!done && done.error().system().value() != EIO) ++row.violations;
          if (cursor->lsn() != acknowledged) ++row.violations;
        }
        CHECK(cursor->close());
      } else {
        failed = true;
      }
      if (!failed) break;
      ++row.count;
      // The process ends and opens its cursor again, and what it then reads survives the power loss that follows.
      auto again = open(volume);
      if (!again) {
        ++row.violations;
        continue;
      }
      const Lsn shown = again->lsn();
      if (shown != acknowledged && shown != tried) ++row.violations;
      Random random(rewal_torture::seed());
      CrashImages(volume->disk()).each(every_image, random, [&](Directory left) {
        const auto survivor = open(std::make_shared<SimVolume>(left));
        if (!survivor || survivor->lsn() != shown) ++row.violations;
      });
    }
  }
  CHECK(row.count > 20);
  CHECK(row.violations == 0);
}
