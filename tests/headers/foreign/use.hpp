// SPDX-License-Identifier: MIT
//
// Everything that a program may call, so that the templates are checked too.

#include <rewal/cursor.hpp>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>
#include <string>

inline bool use_everything(const std::string& path) {
  auto wal = rewal::Wal<>::open(path).preallocate(1 << 20).recovery(rewal::Recovery::truncate).build();
  if (!wal || !wal->append_durable("event") || !wal->flush() || !wal->sync()) return false;
  auto follower = wal->follow(1);
  auto iterator = wal->iterator();
  const auto replayed = wal->replay(0, [](const rewal::BorrowedEvent&) {});
  const auto copied = wal->copy_to(path + ".copy");
  const auto reader = rewal::Reader<>::open(path).build();
  const auto examined = reader ? reader->examine() : rewal::Result<rewal::Examination>(reader.error());
  auto cursor = rewal::Cursor::open(path + ".cursor");
  return follower && iterator && replayed && copied && examined && cursor && wal->shutdown() && wal->close();
}
