// SPDX-License-Identifier: MIT
//
// Code that runs in a forked child, because it closes, limits or mounts what the other tests need, or is killed.

#ifndef REWAL_TESTS_STORAGE_IN_CHILD_HPP
#define REWAL_TESTS_STORAGE_IN_CHILD_HPP

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

namespace rewal_test {

/// Runs `body` in a forked child; what it returned, or 128 and the signal that ended it.
template <class Body>
int in_child(Body body) {
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Returned by a body that the system does not let do what it is about.
inline constexpr int cannot = 77;

}  // namespace rewal_test

/// Ends the body with 1 where the condition does not hold.
#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                                     \
    }                                                                               \
  } while (false)

#endif  // REWAL_TESTS_STORAGE_IN_CHILD_HPP
