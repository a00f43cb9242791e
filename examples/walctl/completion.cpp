// SPDX-License-Identifier: MIT

#include <walctl/completion.hpp>

namespace walctl {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// Inside single quotes of a shell.
std::string single_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

/// What zsh's _arguments would read as its own.
std::string zsh_help(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string bash_completion(const std::vector<CommandWords>& commands) {
  std::string names;
  std::string cases;
  std::string values;
  for (const auto& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
    std::vector<std::string> words;
    for (const auto& option : command.options) {
      words.push_back(option.name);
      if (!option.values.empty()) {
        values += "    '" + command.name + " " + option.name + "') words='" + joined(option.values) + "' ;;\n";
      }
    }
    cases += "      " + command.name + ") words='" + joined(words) + "' ;;\n";
  }
  return "# bash completion for walctl: source it, or install it as share/bash-completion/completions/walctl\n"
         "_walctl() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    COMPREPLY=($(compgen -W '" +
         names +
         "' -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"${COMP_WORDS[1]} $before\" in\n" +
         values +
         "  esac\n"
         "  if [[ -z $words && $word == -* ]]; then\n"
         "    case ${COMP_WORDS[1]} in\n" +
         cases +
         "    esac\n"
         "  fi\n"
         "  if [[ -n $words ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _walctl walctl\n";
}

std::string zsh_completion(const std::vector<CommandWords>& commands) {
  std::string names;
  std::string cases;
  for (const auto& command : commands) {
    names += "    " + single_quoted(command.name + ":" + zsh_help(command.help)) + "\n";
    cases += "    " + command.name + ")\n      _arguments";
    for (const auto& option : command.options) {
      std::string spec = option.name + "[" + zsh_help(option.help) + "]";
      if (!option.values.empty()) {
        spec += ":value:(" + joined(option.values) + ")";
      } else if (option.takes_value) {
        spec += ":value:_files";
      }
      cases += " \\\n        " + single_quoted(spec);
    }
    cases += " \\\n        '*:file:_files' ;;\n";
  }
  return "#compdef walctl\n"
         "# zsh completion for walctl: install it as share/zsh/site-functions/_walctl\n"
         "_walctl() {\n"
         "  local -a commands=(\n" +
         names +
         "  )\n"
         "  if ((CURRENT == 2)); then\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  local command=$words[2]\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "}\n"
         "if [[ $funcstack[1] == _walctl ]]; then _walctl \"$@\"; else compdef _walctl walctl; fi\n";
}

std::string fish_completion(const std::vector<CommandWords>& commands) {
  std::string text = "# fish completion for walctl: install it as share/fish/vendor_completions.d/walctl.fish\n";
  for (const auto& command : commands) {
    text += "complete -c walctl -n __fish_use_subcommand -f -a " + command.name + " -d " + single_quoted(command.help) +
            "\n";
    for (const auto& option : command.options) {
      const bool is_long = option.name.starts_with("--");
      text += "complete -c walctl -n '__fish_seen_subcommand_from " + command.name + "' " + (is_long ? "-l " : "-s ") +
              option.name.substr(is_long ? 2 : 1) + " -d " + single_quoted(option.help);
      if (!option.values.empty()) text += " -x -a " + single_quoted(joined(option.values));
      if (option.values.empty() && option.takes_value) text += " -r";
      text += "\n";
    }
  }
  return text;
}

}  // namespace walctl
