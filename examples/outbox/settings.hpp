// SPDX-License-Identifier: MIT
//
// Settings: what the command line asks for. Which address goes to which sink is left to main.cpp.

#ifndef OUTBOX_SETTINGS_HPP
#define OUTBOX_SETTINGS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace outbox {

struct Settings {
  std::string log;
  std::string to;
  std::string stream;
  std::string metrics;  // empty: none
  std::size_t batch_events = 1024;
  std::size_t batch_bytes = std::size_t{1} << 20U;
  std::uint64_t start_lsn = 1;
  std::uint64_t most_placeholders = 100'000;
  std::chrono::milliseconds most_pause{15'000};
  std::chrono::milliseconds look_every{10'000};
  bool reads_input = true;
  bool meta_before_tab = false;
  bool skip_missing = false;
  bool quiet = false;
};

/// The settings that the words of the command line ask for; none if the program is to end with `exit_code`, since help
/// or what is wrong was printed.
[[nodiscard]] std::optional<Settings> parse(int argc, char** argv, int& exit_code);

}  // namespace outbox

#endif  // OUTBOX_SETTINGS_HPP
