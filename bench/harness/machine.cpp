// SPDX-License-Identifier: MIT
//
// Asks /proc and the compiler. REWAL_BENCH_FLAGS comes from CMake.

#include "machine.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include <rewal/crc32c/crc32c.hpp>

#include "round_trip.hpp"
#include "setting.hpp"

namespace bench {
namespace {

std::string processor() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string memory() {
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  double kibibytes = 0;
  meminfo >> name >> kibibytes;
  char text[32];
  std::snprintf(text, sizeof text, "%.0f GiB", kibibytes / 1048576);
  return text;
}

/// "ext4 (rw,relatime)" for the file system that holds the directory: the mount with its device number.
std::string file_system(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return "unknown";
  const std::string device = std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, number, root, point, options, word, type;
    fields >> id >> parent >> number >> root >> point >> options;
    while (fields >> word && word != "-") {
    }
    fields >> type;
    if (number == device) return type + " (" + options + ")";
  }
  return "unknown";
}

/// Measured once.
const std::optional<RoundTrip>& round_trip() {
  static const auto measured = measure_round_trip(setting().seconds(0.05));
  return measured;
}

std::string round_trip_in_words() {
  if (!round_trip()) return "one processor only";
  char text[96];
  std::snprintf(text, sizeof text, "%.0f ns for a cache line between processors %zu and %zu, median",
                round_trip()->nanoseconds, round_trip()->first, round_trip()->second);
  return text;
}

/// Cores with a common cache take less than half of this, cores without one more than twice.
constexpr double far_nanoseconds = 150;

#if defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REWAL_BENCH_SANITIZED 1
#endif
constexpr const char* compiler = "clang " __clang_version__;
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_machine(const std::string& directory) {
  struct utsname system {};
  ::uname(&system);
  return {{"processor", processor()},
          {"cores", std::to_string(std::thread::hardware_concurrency())},
          {"memory", memory()},
          {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
          {"file system", file_system(directory)},
          {"compiler", compiler},
          {"flags", REWAL_BENCH_FLAGS},
          {"checksums", std::string(rewal::detail::crc32c_active())},
          {"round trip", round_trip_in_words()}};
}

std::vector<std::string> warnings() {
  std::vector<std::string> all;
#ifndef __OPTIMIZE__
  all.emplace_back("built without optimisation: the figures mean nothing");
#endif
#ifndef NDEBUG
  all.emplace_back("asserts are on: take figures from a build with NDEBUG");
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(REWAL_BENCH_SANITIZED)
  all.emplace_back("built with a sanitizer: the figures mean nothing");
#endif
  if (round_trip() && round_trip()->nanoseconds > far_nanoseconds) {
    all.emplace_back("the processors share no cache: expect 2 to 4 times as much in P1, P2 and P6 as where they do");
  }
  double load = 0;
  if (::getloadavg(&load, 1) == 1 && load > 1.5 * std::thread::hardware_concurrency()) {
    all.emplace_back("the machine is busy: more than 1.5 threads want to run on each processor");
  }
  return all;
}

}  // namespace bench
