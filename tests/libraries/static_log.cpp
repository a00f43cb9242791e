// SPDX-License-Identifier: MIT
//
// A library that has a log of its own, in static storage.

#include <libraries/static_log.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <utility>

namespace {

rewal::Wal<> the_log;

}  // namespace

extern "C" {

int static_log_open(const char* path) {
  auto opened = rewal::Wal<>::open(path).build();
  if (!opened) return 1;
  the_log = std::move(*opened);
  return 0;
}

int static_log_append(int count) {
  for (int i = 0; i < count; ++i) {
    if (!the_log.append("event " + std::to_string(i))) return 1;
  }
  return 0;
}

int static_log_close() {
  const bool ended = static_cast<bool>(the_log.shutdown());
  the_log = {};
  return ended ? 0 : 1;
}

}  // extern "C"
