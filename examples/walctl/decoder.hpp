// SPDX-License-Identifier: MIT
//
// Decoder: a program of the user's through which payloads go, one event a line in, one line out. Used by one thread.
// It may answer late, as programs do that buffer what they print: what it has not answered yet is remembered, so many
// events at most, and neither side ever waits for the other with a full pipe between them.

#ifndef WALCTL_DECODER_HPP
#define WALCTL_DECODER_HPP

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <rewal/bytes.hpp>
#include <rewal/lsn.hpp>
#include <rewal/result.hpp>

namespace walctl {

class Decoder {
 public:
  using OnLine = std::function<void(rewal::Lsn, std::string_view)>;

  explicit Decoder(OnLine on_line) : on_line_(std::move(on_line)) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  /// Runs `command` in the shell.
  rewal::Result<void> start(const std::string& command);

  /// Sends one event's payload. A newline in it is sent as backslash and n, so that it stays one line.
  rewal::Result<void> send(rewal::Lsn lsn, rewal::Bytes payload);

  /// The end of the events: waits for the answers that are missing.
  rewal::Result<void> finish();

 private:
  /// Writes and reads what can be, waiting at most so long for either.
  rewal::Result<void> exchange(int milliseconds);
  void take_lines();

  static constexpr std::size_t most_unanswered = 65536;
  static constexpr std::size_t most_unsent_bytes = 1 << 20;
  static constexpr std::size_t most_line_bytes = 64 << 20;
  static constexpr int patience_ms = 10'000;

  OnLine on_line_;
  ::pid_t process_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string unsent_;
  std::string received_;
  std::deque<rewal::Lsn> unanswered_;
};

}  // namespace walctl

#endif  // WALCTL_DECODER_HPP
