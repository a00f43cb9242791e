// SPDX-License-Identifier: MIT
//
// A log whose storage can block, so that its queue fills up, and what reached that storage.

#ifndef REWAL_TESTS_SPEC_FULL_QUEUE_HPP
#define REWAL_TESTS_SPEC_FULL_QUEUE_HPP

#include <cstddef>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>

namespace rewal_test {

inline auto on(const BlockingStorage& disk, Backpressure mode) {
  return Wal<>::open("log").storage(disk).backpressure(mode);
}

inline std::size_t events_in(const BlockingStorage& disk) {
  Lsn next = 1;
  for (const WrittenFrame& frame : frames_in(disk.disk().bytes())) {
    if (frame.first_lsn != next) throw std::runtime_error("a gap or an inversion at LSN " + std::to_string(next));
    next = frame.last_lsn() + 1;
  }
  return next - 1;
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_FULL_QUEUE_HPP
