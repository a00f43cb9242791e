// SPDX-License-Identifier: MIT
//
// How a fuzz target says that the library broke a promise: the claim that does not hold, then abort, which a fuzzer
// takes as a finding and the replay of a corpus as a failed test.

#ifndef REWAL_TESTS_FUZZ_CLAIM_HPP
#define REWAL_TESTS_FUZZ_CLAIM_HPP

#include <cstdio>
#include <cstdlib>
#include <string>

namespace rewal_fuzz {

[[noreturn]] inline void diverge(const std::string& what) {
  std::fprintf(stderr, "DIVERGENCE: %s\n", what.c_str());
  std::abort();
}

inline void claim(bool holds, const char* what) {
  if (!holds) diverge(what);
}

template <class Number>
void claim_equal(Number found, Number expected, const char* what) {
  if (found == expected) return;
  diverge(std::string(what) + ": " + std::to_string(found) + " where " + std::to_string(expected) + " is right");
}

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_CLAIM_HPP
