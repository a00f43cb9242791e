// SPDX-License-Identifier: MIT
//
// Kill rounds: a process works on a log and is killed at random or at a chosen call, again and again, and each time what
// is left is judged. How many is left to the tests.

#ifndef REWAL_TESTS_KILL_KILL_ROUNDS_HPP
#define REWAL_TESTS_KILL_KILL_ROUNDS_HPP

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <kill/killed_process.hpp>
#include <kill/left_log.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace rewal_kill {

using rewal_torture::Budget;
using rewal_torture::Row;

/// What came of it. Plain, so that it goes through a pipe.
struct KillCounts {
  std::uint64_t kills = 0;
  std::uint64_t in_open = 0;     // before the log was open
  std::uint64_t at_a_point = 0;  // at a call that was named
  std::uint64_t violations = 0;
  char first[400] = {};  // what was wrong first

  void add(const KillCounts& other) {
    if (violations == 0) std::memcpy(first, other.first, sizeof first);
    kills += other.kills;
    in_open += other.in_open;
    at_a_point += other.at_a_point;
    violations += other.violations;
  }
  void tell(Row& row) const {
    row.count = kills;
    row.violations = violations;
    row.note("in_open", in_open);
    row.note("at_a_point", at_a_point);
  }
};

/// Rounds of kills on the logs of one directory: a log goes on until it is large, then the next begins.
class KillRounds {
 public:
  explicit KillRounds(std::uint64_t from_seed) : random_(from_seed) {}

  /// A process works and is killed, and its log is judged.
  void run_one() {
    Workload workload;
    workload.path = dir_.file("log" + std::to_string(log_));
    workload.seed = random_.next();
    workload.real_syncs = random_.below(8) == 0;
    std::optional<std::chrono::microseconds> after;
    bool from_start = false;
    const bool labelled = random_.below(3) != 0;
    if (labelled) {
      workload.kill_point.kind = static_cast<KillPoint::Kind>(random_.below(KillPoint::kinds));
      workload.kill_point.when = static_cast<KillPoint::When>(random_.below(3));
      const bool rare = workload.kill_point.kind != KillPoint::write && workload.kill_point.kind != KillPoint::any &&
                        workload.kill_point.kind != KillPoint::sync;
      workload.kill_point.k = 1 + random_.below(rare ? 3 : random_.below(2) == 0 ? 12 : 200);
    }
    if (!labelled || random_.below(4) != 0) {
      from_start = random_.below(4) == 0;  // may strike while the log is being opened
      after = std::chrono::microseconds(random_.below(from_start ? 3000 : 4000));
    }
    if (found_ > 0 && random_.below(8) == 0)
      damage(workload.path, random_.next());  // of an empty log it would be foreign

    const KilledProcess process = run_process(workload, after, from_start);
    acknowledged_ = (std::max)(acknowledged_, process.acknowledged);
    std::string wrong;
    if (!process.was_killed() && !(WIFEXITED(process.status) && WEXITSTATUS(process.status) == 0)) {
      wrong = WIFEXITED(process.status)
                  ? "the child gave up with " + std::to_string(WEXITSTATUS(process.status)) + "; "
                  : "the child was ended by signal " + std::to_string(WTERMSIG(process.status)) + "; ";
    }
    if (process.opened && process.found < found_) wrong += "the child found less than was there before; ";
    const bool killed = process.was_killed();
    counts.kills += killed;
    counts.in_open += killed && !process.opened;
    counts.at_a_point += killed && labelled;
    // Some logs are opened again by the next child alone: then that child's recovery meets what this one left.
    if (random_.below(3) != 0 || process.acknowledged == 0) {
      wrong += judge(workload.path, acknowledged_, found_);
      acknowledged_ = (std::max)(acknowledged_, found_);  // it was read: so it must stay
      if (++rounds_ % 16 == 0 || found_ > 4000) {
        std::filesystem::remove(workload.path);
        ++log_;
        found_ = acknowledged_ = 0;
      }
    }
    if (!wrong.empty() && counts.violations++ == 0) {
      std::ostringstream text;
      text << "process of seed " << workload.seed << ", killed at call " << workload.kill_point.k << " of kind "
           << workload.kill_point.kind << ": " << wrong;
      std::snprintf(counts.first, sizeof counts.first, "%s", text.str().c_str());
    }
  }

  KillCounts counts;

 private:
  rewal_test::TempDir dir_;
  Random random_;
  std::uint64_t log_ = 0;
  std::uint64_t rounds_ = 0;
  Lsn acknowledged_ = 0;  // of the present log
  Lsn found_ = 0;         // when it was last opened
};

/// The counts of several rounds side by side, each in a process of its own, for as long as there is time.
inline KillCounts side_by_side(std::uint64_t count, std::uint64_t from_seed, const Budget& budget) {
  std::vector<std::pair<::pid_t, int>> processes;
  for (std::uint64_t i = 0; i < count; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    const ::pid_t process = ::fork();
    if (process < 0) throw std::runtime_error("no process");
    if (process == 0) {
      int status = 1;
      {
        KillRounds rounds(from_seed + 1000 * i);
        while (budget.left() && rounds.counts.violations == 0) rounds.run_one();
        if (::write(ends[1], &rounds.counts, sizeof(KillCounts)) == static_cast<::ssize_t>(sizeof(KillCounts)))
          status = 0;
      }
      ::_exit(status);
    }
    ::close(ends[1]);
    processes.emplace_back(process, ends[0]);
  }
  KillCounts all;
  for (const auto& [process, end] : processes) {
    KillCounts one;
    const bool told =
        ::read(end, &one, sizeof one) == static_cast<::ssize_t>(sizeof one);  // smaller than a pipe's buffer
    ::close(end);
    int status = 0;
    while (::waitpid(process, &status, 0) < 0) {
    }
    if (!told || status != 0) throw std::runtime_error("a process of kill rounds failed");
    all.add(one);
  }
  return all;
}

}  // namespace rewal_kill

#endif  // REWAL_TESTS_KILL_KILL_ROUNDS_HPP
