// SPDX-License-Identifier: MIT
//
// SignalsBlocked: while one lives, its thread takes no signal, and neither does a thread that it starts, for ever. So a
// thread of the log never runs a handler of the program. Used by one thread, on its stack; where the system has no
// signals it does nothing. Which threads are started is left to those who start them.

#ifndef REWAL_SYNC_SIGNALS_HPP
#define REWAL_SYNC_SIGNALS_HPP

#include <rewal/platform.hpp>

#if REWAL_POSIX
#include <signal.h>
#endif

namespace rewal::detail {

class SignalsBlocked {
 public:
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

#if REWAL_POSIX
  SignalsBlocked() noexcept {
    ::sigset_t all;
    sigfillset(&all);  // a macro on some systems
    known_ = ::pthread_sigmask(SIG_SETMASK, &all, &before_) == 0;
  }
  ~SignalsBlocked() {
    if (known_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  ::sigset_t before_;
  bool known_;
#else
  SignalsBlocked() noexcept {}
  ~SignalsBlocked() {}
#endif
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_SIGNALS_HPP
