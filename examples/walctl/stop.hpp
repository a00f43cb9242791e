// SPDX-License-Identifier: MIT
//
// Signals: SIGINT and SIGTERM ask the command to end, a second one ends the program at once; SIGPIPE is an error of the
// write that meets it. The flag is set by the handler and read by whatever works, relaxed: it guards nothing.

#ifndef WALCTL_STOP_HPP
#define WALCTL_STOP_HPP

#include <atomic>

#include <signal.h>

namespace walctl {

inline std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

inline void listen_to_signals() {
  struct ::sigaction action {};
  action.sa_handler = [](int) { stop_asked.store(true, std::memory_order_relaxed); };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace walctl

#endif  // WALCTL_STOP_HPP
