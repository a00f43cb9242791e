// SPDX-License-Identifier: MIT
//
// How many processors this process may run on: what work for several threads is divided by. Any thread may ask.
// Who divides which work is left to the caller.

#ifndef REWAL_SYNC_PROCESSORS_HPP
#define REWAL_SYNC_PROCESSORS_HPP

#include <algorithm>
#include <thread>

#include <rewal/platform.hpp>

#if REWAL_LINUX
#include <sched.h>
#endif

namespace rewal::detail {

/// At least 1.
template <class = void>
[[nodiscard]] unsigned usable_processors() noexcept {
#if REWAL_LINUX
  // Where the set is too small for the machine's processors the call fails; the library's number is the next best.
  ::cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    return static_cast<unsigned>((std::max)(CPU_COUNT(&allowed), 1));
  }
#endif
  return (std::max)(std::thread::hardware_concurrency(), 1u);
}

}  // namespace rewal::detail

#endif  // REWAL_SYNC_PROCESSORS_HPP
