// SPDX-License-Identifier: MIT
//
// G7, G8, G9 on the simulated disk: each of its operations fails in turn, under the log and under FileStorage. A failed
// fsync drops what it should have written and calls it clean, as Linux does; no acknowledgement may come of it.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <support/errno.hpp>
#include <torture/crash_everywhere.hpp>
#include <vector>

namespace {

using namespace rewal_torture;
using rewal::SyncMode;

struct Walked {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;  // runs in which a call failed
  std::uint64_t clean = 0;     // runs without
  Tried tried;
};

/// A workload whose k-th operation of some kind fails, once or for ever; false where it has no k-th one.
bool fail_operation(const Workload& workload, OpKind kind, std::uint64_t k, int error, bool for_ever,
                    std::uint64_t loss_seed, Walked& walked) {
  const auto volume = std::make_shared<SimVolume>();
  volume->loss_seed = loss_seed;
  std::uint64_t operations = 0;
  bool struck = false;
  volume->refuse = [&](const Op& op) -> std::optional<int> {
    if (op.kind != kind || ++operations < k || (operations > k && !for_ever)) return std::nullopt;
    struck = true;
    return error;
  };
  ++walked.runs;
  SimLog<SimFileStorage> log(workload, volume);
  log.run();
  if (!struck) {
    ++walked.clean;
    return false;
  }
  const std::string where = "\n  workload " + workload.text() + ", operation " + std::to_string(k) + " of kind " +
                            name_of(kind) + " failed with " + std::to_string(error) + (for_ever ? " for ever" : "");
  if (log.failure()) {
    ++walked.failures;
    if (log.failure()->system().value() != error) walked.tried.violation("another errno" + where);
  } else if (kind != OpKind::allocate) {
    walked.tried.violation("nobody was told" + where);
  }
  if (const auto wrong = log.complaint(); !wrong.empty()) walked.tried.violation(wrong + where);
  {
    const std::lock_guard lock(volume->mutex);
    volume->refuse = nullptr;
  }
  // Opened again on the same machine, and after the machine died at any point.
  Directory running;
  for (const auto& name : volume->names()) running[name] = *volume->visible(name);
  if (const auto wrong = judge_image<SimFileStorage>(running, log.history(), true); !wrong.empty()) {
    walked.tried.violation("reopened: " + wrong + where);
  }
  Random random(seed() + k);
  for (const CrashPoint& point : log.points()) {
    CrashImages(point.disk).each(24, random, [&](const Directory& image) {
      const bool thorough = walked.tried.images++ % 16 == 0;
      if (const auto wrong = judge_image<SimFileStorage>(image, point.history, thorough); !wrong.empty()) {
        walked.tried.violation(replay_advice(workload, point, image, wrong) + where);
      }
    });
  }
  return true;
}

const std::vector<Workload> workloads{
    {"adfswBDfw", SyncMode::never, 0},
    {"bfddsraDw", SyncMode::never, 1024},
    {"BafmfBwrd", SyncMode::batch, 0},
    {"fadcbfrBf", SyncMode::batch, 2048},
    {"aswdbdrsw", SyncMode::interval(std::chrono::milliseconds(1)), 1024},
};

}  // namespace

TEST_CASE("an fsync that fails is never turned into an acknowledgement") {
  Walked walked;
  for (const auto& workload : workloads) {
    for (const int error : {EIO, ENOSPC, EDQUOT, EINTR, EAGAIN}) {
      for (const bool for_ever : {false, true}) {
        // Lost altogether, or in part.
        for (std::uint64_t loss = 0; loss < 3; ++loss) {
          if (loss > 0 && (error != EIO || rewal_test::sanitized)) continue;
          std::uint64_t k = 1;
          while (fail_operation(workload, OpKind::sync, k, error, for_ever, loss, walked)) ++k;
        }
      }
    }
  }
  Row row("G9", "fsyncs that fail and drop what they covered", "images");
  row.count = walked.tried.images;
  row.violations = walked.tried.violations;
  row.note("runs", walked.runs);
  row.note("failures", walked.failures);
  row.note("clean_runs", walked.clean);
  CHECK(walked.tried.first == "");
  CHECK(walked.failures > 0);
  CHECK(walked.clean > 0);
}

TEST_CASE("any other operation of the file that fails is told, and loses nothing acknowledged") {
  Walked walked;
  for (const auto& workload : workloads) {
    for (const OpKind kind :
         {OpKind::create, OpKind::write, OpKind::truncate, OpKind::allocate, OpKind::sync_directory}) {
      for (const int error : {EIO, ENOSPC}) {
        for (const bool for_ever : {false, true}) {
          std::uint64_t k = 1;
          while (fail_operation(workload, kind, k, error, for_ever, 0, walked)) ++k;
        }
      }
    }
  }
  Row row("G7", "operations of the file that fail", "images");
  row.count = walked.tried.images;
  row.violations = walked.tried.violations;
  row.note("runs", walked.runs);
  row.note("failures", walked.failures);
  row.note("clean_runs", walked.clean);
  CHECK(walked.tried.first == "");
  CHECK(walked.failures > 0);
  CHECK(walked.clean > 0);
}
