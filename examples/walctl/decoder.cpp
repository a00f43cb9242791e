// SPDX-License-Identifier: MIT

#include <walctl/decoder.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rewal/error.hpp>

namespace walctl {
namespace {

rewal::Error failure(const char* what, int code = errno) {
  return {rewal::Errc::io, std::error_code(code, std::system_category()), what};
}

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

}  // namespace

Decoder::~Decoder() {
  close_end(to_);
  close_end(from_);
  if (process_ > 0) {
    static_cast<void>(::kill(process_, SIGTERM));
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

rewal::Result<void> Decoder::start(const std::string& command) {
  int in[2];
  int out[2];
  if (::pipe(in) != 0) return failure("making a pipe to the decoder failed");
  if (::pipe(out) != 0) {
    ::close(in[0]);
    ::close(in[1]);
    return failure("making a pipe to the decoder failed");
  }
  for (const int descriptor : {in[0], in[1], out[0], out[1]})
    static_cast<void>(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
  process_ = ::fork();
  if (process_ == 0) {
    if (::dup2(in[0], 0) < 0 || ::dup2(out[1], 1) < 0) ::_exit(127);
    static_cast<void>(::signal(SIGPIPE, SIG_DFL));
    ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  const int code = errno;
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
  if (process_ < 0) return failure("starting the decoder failed", code);
  for (const int descriptor : {to_, from_}) {
    if (::fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0) return failure("talking to the decoder failed");
  }
  return {};
}

rewal::Result<void> Decoder::send(rewal::Lsn lsn, rewal::Bytes payload) {
  for (const char c : rewal::as_text(payload)) {
    if (c == '\n') {
      unsent_ += "\\n";
    } else {
      unsent_ += c;
    }
  }
  unsent_ += '\n';
  unanswered_.push_back(lsn);
  if (auto done = exchange(0); !done) return done;
  while (unsent_.size() > most_unsent_bytes || unanswered_.size() > most_unanswered) {
    if (auto done = exchange(patience_ms); !done) return done;
  }
  return {};
}

rewal::Result<void> Decoder::finish() {
  while (!unsent_.empty()) {
    if (auto done = exchange(patience_ms); !done) return done;
  }
  close_end(to_);
  while (from_ >= 0) {
    if (auto done = exchange(patience_ms); !done) return done;
  }
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return rewal::Error(rewal::Errc::io, "the decoder failed: try its command on a line of its own");
  }
  if (!unanswered_.empty()) {
    return rewal::Error(rewal::Errc::io, "the decoder gave fewer lines than it got: it must answer each with one");
  }
  return {};
}

rewal::Result<void> Decoder::exchange(int milliseconds) {
  ::pollfd ends[2] = {{from_, POLLIN, 0}, {unsent_.empty() ? -1 : to_, POLLOUT, 0}};
  const int ready = ::poll(ends, 2, milliseconds);
  if (ready < 0) return errno == EINTR ? rewal::Result<void>() : failure("waiting for the decoder failed");
  if (ready == 0 && milliseconds > 0) {
    return rewal::Error(rewal::Errc::io, std::make_error_code(std::errc::timed_out),
                        "the decoder does not answer: it must print one line for each that it reads");
  }
  if (ends[1].revents != 0) {
    const auto count = ::write(to_, unsent_.data(), unsent_.size());
    if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
    if (count < 0 && errno != EAGAIN && errno != EINTR) return failure("the decoder reads no more");
  }
  if (ends[0].revents != 0) {
    char buffer[65536];
    const auto count = ::read(from_, buffer, sizeof buffer);
    if (count > 0) received_.append(buffer, static_cast<std::size_t>(count));
    if (count == 0) close_end(from_);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return failure("reading from the decoder failed");
    take_lines();
    if (unanswered_.empty() && !received_.empty()) {
      return rewal::Error(rewal::Errc::io, "the decoder gave more lines than it got: it must answer each with one");
    }
    if (received_.size() > most_line_bytes) {
      return rewal::Error(rewal::Errc::io, "a line of the decoder has no end: it must answer each line with one");
    }
    if (count == 0 && to_ >= 0) return rewal::Error(rewal::Errc::io, "the decoder ended before its input did");
  }
  return {};
}

void Decoder::take_lines() {
  std::size_t begin = 0;
  for (std::size_t end; (end = received_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (unanswered_.empty()) break;
    on_line_(unanswered_.front(), std::string_view(received_).substr(begin, end - begin));
    unanswered_.pop_front();
  }
  received_.erase(0, begin);
}

}  // namespace walctl
