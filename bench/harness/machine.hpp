// SPDX-License-Identifier: MIT
//
// What a figure depends on and the reader cannot see: machine, compiler, flags, file system, and how far apart the
// processors are.

#ifndef REWAL_BENCH_MACHINE_HPP
#define REWAL_BENCH_MACHINE_HPP

#include <string>
#include <utility>
#include <vector>

namespace bench {

/// Pairs of a name and what is so, in the order to print them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> describe_machine(const std::string& directory);

/// Why the figures of this build or this moment mean little; empty where nothing speaks against them.
[[nodiscard]] std::vector<std::string> warnings();

}  // namespace bench

#endif  // REWAL_BENCH_MACHINE_HPP
