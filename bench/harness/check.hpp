// SPDX-License-Identifier: MIT
//
// Checks of the benches' own results. A bench that measured something else than it says ends with an error.

#ifndef REWAL_BENCH_CHECK_HPP
#define REWAL_BENCH_CHECK_HPP

#include <rewal/result.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

namespace bench {

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

/// The value, or the end of the bench.
template <class T>
inline T must(rewal::Result<T> result) {
  if (!result) die(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline void must_be(bool holds, const char* what) {
  if (!holds) die(std::string("this does not hold: ") + what);
}

}  // namespace bench

#endif  // REWAL_BENCH_CHECK_HPP
