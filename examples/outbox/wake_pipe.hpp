// SPDX-License-Identifier: MIT
//
// WakePipe: what ends the wait of the main thread: SIGINT, SIGTERM, and the shipper when it is done. The write end may be
// written by signal handlers and any thread; the first signal asks, a second one kills. One for a program.

#ifndef OUTBOX_WAKE_PIPE_HPP
#define OUTBOX_WAKE_PIPE_HPP

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace outbox {

class WakePipe {
 public:
  /// Begins to listen. False if the system has no descriptors left.
  [[nodiscard]] static bool open() {
    if (::pipe(ends_) != 0) return false;
    for (const int end : ends_) {
      ::fcntl(end, F_SETFL, O_NONBLOCK);
      ::fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    struct ::sigaction action {};
    action.sa_handler = [](int) { wake('s'); };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    ::sigaction(SIGPIPE, &action, nullptr);  // a connection that is gone is an error of the call
    return true;
  }

  static void wake(char why) { [[maybe_unused]] const auto written = ::write(ends_[1], &why, 1); }
  /// For poll(): readable once somebody has woken it.
  [[nodiscard]] static int descriptor() { return ends_[0]; }

 private:
  static inline int ends_[2] = {-1, -1};
};

}  // namespace outbox

#endif  // OUTBOX_WAKE_PIPE_HPP
