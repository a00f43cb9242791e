// SPDX-License-Identifier: MIT
//
// A program of somebody else: all it knows of rewal is the include and the target.

#include <cstdio>

#include <rewal/wal.hpp>

int main() {
  auto wal = rewal::Wal<>::open("consumer").storage(rewal::MemoryStorage{}).build();
  if (!wal) return 1;
  const auto lsn = wal->append_durable("hello");
  const auto read = wal->replay(1, [](const rewal::BorrowedEvent& event) {
    std::printf("%.*s\n", static_cast<int>(event.payload.size()), rewal::as_text(event.payload).data());
  });
  return lsn && *lsn == 1 && read && *read == 1 && wal->shutdown() ? 0 : 1;
}
