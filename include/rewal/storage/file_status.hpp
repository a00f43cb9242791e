// SPDX-License-Identifier: MIT
//
// FileStatus: what one look at an open file tells of it, and whether that still is the file that a log wrote.
// Plain values, for any thread. When to look is left to FileStorage.

#ifndef REWAL_STORAGE_FILE_STATUS_HPP
#define REWAL_STORAGE_FILE_STATUS_HPP

#include <cstdint>
#include <system_error>

#include <rewal/error.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

struct FileStatus {
  std::uint64_t size = 0;
  bool has_name = true;  // false: removed, or another file was renamed over it
};

/// `corrupted` where somebody else has cut a file that had `length` bytes.
[[nodiscard]] inline Result<void> as_long_as(const FileStatus& status, std::uint64_t length) noexcept {
  if (status.size >= length) return {};
  return Error(
             Errc::corrupted,
             "the log file was made shorter by somebody else while the log was open, and nothing since the last fsync "
             "is durable: find out who cuts it, restore the lost bytes from a copy, and open the log again")
      .at_offset(status.size);
}

/// What may be reported as durable: a file that can be found again, in its whole length.
[[nodiscard]] inline Result<void> still_there(const FileStatus& status, std::uint64_t length) noexcept {
  if (!status.has_name) {
    return Error(Errc::io, std::make_error_code(std::errc::no_such_file_or_directory),
                 "the log file was removed or replaced while the log was open, and nothing since the last fsync is "
                 "durable: find out who removes it, and open the log again");
  }
  return as_long_as(status, length);
}

}  // namespace rewal::detail

#endif  // REWAL_STORAGE_FILE_STATUS_HPP
