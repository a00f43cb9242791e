// SPDX-License-Identifier: MIT

#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

rewal::Result<rewal::Lsn> store(rewal::Wal<>& log) {
  if (const auto first = log.append_with_meta("first", "meta"); !first) return first;
  const auto last = log.append_durable("second");
  const auto reader = rewal::Reader<>::open("instances.wal").build();
  if (!reader) return reader.error();
  auto events = reader->iterator(1);
  if (!events || !*events->next_borrowed()) return rewal::Errc::corrupted;
  return last;
}
