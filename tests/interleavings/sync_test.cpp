// SPDX-License-Identifier: MIT
//
// Ring, EventCount and WriteLock: every interleaving of the catalog's scenarios, up to the order of what is
// independent.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <vector>

#include "../torture/report.hpp"
#include "catalog.hpp"
#include "scheduler.hpp"

namespace {

using namespace rewal_model;

bool play(rewal_torture::Row& row, const Entry& entry, const Limits& limits) {
  const Explored explored = explore(limits, entry.make);
  row.count += explored.interleavings;
  INFO(entry.name << "\n" << explored.schedule);
  if (!explored.violation.empty()) ++row.violations;
  CHECK(explored.violation == "");
  return explored.exhausted;
}

void play_all(const char* what, const std::vector<Entry>& catalog) {
  rewal_torture::Row row("G13", what, "interleavings");
  std::uint64_t scenarios = 0;
  for (const Entry& entry : catalog) {
    if (entry.is_long) continue;
    INFO(entry.name);
    CHECK(play(row, entry, limits_of(entry)));
    ++scenarios;
  }
  row.note("scenarios", scenarios);
}

TEST_CASE("waiting and the write lock: every interleaving of small scenarios") {
  play_all("all interleavings of waiting and the write lock", waiting_catalog());
}

TEST_CASE("the queue: every interleaving of small scenarios") {
  play_all("all interleavings of the queue", ring_catalog());
}

// All scenarios, the long ones too: as they are, and then without limits on stale reads. What does not fit into its
// share of the time is counted as far as it goes.
TEST_CASE("waiting, the write lock and the queue: the long scenarios, and any number of stale reads", "[.torture]") {
  std::vector<const Entry*> all;
  for (const auto* catalog : {&waiting_catalog(), &ring_catalog()}) {
    for (const Entry& entry : *catalog) all.push_back(&entry);
  }
  const double share = static_cast<double>(rewal_torture::number_from_environment("REWAL_TORTURE_SECONDS", 20)) / 2 /
                       static_cast<double>(all.size());
  for (const bool unlimited : {false, true}) {
    rewal_torture::Row row(
        "G13",
        unlimited ? "interleavings of queue and waiting, any stale read" : "interleavings of queue and waiting, long",
        "interleavings");
    std::uint64_t exhausted = 0;
    for (const Entry* entry : all) {
      Limits limits = limits_of(*entry);
      limits.seconds = share;
      if (unlimited) {
        limits.stale_reads = 1000;
        limits.spurious_failures = 1;
        limits.early_wake_ups = 1;
      }
      exhausted += play(row, *entry, limits) ? 1u : 0u;
    }
    row.note("exhausted", exhausted);
    row.note("scenarios", all.size());
  }
}

}  // namespace
