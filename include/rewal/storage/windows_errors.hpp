// SPDX-License-Identifier: MIT
//
// What a failed call of Windows is told as, and how long a call waits for a program that holds the file for a moment.
// Any thread; nothing is kept. Which call may be repeated is left to windows_file.hpp.
//
// The codes are the system's own, under a category that knows more of them than the standard library's: that one leaves
// several unmapped which a disk or a share may give, and calls others by names that are theirs in no sense (code 1450,
// no resources, is "file too large" to libstdc++ 12). So `system() == std::errc::...` works for all that is listed here.

#ifndef REWAL_STORAGE_WINDOWS_ERRORS_HPP
#define REWAL_STORAGE_WINDOWS_ERRORS_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <string>
#include <system_error>

#include <rewal/error.hpp>
#include <rewal/storage/windows_api.hpp>

namespace rewal::detail::windows {

inline constexpr int error_access_denied = 5;
inline constexpr int error_sharing_violation = 32;
inline constexpr int error_lock_violation = 33;
inline constexpr int error_handle_eof = 38;
inline constexpr int error_file_exists = 80;
inline constexpr int error_already_exists = 183;
inline constexpr int error_arithmetic_overflow = 534;
inline constexpr int error_io_pending = 997;
inline constexpr int error_user_mapped_file = 1224;

/// What the code means on every system; 0 where it is like nothing that others have.
[[nodiscard]] constexpr std::errc portable(int code) noexcept {
  switch (code) {
    case 2:    // file not found
    case 3:    // path not found
    case 15:   // no such drive
    case 53:   // no such machine
    case 67:   // no such share
    case 123:  // a name that no file can have
    case 161: return std::errc::no_such_file_or_directory;
    case 4: return std::errc::too_many_files_open;
    case error_access_denied:
    case 65:                                         // refused by the share
    case 82:                                         // cannot be created
    case 1314: return std::errc::permission_denied;  // a privilege is missing
    case 6: return std::errc::bad_file_descriptor;
    case 8:
    case 14:
    case 1450:  // no resources
    case 1453:
    case 1455: return std::errc::not_enough_memory;
    case 17: return std::errc::cross_device_link;
    case 19: return std::errc::read_only_file_system;
    case 20:
    case 21:    // not ready
    case 55:    // taken out
    case 64:    // the share is gone
    case 1112:  // no medium
    case 1167: return std::errc::no_such_device;
    case error_sharing_violation:
    case error_lock_violation:
    case 54:   // the network is busy
    case 142:  // the drive is busy
    case 170:
    case error_user_mapped_file: return std::errc::device_or_resource_busy;
    case 39:
    case 112:
    case 1295:  // quota
    case 1816: return std::errc::no_space_on_device;
    case 1: return std::errc::function_not_supported;
    case 50: return std::errc::not_supported;
    case error_file_exists:
    case error_already_exists: return std::errc::file_exists;
    case 25:
    case 87:
    case 131: return std::errc::invalid_argument;
    case 111:
    case 206: return std::errc::filename_too_long;
    case 145: return std::errc::directory_not_empty;
    case 223:  // more than the file system can have in a file
    case error_arithmetic_overflow: return std::errc::file_too_large;
    case 267: return std::errc::not_a_directory;
    case 995: return std::errc::operation_canceled;
    case 121:
    case 1460: return std::errc::timed_out;
    case 1231: return std::errc::network_unreachable;
    case 1236: return std::errc::connection_aborted;
    case 23:  // checksums, sectors, writing, reading, anything
    case 27:
    case 29:
    case 30:
    case 31:
    case 59:
    case 110:
    case 483:
    case 1117:
    case 1127:
    case 1392:
    case 1393: return std::errc::io_error;
    default: return std::errc{};
  }
}

class ErrorCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "system"; }
  [[nodiscard]] std::string message(int code) const override { return std::system_category().message(code); }
  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    const std::errc known = portable(code);
    return known != std::errc{} ? std::make_error_condition(known) : std::error_condition(code, *this);
  }
};

[[nodiscard]] inline const std::error_category& error_category() noexcept {
  static const ErrorCategory category;
  return category;
}

[[nodiscard]] inline int last_error() noexcept { return static_cast<int>(::GetLastError()); }
[[nodiscard]] inline std::error_code system_code(int code) noexcept { return {code, error_category()}; }
[[nodiscard]] inline Error failure(int code, const char* what) noexcept { return {Errc::io, system_code(code), what}; }
[[nodiscard]] inline Error failure(const char* what) noexcept { return failure(last_error(), what); }

/// The same of a call that others can be in the way of: `what` would send the reader after the wrong thing.
[[nodiscard]] inline Error failure_beside_others(int code, const char* what) noexcept {
  const bool is_held = code == error_sharing_violation || code == error_lock_violation;
  return failure(code, is_held
                           ? "another program holds the file and lets nobody else at it, as a backup, an editor or a "
                             "virus scanner may: end it or wait for it, then open the log again"
                           : what);
}

/// Whether the error may be gone in a moment. Denied access, too: so it looks when a scanner still holds a file that was
/// deleted.
[[nodiscard]] constexpr bool may_pass(int code) noexcept {
  return code == error_sharing_violation || code == error_lock_violation || code == error_access_denied;
}

/// Repeats `call`, which is true for success, while `may_pass` says so of its error, for a quarter of a second. Scanners
/// open what was just written or closed, and are done with it in less. Returns the last error, 0 for success.
template <class Call, class MayPass>
[[nodiscard]] int patiently(Call call, MayPass may_pass) noexcept {
  for (unsigned long milliseconds = 1;; milliseconds *= 2) {
    if (call()) return 0;
    const int code = last_error();
    if (milliseconds > 128 || !may_pass(code)) return code;
    ::Sleep(milliseconds);
  }
}

}  // namespace rewal::detail::windows

#endif  // REWAL_WINDOWS

#endif  // REWAL_STORAGE_WINDOWS_ERRORS_HPP
