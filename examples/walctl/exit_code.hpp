// SPDX-License-Identifier: MIT
//
// The exit codes of walctl: what a script learns without reading a word. Plain numbers, for any thread.
// Which log gets which is said here, in one table; the worst of several logs counts.

#ifndef WALCTL_EXIT_CODE_HPP
#define WALCTL_EXIT_CODE_HPP

#include <algorithm>

#include <rewal/reader.hpp>

namespace walctl {

enum Exit : int {
  exit_clean = 0,    ///< all is well; an empty file is a new log
  exit_torn = 1,     ///< a torn tail, normal after a crash; of `diff`: the logs differ
  exit_damage = 2,   ///< acknowledged bytes are bad, or a frame is of a kind that a log must not cut
  exit_failure = 3,  ///< wrong usage, or the system said no
  exit_foreign = 4,  ///< not a log
};

[[nodiscard]] constexpr int worst(int a, int b) noexcept { return std::max(a, b); }

[[nodiscard]] constexpr int exit_of(rewal::Verdict verdict) noexcept {
  switch (verdict) {
    case rewal::Verdict::new_log:
    case rewal::Verdict::clean: return exit_clean;
    case rewal::Verdict::torn: return exit_torn;
    case rewal::Verdict::damaged:
    case rewal::Verdict::unknown:
    case rewal::Verdict::malformed: return exit_damage;
    case rewal::Verdict::foreign: return exit_foreign;
  }
  return exit_failure;
}

}  // namespace walctl

#endif  // WALCTL_EXIT_CODE_HPP
