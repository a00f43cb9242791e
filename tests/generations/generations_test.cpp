// SPDX-License-Identifier: MIT
//
// What examples/generations.hpp promises while nothing goes wrong, and what it says when something is.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <generations.hpp>
#include <generations/script.hpp>
#include <memory>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using generations::Check;
using generations::Generations;
using generations::LogFolder;

std::unique_ptr<Generations<>> opened(const TempDir& dir) { return must(Generations<>::open(dir.path())); }

void run(Generations<>& log, const std::string& word) {
  Told told;
  if (const auto failed = perform(log, word, told, [](const Told&) {})) throw std::runtime_error(failed->message());
}

std::vector<Lsn> read(Generations<>& log, Lsn from = 0) {
  std::vector<Lsn> all;
  must(log.replay(from, [&](const BorrowedEvent& event) { all.push_back(event.lsn); }));
  return all;
}

std::string name(int lsn) {
  std::string text = std::to_string(lsn);
  return std::string(20 - text.size(), '0') + text + ".wal";
}

/// Three generations: 1 to 3, 4 to 6, 7 to 8.
void fill(const TempDir& dir) {
  const auto log = opened(dir);
  run(*log, "aaaraaaraa");
}

}  // namespace

TEST_CASE("a new folder is made with one empty generation") {
  const TempDir dir;
  const auto log = must(Generations<>::open(dir / "made"));
  CHECK(log->first_lsn() == 0);
  CHECK(log->last_lsn() == 0);
  CHECK(log->durable_lsn() == 0);
  CHECK(read(*log).empty());
  CHECK(std::filesystem::exists(dir / "made" / name(1)));
}

TEST_CASE("LSNs go on across a roll, and are read across it") {
  const TempDir dir;
  const auto log = opened(dir);
  run(*log, "aaaraaaraaf");
  CHECK(dir.names() == std::vector<std::string>{name(1), name(4), name(7)});
  CHECK(read(*log) == std::vector<Lsn>{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(read(*log, 3) == std::vector<Lsn>{3, 4, 5, 6, 7, 8});
  CHECK(read(*log, 4) == std::vector<Lsn>{4, 5, 6, 7, 8});
  CHECK(read(*log, 8) == std::vector<Lsn>{8});
  CHECK(read(*log, 9).empty());
  CHECK(log->first_lsn() == 1);
  CHECK(log->last_lsn() == 8);
}

TEST_CASE("replay ends where the function says false") {
  const TempDir dir;
  const auto log = opened(dir);
  run(*log, "aaraaf");
  std::vector<Lsn> seen;
  CHECK(must(log->replay(1, [&](const BorrowedEvent& event) {
          seen.push_back(event.lsn);
          return event.lsn < 3;
        })) == 3);
  CHECK(seen == std::vector<Lsn>{1, 2, 3});
}

TEST_CASE("what a sealed generation holds is durable") {
  const TempDir dir;
  const auto log = opened(dir);
  run(*log, "aaar");
  CHECK(log->durable_lsn() == 3);
  CHECK(said(log->wait_durable(2)) == "ok");
  CHECK(said(log->wait_durable(4)) == "invalid_lsn");
}

TEST_CASE("an empty generation is not rolled") {
  const TempDir dir;
  const auto log = opened(dir);
  run(*log, "rrarr");
  CHECK(dir.names() == std::vector<std::string>{name(1), name(2)});
}

TEST_CASE("drop_before removes whole generations below the LSN, never the newest") {
  const TempDir dir;
  fill(dir);
  const auto log = opened(dir);
  must(log->drop_before(3));
  must(log->drop_before(4 - 1));
  CHECK(log->first_lsn() == 1);
  must(log->drop_before(4));
  CHECK(log->first_lsn() == 4);
  CHECK(read(*log) == std::vector<Lsn>{4, 5, 6, 7, 8});
  must(log->drop_before(1000));
  CHECK(log->first_lsn() == 7);
  CHECK(dir.names() == std::vector<std::string>{name(7)});
}

TEST_CASE("an empty newest generation goes on at the LSN of its name") {
  const TempDir dir;
  {
    const auto log = opened(dir);
    run(*log, "aaarx");
    CHECK(dir.names() == std::vector<std::string>{name(4)});
    CHECK(log->last_lsn() == 3);
  }
  const auto log = opened(dir);
  CHECK(log->first_lsn() == 0);
  CHECK(log->last_lsn() == 3);
  CHECK(log->durable_lsn() == 3);
  run(*log, "d");
  CHECK(read(*log) == std::vector<Lsn>{4});
}

TEST_CASE("a second process, or the same one, does not get the folder") {
  const TempDir dir;
  const auto log = opened(dir);
  CHECK(said(Generations<>::open(dir.path())) == "file_locked");
}

TEST_CASE("files of other names are left alone") {
  const TempDir dir;
  fill(dir);
  for (const std::string other : {"snapshot", "00000000000000000000.wal", "4.wal", "0000000000000000000x.wal"})
    dir.write(other, "something else");
  const auto log = opened(dir);
  run(*log, "x");
  CHECK(dir.names().size() == 5);
}

TEST_CASE("a generation that is missing in the middle is told by the file before it") {
  const TempDir dir;
  fill(dir);
  std::filesystem::remove(dir / name(4));
  const auto log = Generations<>::open(dir.path());
  REQUIRE(said(log) == "corrupted");
  CHECK(log.error().file() == dir.file(name(1)));
  CHECK(log.error().lsn() == 4);

  const auto hasty = must(Generations<>::open(dir.path(), Check::names));
  const auto replayed = hasty->replay(1, [](const BorrowedEvent&) {});
  CHECK(said(replayed) == "corrupted");
}

TEST_CASE("a sealed generation that was damaged, cut or emptied is told") {
  const TempDir dir;
  fill(dir);
  const std::string whole = dir.read(name(4));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  for (const auto& bad : {flipped, whole.substr(0, whole.size() - 5), std::string(), dir.read(name(1))}) {
    dir.write(name(4), bad);
    const auto log = Generations<>::open(dir.path());
    CHECK(said(log) == "corrupted");
    if (!log) CHECK(log.error().file() == dir.file(name(4)));
  }
}

TEST_CASE("a newest generation under the name of another is told") {
  const TempDir dir;
  fill(dir);
  dir.write(name(7), dir.read(name(1)));
  CHECK(said(Generations<>::open(dir.path())) == "corrupted");
}

TEST_CASE("after shutdown nothing is taken, and opening again finds everything") {
  const TempDir dir;
  {
    const auto log = opened(dir);
    run(*log, "aara");
    must(log->shutdown());
    must(log->shutdown());
    CHECK(said(log->append("late")) == "closed");
    CHECK(said(log->roll()) == "closed");
  }
  CHECK(read(*opened(dir)) == std::vector<Lsn>{1, 2, 3});
}

namespace {

/// Makes no file while it is told that the disk is full.
struct FullFolder : LogFolder {
  std::shared_ptr<bool> full = std::make_shared<bool>(false);

  explicit FullFolder(const std::filesystem::path& path) : LogFolder(path) {}
  [[nodiscard]] Result<Wal<>> write(const std::string& file, Lsn start) const {
    if (*full) return Error(Errc::io, std::make_error_code(std::errc::no_space_on_device));
    return LogFolder::write(file, start);
  }
};

}  // namespace

TEST_CASE("a roll that fails is told to those who append, and may be tried again") {
  const TempDir dir;
  const FullFolder folder(dir.path());
  const auto log = must(Generations<FullFolder>::open(folder));
  must(log->append("event 1"));
  *folder.full = true;
  CHECK(errno_of(log->roll()) == ENOSPC);
  CHECK(errno_of(log->append("event 2")) == ENOSPC);
  CHECK(log->durable_lsn() == 1);
  *folder.full = false;
  CHECK(must(log->roll()) == 2);
  CHECK(must(log->append_durable("event 2")) == 2);
  CHECK(judge(*log, Told{2, 0}) == "");
}

namespace {

/// Its next fsync fails.
struct FailingFolder : LogFolder {
  std::shared_ptr<bool> fails = std::make_shared<bool>(false);

  explicit FailingFolder(const std::filesystem::path& path) : LogFolder(path) {}
  [[nodiscard]] Result<void> sync() const {
    if (std::exchange(*fails, false)) return Error(Errc::io, std::make_error_code(std::errc::io_error));
    return LogFolder::sync();
  }
};

}  // namespace

TEST_CASE("no second file goes after a removal that was not fsynced, until it is") {
  const TempDir dir;
  fill(dir);
  const FailingFolder folder(dir.path());
  const auto log = must(Generations<FailingFolder>::open(folder));
  *folder.fails = true;
  CHECK(errno_of(log->drop_before(1000)) == EIO);
  CHECK(dir.names() == std::vector<std::string>{name(4), name(7)});
  must(log->drop_before(1000));
  CHECK(dir.names() == std::vector<std::string>{name(7)});
  CHECK(log->first_lsn() == 7);
}
