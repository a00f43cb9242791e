// SPDX-License-Identifier: MIT
//
// The command line: words become one command's options, and the command is run. Used by one thread.
// What the commands do is left to commands/, what the terminal can do is told by main.

#ifndef WALCTL_COMMAND_LINE_HPP
#define WALCTL_COMMAND_LINE_HPP

#include <iosfwd>
#include <string>
#include <vector>

#include <walctl/output.hpp>

namespace walctl {

/// Runs the command that `words` (without the program's name) ask for. `terminal` says what the streams are and who may
/// stop it; quiet, json and the compressor are taken from the words. Returns the exit code.
int run(const std::vector<std::string>& words, std::istream& in, std::ostream& out, std::ostream& err,
        const Common& terminal);

}  // namespace walctl

#endif  // WALCTL_COMMAND_LINE_HPP
