// SPDX-License-Identifier: MIT
//
// The shim between the tests and the C library: watches the file calls of one directory, writes them down in order and
// lets the k-th of a kind fail or be short. A library of its own, loaded before the C library. Calls from any thread.

#ifndef REWAL_TESTS_TORTURE_SHIM_HPP
#define REWAL_TESTS_TORTURE_SHIM_HPP

#include <cstdint>
#include <string>
#include <vector>

namespace rewal_torture::shim {

/// One system call on a watched file or directory.
struct Call {
  std::string name;          // "open", "write", "fdatasync", "fsync", "fsync directory", "ftruncate", "fallocate", ...
  std::string file;          // the last part of its path
  std::uint64_t offset = 0;  // of a write, or the length of an ftruncate
  std::int64_t result = 0;
  int error = 0;
};

/// Watches every file whose path begins with `prefix`, and that directory itself; forgets what it wrote down.
void watch(const std::string& prefix);
void unwatch();
/// The calls so far.
std::vector<Call> calls();

/// The k-th call from now of this name fails with `error`, or, if that is 0, a write takes only `takes` bytes.
void fail(const std::string& name, std::uint64_t k, int error, std::uint64_t takes, bool for_ever);
/// Ends that; true if it ever struck.
bool stop_failing();

}  // namespace rewal_torture::shim

#endif  // REWAL_TESTS_TORTURE_SHIM_HPP
