// SPDX-License-Identifier: MIT
//
// LineInput: the lines of a descriptor, appended to a log; those that come together make one frame. Used by one thread.
// A last line without an end counts, unless it was asked to end.

#ifndef OUTBOX_LINE_INPUT_HPP
#define OUTBOX_LINE_INPUT_HPP

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include <poll.h>
#include <unistd.h>

#include <rewal/wal.hpp>

namespace outbox {

class LineInput {
 public:
  enum class End { input, woken };

  /// Wakes up and ends when `waker` can be read.
  LineInput(rewal::Wal<>& wal, int descriptor, int waker, bool meta_before_tab)
      : wal_(wal), descriptor_(descriptor), waker_(waker), meta_before_tab_(meta_before_tab) {}

  /// Appends until the input ends, or until it is woken.
  rewal::Result<End> run() {
    std::array<char, 64 * 1024> buffer;
    for (;;) {
      struct ::pollfd watched[] = {{descriptor_, POLLIN, 0}, {waker_, POLLIN, 0}};
      if (::poll(watched, 2, -1) < 0 && errno != EINTR) return last_error();
      if (watched[1].revents != 0) return End::woken;
      if (watched[0].revents == 0) continue;
      const auto got = ::read(descriptor_, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return last_error();
      if (got == 0) return end();
      if (auto done = take(std::string_view(buffer.data(), static_cast<std::size_t>(got))); !done) return done.error();
    }
  }

 private:
  rewal::Result<void> take(std::string_view text) {
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      begun_.append(text.substr(0, end));
      add(begun_);
      begun_.clear();
      text.remove_prefix(end + 1);
    }
    begun_.append(text);
    return append();
  }
  rewal::Result<End> end() {
    if (!begun_.empty()) add(begun_);
    if (auto done = append(); !done) return done.error();
    return End::input;
  }

  void add(std::string_view line) {
    const auto tab = meta_before_tab_ ? line.find('\t') : std::string_view::npos;
    if (tab == std::string_view::npos) {
      batch_.add(line);
    } else {
      batch_.add_with_meta(line.substr(tab + 1), line.substr(0, tab));
    }
  }
  rewal::Result<void> append() {
    if (batch_.empty()) return {};
    const auto last = wal_.append_batch(batch_);
    batch_.clear();
    if (!last) return last.error();
    return {};
  }

  static rewal::Error last_error() { return {rewal::Errc::io, std::error_code(errno, std::generic_category())}; }

  rewal::Wal<>& wal_;
  int descriptor_;
  int waker_;
  bool meta_before_tab_;
  std::string begun_;  // a line whose end has not come
  rewal::Batch batch_;
};

}  // namespace outbox

#endif  // OUTBOX_LINE_INPUT_HPP
