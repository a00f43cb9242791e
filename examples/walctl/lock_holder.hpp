// SPDX-License-Identifier: MIT
//
// Who has a log open, without touching its lock: what the system lists of locks, where it lists them (Linux).
// A reader must take no lock, not for a moment: a log that is being opened would find its file locked.

#ifndef WALCTL_LOCK_HOLDER_HPP
#define WALCTL_LOCK_HOLDER_HPP

#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <sys/stat.h>
#if defined(__linux__)
#include <sys/sysmacros.h>
#endif

namespace walctl {

/// The process that holds the lock of this file; 0 where it is none of this machine's (or container's) list.
inline std::optional<long> lock_holder(const std::string& path) {
#if defined(__linux__)
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%02x:%02x:%llu", major(status.st_dev), minor(status.st_dev),
                static_cast<unsigned long long>(status.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);  // 1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF
    std::string number, kind, how, what, place;
    long process = 0;
    if (words >> number >> kind >> how >> what >> process >> place && kind == "FLOCK" && place == wanted)
      return process;
  }
#else
  static_cast<void>(path);
#endif
  return std::nullopt;
}

}  // namespace walctl

#endif  // WALCTL_LOCK_HOLDER_HPP
