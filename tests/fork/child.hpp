// SPDX-License-Identifier: MIT
//
// What a forked child finds: its complaints come over a pipe, and a child that hangs is ended by an alarm.

#ifndef REWAL_TESTS_FORK_CHILD_HPP
#define REWAL_TESTS_FORK_CHILD_HPP

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>

#include <fork/quiescence.hpp>

namespace rewal_test {

inline constexpr unsigned most_seconds_of_a_child = 60;

/// How the child ended: "" where it returned all went well, else what it complained of or what ended it.
class Child {
 public:
  /// `f` returns a complaint, or "". `leave` ends the child.
  template <class F, class Leave>
  Child(F f, Leave leave) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    wait_for_other_threads();
    pid_ = ::fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      ::close(ends[0]);
      ::signal(SIGALRM, SIG_DFL);
      ::alarm(most_seconds_of_a_child);
      const std::string complaint = complaint_of(f);
      if (::write(ends[1], complaint.data(), complaint.size()) < 0) ::_exit(2);
      leave();
      ::_exit(3);  // leave() has returned
    }
    ::close(ends[1]);
    complaints_ = ends[0];
  }
  template <class F>
  explicit Child(F f) : Child(f, [] { ::_exit(0); }) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) static_cast<void>(exit());
  }

  [[nodiscard]] std::string ended() {
    std::string said;
    char part[256];
    for (::ssize_t n; (n = ::read(complaints_, part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(n));
    ::close(complaints_);
    return said + exit();
  }

  /// How it exited, where children of its own may still have the pipe.
  [[nodiscard]] std::string exit() {
    std::string said;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    if (WIFSIGNALED(status)) said += " ended by signal " + std::to_string(WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) said += " exit " + std::to_string(WEXITSTATUS(status));
    return said;
  }

 private:
  template <class F>
  static std::string complaint_of(F& f) {
    try {
      return f();
    } catch (const std::exception& thrown) {
      return std::string("threw: ") + thrown.what();
    }
  }

  ::pid_t pid_ = -1;
  int complaints_ = -1;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_FORK_CHILD_HPP
