// SPDX-License-Identifier: MIT
//
// The heap of this executable, counted: every byte that goes through operator new and delete, of all threads.

#ifndef REWAL_TESTS_MEMORY_COUNTED_HEAP_HPP
#define REWAL_TESTS_MEMORY_COUNTED_HEAP_HPP

#include <atomic>
#include <cstdint>

namespace heap {

extern std::atomic<std::int64_t> bytes;  // in use now
extern std::atomic<std::int64_t> peak;   // most since begin()
extern std::atomic<std::uint64_t> allocations;

/// The peak is counted from here on. Returns what is in use.
std::int64_t begin();

}  // namespace heap

#endif  // REWAL_TESTS_MEMORY_COUNTED_HEAP_HPP
