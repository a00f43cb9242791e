// SPDX-License-Identifier: MIT
//
// AppendSchedule: who appends, flushes and waits when. Times count from the start, in units of the interval.

#ifndef REWAL_TESTS_STRESS_APPEND_SCHEDULE_HPP
#define REWAL_TESTS_STRESS_APPEND_SCHEDULE_HPP

#include <cstdint>
#include <string>
#include <torture/report.hpp>
#include <vector>

namespace rewal_test {

struct AppendSchedule {
  std::string name;
  std::vector<double> appends;
  std::vector<double> flushes{};
  std::vector<double> durable_waits{};
};

inline std::vector<AppendSchedule> append_schedules() {
  std::vector<AppendSchedule> all;
  all.push_back({"one event", {1}});
  all.push_back({"one event on a log that has slept long", {500}});
  for (const double period : {0.02, 0.3, 0.95, 1.0, 1.05, 3.0, 40.0}) {
    AppendSchedule schedule{"every " + std::to_string(period) + " intervals", {}};
    for (int i = 0; i < 60; ++i) schedule.appends.push_back(1 + i * period);
    all.push_back(schedule);
  }
  AppendSchedule bursts{"bursts", {}};
  for (int burst = 0; burst < 12; ++burst) {
    for (int i = 0; i < 30; ++i) bursts.appends.push_back(1 + burst * 2.7 + i * 0.001);
  }
  all.push_back(bursts);
  // Whoever flushes writes by himself; the fsync stays the writer's.
  AppendSchedule flushed{"flushed by their producers", {}};
  for (int i = 0; i < 40; ++i) {
    flushed.appends.push_back(1 + i * 0.7);
    flushed.flushes.push_back(1.001 + i * 0.7);
  }
  flushed.appends.push_back(40);
  flushed.flushes.push_back(40.001);
  all.push_back(flushed);
  rewal_torture::Random random(rewal_torture::seed());
  const auto random_time = [&](std::uint64_t most) {
    return 1 + static_cast<double>(random.below(most * 1000)) / 1000;
  };
  for (int i = 0; i < 20; ++i) {
    AppendSchedule schedule{"random " + std::to_string(i), {}};
    const auto length = 2 + random.below(60);
    for (std::uint64_t n = 1 + random.below(100); n > 0; --n) schedule.appends.push_back(random_time(length));
    for (std::uint64_t n = random.below(10); n > 0; --n) schedule.flushes.push_back(random_time(length));
    for (std::uint64_t n = random.below(5); n > 0; --n) schedule.durable_waits.push_back(random_time(length));
    all.push_back(schedule);
  }
  return all;
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_STRESS_APPEND_SCHEDULE_HPP
