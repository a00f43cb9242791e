// SPDX-License-Identifier: MIT
//
// A log on a storage that keeps a tape of what it was asked, and on one that blocks as well.

#ifndef REWAL_TESTS_SPEC_RECORDED_LOG_HPP
#define REWAL_TESTS_SPEC_RECORDED_LOG_HPP

#include <rewal/wal.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

namespace rewal_test {

using Disk = Blocking<RecordingStorage>;

template <class S>
auto on(const S& disk, SyncMode mode = SyncMode::never) {
  return Wal<>::open("log").storage(disk).sync_mode(mode);
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_RECORDED_LOG_HPP
