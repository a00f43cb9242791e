// SPDX-License-Identifier: MIT
//
// A workload that is crashed at every point, each image that this may leave judged, and the advice how to make a failing
// one again.

#ifndef REWAL_TESTS_TORTURE_CRASH_EVERYWHERE_HPP
#define REWAL_TESTS_TORTURE_CRASH_EVERYWHERE_HPP

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_set>

#include <torture/crash_images.hpp>
#include <torture/image_judge.hpp>
#include <torture/oracle.hpp>
#include <torture/report.hpp>
#include <torture/sim_log.hpp>
#include <torture/workload.hpp>

namespace rewal_torture {

/// Keeps what a failing image needs to be examined, and says how to make it again.
inline std::string replay_advice(const Workload& workload, const CrashPoint& point, const Directory& image,
                                 const std::string& wrong) {
  const auto path = std::filesystem::temp_directory_path() / "rewal-torture-failing.wal";
  if (const auto log = image.find(log_name); log != image.end()) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(log->second.data()), static_cast<std::streamsize>(log->second.size()));
  }
  return wrong + "\n  workload " + workload.text() + ", crash after: " + point.after + ", acknowledged " +
         std::to_string(point.history.acknowledged()) + " of " + std::to_string(point.history.last()) + ", seed " +
         std::to_string(seed()) + "\n  image: " + path.string() +
         "\n  again: REWAL_TORTURE_SEED=" + std::to_string(seed()) + " REWAL_TORTURE_REPLAY=" + workload.text() +
         " rewal_test_torture \"[replay]\"";
}

struct Tried {
  std::uint64_t workloads = 0;
  std::uint64_t points = 0;
  std::uint64_t images = 0;
  std::uint64_t sampled_points = 0;  // where not all images were tried
  std::uint64_t violations = 0;
  std::string first;  // the first violation

  void violation(const std::string& what) {
    if (violations++ == 0) first = what;
  }
};

/// Runs the workload and judges every image of every crash point, or `most` samples of it.
template <class S>
void crash_everywhere(const Workload& workload, std::uint64_t most, Tried& tried) {
  SimLog<S> log(workload);
  log.run();
  ++tried.workloads;
  if (const auto wrong = log.complaint(); !wrong.empty()) tried.violation(wrong + "\n  workload " + workload.text());
  if (const auto wrong = judge_synced_before(*log.volume()); !wrong.empty()) {
    tried.violation(wrong + "\n  workload " + workload.text());
  }
  Random random(seed());
  std::unordered_set<std::uint64_t> judged;
  for (const CrashPoint& point : log.points()) {
    ++tried.points;
    CrashImages images(point.disk);
    const bool all = images.each(most, random, [&](const Directory& image) {
      std::uint64_t key = point.history.acknowledged() * 1'000'003 + point.history.last();
      for (const auto& [name, bytes] : image) key = hash_of(bytes, key + name.size());
      if (!judged.insert(key).second) return;
      const bool thorough = tried.images++ % 16 == 0;
      if (const auto wrong = judge_image<S>(image, point.history, thorough); !wrong.empty()) {
        tried.violation(replay_advice(workload, point, image, wrong));
      }
    });
    if (!all) ++tried.sampled_points;
  }
}

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_CRASH_EVERYWHERE_HPP
