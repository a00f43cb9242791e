// SPDX-License-Identifier: MIT
//
// NotCancelled: while one lives, its thread is not cancelled by pthread_cancel(): a write or an fsync is a place where a
// thread may end, and the log cannot go on from the middle of one. A cancellation that was asked for is served after.
// Used by one thread, on its stack; where there is no cancellation it does nothing. What else a thread that is cancelled
// at any instruction (PTHREAD_CANCEL_ASYNCHRONOUS) leaves behind is not cared for.

#ifndef REWAL_SYNC_CANCELLATION_HPP
#define REWAL_SYNC_CANCELLATION_HPP

#include <rewal/platform.hpp>

#if REWAL_POSIX
#include <pthread.h>
#endif

namespace rewal::detail {

class NotCancelled {
 public:
  NotCancelled(const NotCancelled&) = delete;
  NotCancelled& operator=(const NotCancelled&) = delete;

#if REWAL_POSIX && !REWAL_ANDROID
  NotCancelled() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~NotCancelled() { ::pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = 0;
#else
  NotCancelled() noexcept {}
  ~NotCancelled() {}
#endif
};

}  // namespace rewal::detail

#endif  // REWAL_SYNC_CANCELLATION_HPP
