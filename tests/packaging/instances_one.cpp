// SPDX-License-Identifier: MIT
//
// With instances_two.cpp: the default log, linked from rewal::instances.

#include <cstdio>

#include <rewal/wal.hpp>

#if !defined(REWAL_INSTANCES)
#error "rewal::instances does not say so"
#endif

rewal::Result<rewal::Lsn> store(rewal::Wal<>& log);

int main() {
  std::remove("instances.wal");
  auto log = rewal::Wal<>::open("instances.wal").build();
  if (!log) return 1;
  const auto lsn = store(*log);
  const auto count = log->replay(1, [](const rewal::BorrowedEvent&) {});
  return lsn && *lsn == 2 && count && *count == 2 && log->shutdown() ? 0 : 1;
}
