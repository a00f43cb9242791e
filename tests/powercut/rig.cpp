// SPDX-License-Identifier: MIT
//
// The power-cut rig, for one file system; tests/powercut/run starts it and says what it needs.
//
//   rewal_powercut FS WORKLOAD SCRATCH SEED SECONDS CUTS STOPS KEPT [NAME...]
//       records workloads of the program WORKLOAD and cuts each many times, for SECONDS or until there were CUTS; it
//       stops at the first violation if STOPS is 1, else keeps each in a folder below KEPT. NAME: these workloads only.
//   rewal_powercut --again FOLDER SCRATCH
//       judges a cut that was kept.
//
// Its last line says what was tried: `ext4: cuts=.. violations=.. recordings=.. first=..`; the exit code is 1 after a
// violation.

#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "cutter.hpp"
#include "file_system_under_test.hpp"
#include "recording.hpp"

namespace rewal_powercut {
namespace {

struct Wanted {
  std::string file_system, workload, scratch;
  std::uint64_t seed = 0;
  std::chrono::seconds length{0};
  std::uint64_t cuts = 0;
  bool stops = false;
  std::filesystem::path kept;
  std::vector<std::string> names;
};

class Rig {
 public:
  explicit Rig(Wanted wanted)
      : wanted_(std::move(wanted)),
        random_(wanted_.seed),
        under_test_(wanted_.file_system, wanted_.workload, wanted_.scratch),
        fresh_(under_test_.fresh_disk()) {}

  bool run() {
    // Each workload is to have its turn, however few cuts there are to be.
    const std::uint64_t each = std::clamp<std::uint64_t>(wanted_.cuts / wanted_.names.size(), 4, 25);
    for (std::uint64_t turn = random_.below(wanted_.names.size()); goes_on(); ++turn) {
      const auto& name = wanted_.names[turn % wanted_.names.size()];
      const std::uint64_t seed = random_.next() >> 16;
      std::string failure;
      const Recording first = under_test_.record(fresh_, {}, name, seed, 0, failure);
      if (!failure.empty()) {
        violation(first, 0, failure);
        continue;
      }
      cut_often(first, each * 3 / 4);
      if (goes_on()) cut_its_recovery(first, each - each * 3 / 4);
    }
    std::printf("%s: cuts=%llu violations=%llu recordings=%llu in_recovery=%llu writes=%llu first=%llu\n",
                wanted_.file_system.c_str(), n(cuts_), n(violations_), n(recordings_), n(in_recovery_), n(writes_),
                n(first_violation_));
    return violations_ == 0;
  }

 private:
  static unsigned long long n(std::uint64_t value) { return value; }

  [[nodiscard]] bool goes_on() const {
    return cuts_ < wanted_.cuts && std::chrono::steady_clock::now() < begin_ + wanted_.length &&
           !(wanted_.stops && violations_ > 0);
  }

  void cut_often(const Recording& recording, std::uint64_t times) {
    ++recordings_;
    for (const auto& step : recording.steps) writes_ += step.kind == Step::Kind::write ? 1 : 0;
    for (std::uint64_t i = 0; i < times && goes_on(); ++i) {
      const std::uint64_t seed = random_.next();
      Cut cut(recording, seed);
      const auto wrong = under_test_.judge(cut.disk(), cut.told());
      ++cuts_;
      if (!wrong.empty()) violation(recording, seed, wrong);
    }
  }

  /// What a cut left is opened, and the power goes meanwhile and soon after.
  void cut_its_recovery(const Recording& first, std::uint64_t times) {
    Cut cut(first, random_.next());
    std::string failure;
    const Disk left = cut.disk();
    const auto second = under_test_.record(left, cut.told(), "again", first.seed, 100, failure);
    if (!failure.empty()) return violation(second, 0, failure);
    const auto before = cuts_;
    cut_often(second, times);
    in_recovery_ += cuts_ - before;
  }

  void violation(const Recording& recording, std::uint64_t cut_seed, const std::string& wrong) {
    ++violations_;
    if (first_violation_ == 0) first_violation_ = cuts_;
    if (violations_ > most_told) return;
    std::printf("VIOLATION %s, workload %s with seed %llu: %s\n", recording.file_system.c_str(),
                recording.workload.c_str(), n(recording.seed), wrong.c_str());
    std::ifstream log(under_test_.log());
    if (cut_seed == 0) std::cout << log.rdbuf();
    if (wanted_.stops) return;
    auto folder = wanted_.kept / std::to_string(violations_);
    for (auto i = violations_; std::filesystem::exists(folder); ++i) folder = wanted_.kept / std::to_string(i);
    recording.save(folder);
    std::ofstream(folder / "cut") << cut_seed << "\n" << wrong << "\n";
    std::printf("  kept: tests/powercut/run --again %s\n", folder.c_str());
    std::fflush(stdout);
  }

  static constexpr std::uint64_t most_told = 10;  // more of them are only counted

  const Wanted wanted_;
  Random random_;
  FileSystemUnderTest under_test_;
  const Disk fresh_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::uint64_t cuts_ = 0, violations_ = 0, recordings_ = 0, in_recovery_ = 0, writes_ = 0, first_violation_ = 0;
};

bool judge_again(const std::filesystem::path& folder, const std::string& scratch) {
  const auto recording = Recording::load(folder);
  std::uint64_t seed = 0;
  std::ifstream(folder / "cut") >> seed;
  FileSystemUnderTest under_test(recording.file_system, "", scratch);
  Cut cut(recording, seed);
  std::printf(
      "%s, workload %s with seed %llu: %zu steps, cut before step %zu, last flush %zu, %zu writes pending, "
      "mode %u\n",
      recording.file_system.c_str(), recording.workload.c_str(), static_cast<unsigned long long>(recording.seed),
      recording.steps.size(), cut.at(), cut.flushed(), cut.pending(), static_cast<unsigned>(cut.mode()));
  // 0: the workload itself failed, so what it began with is judged.
  const auto wrong =
      seed == 0 ? under_test.judge(recording.before, recording.already) : under_test.judge(cut.disk(), cut.told());
  std::printf("%s\n", wrong.empty() ? "nothing is wrong with it" : wrong.c_str());
  return wrong.empty();
}

int act(const std::vector<std::string>& words) {
  if (words.size() == 3 && words[0] == "--again") return judge_again(words[1], words[2]) ? 0 : 1;
  if (words.size() < 9) {
    std::fputs("rewal_powercut is started by tests/powercut/run\n", stderr);
    return 2;
  }
  Wanted wanted{.file_system = words[0],
                .workload = words[1],
                .scratch = words[2],
                .seed = std::stoull(words[3]),
                .length = std::chrono::seconds(std::stoll(words[4])),
                .cuts = std::stoull(words[5]),
                .stops = words[6] == "1",
                .kept = words[7],
                .names = {words.begin() + 8, words.end()}};
  return Rig(std::move(wanted)).run() ? 0 : 1;
}

}  // namespace
}  // namespace rewal_powercut

int main(int count, char** arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // what is mounted goes with this process, so it goes with its parent
  try {
    return rewal_powercut::act({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "powercut: %s\n", error.what());
    return 3;
  }
}
