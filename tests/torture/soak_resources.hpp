// SPDX-License-Identifier: MIT
//
// Resources: what this process holds, as /proc says it, and whether it grows. Asked by one thread while no log is open.
// What is held for good, such as stacks and arenas that the C library keeps, shows in the first minutes; after them the
// most that was seen, and a little more, is the limit.

#ifndef REWAL_TESTS_TORTURE_SOAK_RESOURCES_HPP
#define REWAL_TESTS_TORTURE_SOAK_RESOURCES_HPP

#include <sys/resource.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace rewal_soak {

struct Resources {
  std::uint64_t descriptors = 0;
  std::uint64_t mappings = 0;
  std::uint64_t threads = 0;
  std::uint64_t kilobytes = 0;

  [[nodiscard]] static Resources now() {
    Resources held;
    held.descriptors = entries("/proc/self/fd");
    held.threads = entries("/proc/self/task");
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) ++held.mappings;
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      if (word == "VmRSS:") status >> held.kilobytes;
    }
    return held;
  }

 private:
  static std::uint64_t entries(const char* folder) {
    return static_cast<std::uint64_t>(
        std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
  }
};

/// The most that may be held.
class ResourceLimits {
 public:
  /// What grew beyond its limit, "" where nothing did. `learning`: what is held now is no growth.
  [[nodiscard]] std::string check(const Resources& held, bool learning) {
    if (learning) {
      most_.descriptors = (std::max)(most_.descriptors, held.descriptors);
      most_.mappings = (std::max)(most_.mappings, held.mappings);
      most_.threads = (std::max)(most_.threads, held.threads);
      most_.kilobytes = (std::max)(most_.kilobytes, held.kilobytes);
      return {};
    }
    if (held.descriptors > most_.descriptors) return grew("descriptors", held.descriptors, most_.descriptors);
    if (held.threads > most_.threads) return grew("threads", held.threads, most_.threads);
    if (held.mappings > most_.mappings + 64) return grew("mappings", held.mappings, most_.mappings);
    if (held.kilobytes > most_.kilobytes + 65'536) return grew("KiB", held.kilobytes, most_.kilobytes);
    return {};
  }

 private:
  static std::string grew(const char* what, std::uint64_t now, std::uint64_t before) {
    return std::to_string(now) + " " + what + " are held, in the first minutes at most " + std::to_string(before);
  }
  Resources most_;
};

/// Seconds of processors' time, of this process and of its children that have ended.
[[nodiscard]] inline double processor_seconds() {
  double seconds = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    struct ::rusage used {};
    ::getrusage(who, &used);
    for (const ::timeval& time : {used.ru_utime, used.ru_stime}) {
      seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
  }
  return seconds;
}

}  // namespace rewal_soak

#endif  // REWAL_TESTS_TORTURE_SOAK_RESOURCES_HPP
