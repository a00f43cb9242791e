// SPDX-License-Identifier: MIT
//
// What the tests of a log's end share: logs to end, what is left of them, and the rows of the table.

#ifndef REWAL_TESTS_SPEC_LOG_END_HPP
#define REWAL_TESTS_SPEC_LOG_END_HPP

#include <rewal/wal.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>

namespace rewal_test {

template <class S>
Wal<S> open_on(const S& disk, SyncMode mode = SyncMode::never) {
  return must(Wal<>::open("log").storage(disk).sync_mode(mode).build());
}

inline Wal<> open_file(const TempDir& dir) { return must(Wal<>::open(dir.file("log")).build()); }

inline std::size_t events_in(const RecordingStorage& disk) {
  std::size_t events = 0;
  for (const WrittenFrame& frame : frames_in(disk.content())) events += frame.count;
  return events;
}

// Rows of the table.
struct Ends : rewal_torture::Row {
  Ends() : Row("G17", "logs drained, fsynced, closed once, unlocked, silent afterwards", "logs") {}
};
struct Callers : rewal_torture::Row {
  Callers() : Row("G17", "callers of shutdown told the same at once", "callers") {}
};

inline bool ends_with_sync_and_close(const RecordingStorage& disk) { return disk.sequence().ends_with("sync close"); }

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_LOG_END_HPP
