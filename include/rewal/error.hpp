// SPDX-License-Identifier: MIT
//
// What went wrong: a code to branch on, the system's own code, the place in the log, and one sentence that says what
// to do. An Error is a small value without allocation, copied freely between threads. Who returns which code is said
// where the call is declared.

#ifndef REWAL_ERROR_HPP
#define REWAL_ERROR_HPP

#include <cstdint>
#include <cstdio>
#include <exception>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>

namespace rewal {

/// Why a call failed.
enum class Errc : std::uint8_t {
  closed = 1,           ///< the log has been closed
  draining,             ///< the log is shutting down and takes no more events
  not_running,          ///< the log was moved from or never opened
  corrupted,            ///< stored bytes are damaged; offset() says where
  queue_full,           ///< Backpressure::error, and there was no room
  file_locked,          ///< another log holds this file
  invalid_lsn,          ///< an LSN that was never assigned, or one past the last possible
  short_write,          ///< the storage took no bytes, or claims more than it was given
  invalid_record,       ///< a record, frame or file outside the format's limits
  crc_mismatch,         ///< a checksum does not match
  invalid_state,        ///< the call is not allowed here, as from inside a policy of the same log
  empty_batch,          ///< a batch without records
  compressor_required,  ///< the frame is compressed and the log was opened without a compressor
  io,                   ///< the system said no; system() has its code
};

namespace detail {

[[nodiscard]] constexpr std::string_view name_of(Errc code) noexcept {
  switch (code) {
    case Errc::closed: return "closed";
    case Errc::draining: return "draining";
    case Errc::not_running: return "not_running";
    case Errc::corrupted: return "corrupted";
    case Errc::queue_full: return "queue_full";
    case Errc::file_locked: return "file_locked";
    case Errc::invalid_lsn: return "invalid_lsn";
    case Errc::short_write: return "short_write";
    case Errc::invalid_record: return "invalid_record";
    case Errc::crc_mismatch: return "crc_mismatch";
    case Errc::invalid_state: return "invalid_state";
    case Errc::empty_batch: return "empty_batch";
    case Errc::compressor_required: return "compressor_required";
    case Errc::io: return "io";
  }
  return "unknown";
}

/// The default sentence of each code; an Error with a detail of its own says that instead.
[[nodiscard]] constexpr std::string_view advice_for(Errc code) noexcept {
  switch (code) {
    case Errc::closed: return "the log is closed: open it again to go on";
    case Errc::draining: return "the log is shutting down and takes no more events: stop appending, or open it again";
    case Errc::not_running: return "this Wal was moved from or never opened: use the object it was moved to";
    case Errc::corrupted:
      return "stored bytes are damaged: restore them from a copy, or open with Recovery::truncate to cut the log there";
    case Errc::queue_full:
      return "the queue is full: retry later, raise queue_capacity or queue_bytes, or use Backpressure::block";
    case Errc::file_locked: return "another log holds this file: close it first, in this or the other process";
    case Errc::invalid_lsn: return "this LSN was never assigned: pass one that append returned";
    case Errc::short_write:
      return "the storage took no bytes or claims more than it was given: check the device or the Storage's write";
    case Errc::invalid_record:
      return "the record, frame or file is outside the format's limits: meta holds at most 65535 bytes, a frame at most max_frame_bytes";
    case Errc::crc_mismatch:
      return "a checksum does not match: the bytes changed since they were written, restore them from a copy";
    case Errc::invalid_state:
      return "this call is not allowed here: do not call the log from inside one of its own policies";
    case Errc::empty_batch: return "the batch holds no records: add one before appending it";
    case Errc::compressor_required:
      return "the frame is compressed: open the log with the compressor it was written with";
    case Errc::io: return "the system refused an operation: see its code, mend the cause and open the log again";
  }
  return "unknown error";
}

}  // namespace detail

/// What went wrong, and where. Trivially copyable. Two that differ in their file alone are equal.
class [[nodiscard]] Error {
 public:
  Error(Errc code) noexcept : code_(code) {}
  Error(Errc code, std::error_code system) noexcept : code_(code), system_(system) {}

  /// `detail` is kept as a pointer: pass text that lives for ever, a literal.
  Error(Errc code, const char* detail) noexcept : code_(code), detail_(detail) {}
  Error(Errc code, std::error_code system, const char* detail) noexcept
      : code_(code), system_(system), detail_(detail) {}

  [[nodiscard]] Errc code() const noexcept { return code_; }
  /// The true errno or Windows code, or an empty code where the system was not involved.
  [[nodiscard]] std::error_code system() const noexcept { return system_; }
  /// Byte offset in the log file, where one is known.
  [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept {
    return has_offset_ ? std::optional(offset_) : std::nullopt;
  }
  /// LSN concerned, where one is known.
  [[nodiscard]] std::optional<Lsn> lsn() const noexcept { return has_lsn_ ? std::optional(lsn_) : std::nullopt; }

  /// The file concerned, where one is known, as the log was given its path (UTF-8); else empty.
  [[nodiscard]] std::string_view file() const noexcept {
    return file_ != nullptr ? std::string_view(file_) : std::string_view();
  }

  /// The same error, with its file. `name` is kept as a pointer: pass text that lives for ever, or null for none.
  [[nodiscard]] Error in_file(const char* name) const noexcept {
    Error copy = *this;
    copy.file_ = name;
    return copy;
  }
  /// The same error, with its place.
  [[nodiscard]] Error at_offset(std::uint64_t offset) const noexcept {
    Error copy = *this;
    copy.offset_ = offset;
    copy.has_offset_ = true;
    return copy;
  }
  [[nodiscard]] Error at_lsn(Lsn lsn) const noexcept {
    Error copy = *this;
    copy.lsn_ = lsn;
    copy.has_lsn_ = true;
    return copy;
  }

  /// One sentence: what happened, where, what the system said and what to do.
  [[nodiscard]] std::string message() const {
    std::string text(detail::name_of(code_));
    if (file_ != nullptr) text.append(" in ").append(file_);
    if (has_offset_) text += " at offset " + std::to_string(offset_);
    if (has_lsn_) text += (has_offset_ ? ", LSN " : " at LSN ") + std::to_string(lsn_);
    text += ": ";
    text += detail_ != nullptr ? std::string_view(detail_) : detail::advice_for(code_);
    if (system_) text += " (" + system_.message() + ", code " + std::to_string(system_.value()) + ")";
    return text;
  }

  [[nodiscard]] friend bool operator==(const Error& error, Errc code) noexcept { return error.code_ == code; }
  [[nodiscard]] friend bool operator==(const Error& a, const Error& b) noexcept {
    return a.code_ == b.code_ && a.system_ == b.system_ && a.offset() == b.offset() && a.lsn() == b.lsn();
  }

  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Error& error) {
    return out << error.message();
  }

 private:
  Errc code_;
  bool has_offset_ = false;
  bool has_lsn_ = false;
  std::error_code system_{};
  std::uint64_t offset_ = 0;
  Lsn lsn_ = 0;
  const char* detail_ = nullptr;
  const char* file_ = nullptr;
};

template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, Errc code) {
  return out << detail::name_of(code);
}

namespace detail {

/// The category under which an Errc travels inside a std::system_error.
class ErrcCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "rewal"; }
  [[nodiscard]] std::string message(int value) const override {
    return std::string(advice_for(static_cast<Errc>(value)));
  }
};

[[nodiscard]] inline const std::error_category& errc_category() noexcept {
  static const ErrcCategory category;
  return category;
}

}  // namespace detail

/// What `Result::value()` throws. Its code() is the system's where there is one, else the Errc; its what() is the
/// error's message().
class Exception : public std::system_error {
 public:
  explicit Exception(const Error& error)
      : std::system_error(error.system() ? error.system()
                                         : std::error_code(static_cast<int>(error.code()), detail::errc_category())),
        error_(error),
        text_(error.message()) {}

  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.what(); }

 private:
  Error error_;
  std::runtime_error text_;  // text that can be copied without failing, as an exception's must be
};

namespace detail {

[[noreturn]] inline void throw_exception([[maybe_unused]] const Error& error) {
#if REWAL_EXCEPTIONS
  throw Exception(error);
#else
  std::terminate();
#endif
}

/// Ends the program where a Result was asked for what it does not hold, with the reason on standard error.
[[noreturn]] REWAL_NOINLINE inline void end_over(const char* asked, const char* held) noexcept {
  std::fprintf(stderr, "rewal: %s, which holds %s\n", asked, held);
  std::terminate();
}
[[noreturn]] REWAL_NOINLINE inline void end_over(const Error& error) noexcept {
  end_over("the value was taken of a Result", ("an error: " + error.message()).c_str());
}

/// The same failure in other words: `what`, a literal, speaks of the file that it was, and of what to do about that one.
[[nodiscard]] inline Error told_as(const Error& error, const char* what) noexcept {
  return {error.code(), error.system(), what};
}

/// `io` with std::errc::invalid_argument: an option that makes no sense. `why` is a literal.
[[nodiscard]] inline Error invalid_argument(const char* why) noexcept {
  return {Errc::io, std::make_error_code(std::errc::invalid_argument), why};
}

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_ERROR_HPP
