// SPDX-License-Identifier: MIT
//
// Completion: scripts that let a shell finish the words of walctl's command line, made from the commands as the command
// line itself knows them, so that none is ever missing. Pure functions, for any thread.

#ifndef WALCTL_COMPLETION_HPP
#define WALCTL_COMPLETION_HPP

#include <string>
#include <string_view>
#include <vector>

namespace walctl {

struct OptionWords {
  std::string name;  // "--json", "-q"
  std::string help;
  std::vector<std::string> values;  // where only these are allowed
  bool takes_value = false;
};

struct CommandWords {
  std::string name;
  std::string help;
  std::vector<OptionWords> options;
};

[[nodiscard]] std::string bash_completion(const std::vector<CommandWords>& commands);
[[nodiscard]] std::string zsh_completion(const std::vector<CommandWords>& commands);
[[nodiscard]] std::string fish_completion(const std::vector<CommandWords>& commands);

}  // namespace walctl

#endif  // WALCTL_COMPLETION_HPP
