// SPDX-License-Identifier: MIT
//
// Progress: a bar on a terminal while something takes long, and nothing at all anywhere else. Used by one thread.
// It is drawn at most ten times a second, after the first half second, and erased when it goes.

#ifndef WALCTL_PROGRESS_HPP
#define WALCTL_PROGRESS_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include <walctl/numbers.hpp>
#include <walctl/output.hpp>

namespace walctl {

class Progress {
 public:
  /// `whole` is 0 where the end is not known.
  Progress(std::ostream& err, const Common& common, std::string what, std::uint64_t whole)
      : err_(err), what_(printable(what)), whole_(whole), is_shown_(common.err_is_terminal && !common.quiet) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void at(std::uint64_t bytes) {
    if (!is_shown_) return;
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    draw(bytes, std::chrono::duration<double>(now - begin_).count());
  }

  /// Makes room for a message.
  void clear() {
    if (std::exchange(is_drawn_, false)) err_ << "\r\033[K" << std::flush;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void draw(std::uint64_t bytes, double seconds) {
    std::string line = what_.size() > 24 ? what_.substr(0, 21) + "..." : what_;
    if (whole_ != 0) {
      constexpr std::uint64_t width = 24;
      const auto filled = static_cast<std::size_t>(
          std::min<double>(width, width * static_cast<double>(bytes) / static_cast<double>(whole_)));
      line += " [" + std::string(filled, '#') + std::string(width - filled, '.') + "] " + percent(bytes, whole_);
    } else {
      line += " " + sized(bytes);
    }
    line += ", " + sized(static_cast<double>(bytes) / seconds) + "/s";
    err_ << "\r" << line << "\033[K" << std::flush;
    is_drawn_ = true;
  }

  std::ostream& err_;
  std::string what_;
  std::uint64_t whole_;
  bool is_shown_;
  bool is_drawn_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point next_ = begin_ + std::chrono::milliseconds(500);
};

}  // namespace walctl

#endif  // WALCTL_PROGRESS_HPP
