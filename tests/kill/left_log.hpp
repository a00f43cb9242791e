// SPDX-License-Identifier: MIT
//
// The log that a killed process left behind: what may be wrong with it, and how it is damaged further.

#ifndef REWAL_TESTS_KILL_LEFT_LOG_HPP
#define REWAL_TESTS_KILL_LEFT_LOG_HPP

#include <cstdint>
#include <cstdio>
#include <kill/lsn_content.hpp>
#include <memory>
#include <rewal/wal.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace rewal_kill {

/// What is wrong with the log at `path`, of which everything up to `acknowledged` must be there; nothing where it is
/// right. `last` becomes its last LSN.
inline std::string judge(const std::string& path, Lsn acknowledged, Lsn& last) {
  std::ostringstream wrong;
  auto wal = rewal::Wal<>::open(path).build();
  if (!wal) return "it does not open: " + std::string(wal.error().message());
  last = wal->last_lsn();
  if (last < acknowledged) wrong << "acknowledged " << acknowledged << ", found " << last << "; ";
  if (last != 0 && !is_last_of_frame(last)) wrong << "half a batch at " << last << "; ";
  Lsn due = 1;
  std::vector<std::byte> expected;
  const auto read = wal->replay(0, [&](const BorrowedEvent& event) {
    if (event.lsn != due) {
      wrong << "event " << event.lsn << " where " << due << " is due; ";
      return false;
    }
    ++due;
    if (!is_right(event, expected)) wrong << "event " << event.lsn << " has another content; ";
    return true;
  });
  if (!read) wrong << "it cannot be read: " << read.error().message() << "; ";
  if (due != last + 1) wrong << "last_lsn is " << last << ", but " << due - 1 << " events were read; ";
  if (wal->recovery().gaps != 0 || wal->recovery().inversions != 0) wrong << "gaps or inversions; ";
  if (const auto end = wal->shutdown(); !end) wrong << "it does not shut down: " << end.error().message();
  return wrong.str();
}

/// Bytes that a machine's crash could leave behind the end, so that opening has something to cut: garbage, and behind
/// it a whole frame, which must be saved first.
inline void damage(const std::string& path, std::uint64_t how) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "ab"), &std::fclose);
  if (file == nullptr) return;
  const std::vector<char> garbage(37 + how % 900, 'x');
  std::fwrite(garbage.data(), 1, garbage.size(), file.get());
  if (how % 2 == 0) return;
  const rewal::MemoryStorage disk;
  auto wal = rewal::Wal<>::open("other").storage(disk).build().value();
  static_cast<void>(wal.append("a frame of another log"));
  static_cast<void>(wal.shutdown());
  std::fwrite(disk.bytes().data(), 1, disk.bytes().size(), file.get());
}

}  // namespace rewal_kill

#endif  // REWAL_TESTS_KILL_LEFT_LOG_HPP
