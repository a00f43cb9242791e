// SPDX-License-Identifier: MIT
//
// The catalog: every small scenario of Ring, EventCount, WriteLock and Follower, by name, as the tests and the survey of edges
// play them. Each has up to three threads (four, where it says so) with up to three operations each.

#ifndef REWAL_TESTS_INTERLEAVINGS_CATALOG_HPP
#define REWAL_TESTS_INTERLEAVINGS_CATALOG_HPP

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler.hpp"

namespace rewal_model {

struct Entry {
  std::string name;
  Make make;
  unsigned most_stale = 1000;  // stale reads a thread, where all would take too long
  unsigned spurious = 1;       // spurious failures a thread
  unsigned early = 1;          // early wake-ups a thread
  bool is_long = false;        // left to the long run
};

[[nodiscard]] const std::vector<Entry>& ring_catalog();
[[nodiscard]] const std::vector<Entry>& waiting_catalog();
[[nodiscard]] const std::vector<Entry>& follower_catalog();

/// Scenarios that use the library as it must not be used: the checker must find something wrong with each.
[[nodiscard]] const std::vector<Entry>& broken_ring_catalog();
[[nodiscard]] const std::vector<Entry>& broken_waiting_catalog();

[[nodiscard]] inline Limits limits_of(const Entry& entry) {
  Limits limits;
  limits.stale_reads = entry.most_stale;
  limits.spurious_failures = entry.spurious;
  limits.early_wake_ups = entry.early;
  return limits;
}

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_CATALOG_HPP
