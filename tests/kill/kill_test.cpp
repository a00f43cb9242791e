// SPDX-License-Identifier: MIT
//
// G20: a process killed at any instant loses no event whose flush, wait_durable or append_durable had returned, and
// what comes back is an exact prefix of what was appended. A child works and says over a pipe what was acknowledged; it
// is killed from outside at random, or kills itself before, in the middle of or after the k-th call of the file system,
// those of opening and recovery included. The parent never has a thread of its own when it forks.

#include <catch2/catch_test_macros.hpp>
#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <kill/kill_rounds.hpp>
#include <kill/killed_process.hpp>
#include <kill/left_log.hpp>
#include <optional>
#include <string>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>

using namespace rewal_kill;
using rewal_torture::seed;
using rewal_torture::thinning;

TEST_CASE("a process killed at any instant loses nothing that was acknowledged") {
  Row row("G20", "processes killed at random and at each kind of system call", "kills");
  KillRounds rounds(seed());
  const KillCounts& counts = rounds.counts;
  for (int i = 0; i < 1000 && counts.kills < 120 / thinning; ++i) rounds.run_one();
  counts.tell(row);
  CHECK(std::string(counts.first) == "");
  CHECK(counts.kills >= 120 / thinning);
  CHECK(counts.at_a_point > 0);
}

TEST_CASE("killed at each call in turn while a damaged log is opened, the next opening finds the same") {
  // Deterministic: the k-th call of opening, before, halfway and after, until opening survives.
  Row row("G20", "kills at every call of opening and recovery", "kills");
  std::string first;
  std::uint64_t survived = 0;
  for (const std::uint64_t how : {500u, 501u}) {  // without and with a frame to be saved
    for (const auto when : {KillPoint::before, KillPoint::halfway, KillPoint::after}) {
      for (std::uint64_t k = 1; k < 40; k += when == KillPoint::before ? 1 : thinning) {
        const rewal_test::TempDir dir;
        const std::string path = dir.file("log");
        const KilledProcess writer = run_process({path, how, {}, false}, std::nullopt, false);
        Lsn last = writer.acknowledged;
        damage(path, how);
        const KilledProcess opener = run_process({path, k, {KillPoint::any, when, k}, false}, std::nullopt, false);
        const bool in_open = opener.was_killed() && !opener.opened;
        std::string wrong;
        if (writer.status != 0) wrong = "the first child failed; ";
        wrong += judge(path, (std::max)(last, opener.acknowledged), last);
        if (in_open && last != writer.acknowledged) wrong += "other events than before; ";
        if (how % 2 == 1) {
          const auto names = dir.names();
          if (std::none_of(names.begin(), names.end(),
                           [](const auto& name) { return name.find(".cut-") != std::string::npos; })) {
            wrong += "the frame that was cut is not saved; ";
          }
        }
        row.count += opener.was_killed();
        if (!wrong.empty() && row.violations++ == 0) first = "call " + std::to_string(k) + ": " + wrong;
        if (!in_open) {
          ++survived;
          break;
        }
      }
    }
  }
  CHECK(first == "");
  CHECK(survived == 6);  // each walk saw a clean run
  CHECK(row.count >= 20 / thinning);
}

TEST_CASE("kills for as long as there is time, at least 10,000", "[.torture]") {
  // Killing says nothing about the device, and where the files are in memory it goes ten times as fast.
  if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
  const Budget budget;
  Row row("G20", "processes killed, the long run", "kills");
  const KillCounts counts =
      side_by_side(6, seed() + rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20), budget);
  counts.tell(row);
  if (counts.kills < 10'000) WARN("only " << counts.kills << " kills: give it more time");
  CHECK(std::string(counts.first) == "");
}

#endif  // REWAL_POSIX
