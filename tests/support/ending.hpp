// SPDX-License-Identifier: MIT
//
// Whether a piece of code ends its program, and what it says before. It runs in a child process.

#ifndef REWAL_TESTS_SUPPORT_ENDING_HPP
#define REWAL_TESTS_SUPPORT_ENDING_HPP

#include <cstdlib>
#include <string>
#include <string_view>

#include <rewal/platform.hpp>

#if REWAL_POSIX
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif

namespace rewal_test {

/// Runs `code`, which ends its process by std::terminate; whether it did, with `message` on standard error. True where the
/// system has no child processes of this kind.
template <class Code>
bool ends_with_message([[maybe_unused]] Code code, [[maybe_unused]] std::string_view message) {
#if REWAL_POSIX
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const ::pid_t child = ::fork();
  if (child == 0) {
    struct ::rlimit no_core {};
    ::setrlimit(RLIMIT_CORE, &no_core);
    std::signal(SIGABRT, SIG_DFL);  // not the test framework's
    ::dup2(ends[1], STDERR_FILENO);
    code();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[1024];
  for (::ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return false;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && said.find(message) != std::string::npos;
#else
  return true;
#endif
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_ENDING_HPP
