// SPDX-License-Identifier: MIT
//
// A child process that reports what it was promised, through a pipe, until it is killed without warning.
// POSIX: fork, pipe, SIGKILL. A report that was written into the pipe outlives the child.

#ifndef REWAL_EXAMPLES_QUICKSTART_VICTIM_HPP
#define REWAL_EXAMPLES_QUICKSTART_VICTIM_HPP

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>

namespace quickstart {

/// The log said: this line is durable under this LSN. `fsyncs` is how many it had made by then.
struct Acknowledgement {
  std::uint64_t lsn;
  std::uint64_t line;
  std::uint64_t fsyncs;
};

class Victim {
 public:
  /// Runs `body(report)` in a child process. The caller has one thread. `report(ack)` may be called from any thread of
  /// the child. The child waits for its death when `body` returns 0, and exits with what else it returns.
  template <class Body>
  explicit Victim(Body&& body) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    std::fflush(nullptr);
    child_ = ::fork();
    if (child_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child_ == 0) {
      ::close(ends[0]);
      const int status = std::forward<Body>(body)([pipe = ends[1]](const Acknowledgement& ack) {
        // At most PIPE_BUF bytes: written whole, whatever other threads write.
        if (::write(pipe, &ack, sizeof ack) != sizeof ack) ::_exit(3);
      });
      std::fflush(nullptr);
      while (status == 0) ::pause();
      ::_exit(status);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() {
    if (child_ > 0) kill();
    ::close(pipe_);
  }

  /// The next acknowledgement; false when the child is gone and all it reported was read.
  bool next(Acknowledgement& ack) {
    char* to = reinterpret_cast<char*>(&ack);
    std::size_t missing = sizeof ack;
    while (missing > 0) {
      const ssize_t got = ::read(pipe_, to, missing);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw std::system_error(errno, std::generic_category(), "read");
      if (got == 0) return false;
      to += got;
      missing -= static_cast<std::size_t>(got);
    }
    return true;
  }

  void kill() noexcept {
    if (!killed_) ::kill(child_, SIGKILL);
    killed_ = true;
  }

  /// Waits for the child's end: true if it was this kill, false if it ended by itself.
  bool died_of_the_kill() {
    int status = 0;
    while (::waitpid(std::exchange(child_, child_), &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t child_ = -1;
  int pipe_ = -1;
  bool killed_ = false;
};

}  // namespace quickstart

#endif  // REWAL_EXAMPLES_QUICKSTART_VICTIM_HPP
