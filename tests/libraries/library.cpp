// SPDX-License-Identifier: MIT
//
// The library's side: its own copy of all that the headers hold.

#include <libraries/library.hpp>

namespace rewal_library {

int library_append(Log* log) {
  const auto lsn = log->append("the library's");
  return lsn ? 0 : static_cast<int>(lsn.error().code());
}

int library_flush(Log* log) {
  const auto flushed = log->flush();
  return flushed ? 0 : static_cast<int>(flushed.error().code());
}

Log* library_open(const char* path, Calling* hooks) {
  auto opened = rewal::Wal<>::open(path).hooks(*hooks).build();
  return opened ? new Log(std::move(*opened)) : nullptr;
}

void library_destroy(Log* log) { delete log; }

}  // namespace rewal_library
