// SPDX-License-Identifier: MIT
//
// Screen: messages on standard error and, on a terminal, one line below them that tells where the outbox is. Any thread.

#ifndef OUTBOX_SCREEN_HPP
#define OUTBOX_SCREEN_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>

#include <unistd.h>

#include <outbox/progress.hpp>

namespace outbox {

class Screen {
 public:
  explicit Screen(bool quiet) : quiet_(quiet), draws_(!quiet && ::isatty(STDERR_FILENO) != 0) {}
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { clear(); }

  [[nodiscard]] bool draws() const { return draws_; }

  /// A message of one line.
  void say(const std::string& text) {
    if (!quiet_) complain(text);
  }
  /// The same, but an error, which no flag hides.
  void complain(const std::string& text) {
    const std::lock_guard lock(mutex_);
    erase();
    std::fprintf(stderr, "outbox: %s\n", printable(text).c_str());
  }

  void draw(const Snapshot& now) {
    if (!draws_) return;
    const std::lock_guard lock(mutex_);
    const auto time = Clock::now();
    const double seconds = std::chrono::duration<double>(time - drawn_at_).count();
    const double rate = seconds > 0 ? static_cast<double>(now.events - events_) / seconds : 0;
    std::fprintf(stderr, "\r%s  shipped %llu  lag %llu  %.0f events/s\033[K", now.connected ? "up  " : "down",
                 static_cast<unsigned long long>(now.shipped_lsn), static_cast<unsigned long long>(now.lag), rate);
    std::fflush(stderr);
    drawn_at_ = time;
    events_ = now.events;
    is_drawn_ = true;
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    erase();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void erase() {
    if (is_drawn_) std::fputs("\r\033[K", stderr);
    is_drawn_ = false;
  }
  /// What a server says must not move the cursor, nor make two lines of one.
  static std::string printable(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\177'; }, ' ');
    return text;
  }

  const bool quiet_;
  const bool draws_;
  std::mutex mutex_;
  bool is_drawn_ = false;
  Clock::time_point drawn_at_ = Clock::now();
  std::uint64_t events_ = 0;  // when it was drawn last
};

}  // namespace outbox

#endif  // OUTBOX_SCREEN_HPP
