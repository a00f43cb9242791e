// SPDX-License-Identifier: MIT
//
// A log that one library opens, another one writes, and the program reads and shuts down.

#include "two_libraries.hpp"

#include <cstdio>

int main() {
  std::remove("two_libraries.wal");
  auto log = open_log("two_libraries.wal");
  if (!log) return 1;
  const auto lsn = write_log(*log);
  const auto again = open_log("two_libraries.wal");  // the lock is one for all of them
  if (again || again.error() != rewal::Errc::file_locked) return 2;
  const auto count = log->replay(1, [](const rewal::BorrowedEvent&) {});
  return lsn && *lsn == 1 && count && *count == 1 && log->shutdown() ? 0 : 3;
}
