// SPDX-License-Identifier: MIT
//
// walctl: the tool that looks into logs. Here only what belongs to the process: its streams, its signals, its terminal.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include <walctl/command_line.hpp>
#include <walctl/descriptor_buffer.hpp>
#include <walctl/stop.hpp>

namespace {

/// https://no-color.org: set and not empty.
bool no_colour() {
  const char* const text = std::getenv("NO_COLOR");
  if (text != nullptr && *text != '\0') return true;
  const char* const terminal = std::getenv("TERM");
  return terminal != nullptr && std::strcmp(terminal, "dumb") == 0;
}

int run(int argc, char** argv) {
  walctl::listen_to_signals();
  std::ios::sync_with_stdio(false);
  walctl::DescriptorBuffer buffer(STDOUT_FILENO);
  std::ostream out(&buffer);
  walctl::Common terminal;
  terminal.out_is_terminal = ::isatty(STDOUT_FILENO) != 0;
  terminal.err_is_terminal = ::isatty(STDERR_FILENO) != 0;
  terminal.colour = terminal.out_is_terminal && !no_colour();
  terminal.stop = &walctl::stop_asked;
  terminal.out_descriptor = STDOUT_FILENO;
  const int code = walctl::run(std::vector<std::string>(argv + 1, argv + argc), std::cin, out, std::cerr, terminal);
  out.flush();
  // Whoever read our output may end before we do; nothing is wrong then.
  if (buffer.error() != 0 && buffer.error() != EPIPE) {
    std::cerr << "walctl: writing the output failed: " << std::strerror(buffer.error()) << '\n';
    return walctl::exit_failure;
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::cerr << "walctl: not enough memory\n";
  } catch (const std::exception& error) {
    std::cerr << "walctl: " << error.what() << '\n';
  }
  return walctl::exit_failure;
}
