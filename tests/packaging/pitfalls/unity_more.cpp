// SPDX-License-Identifier: MIT
//
// Joined with another file into one by a unity build; names of its own that stand inside rewal too.

#include <rewal/cursor.hpp>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

namespace detail {
struct Core {};
struct Ring {};
}  // namespace detail

rewal::Verdict verdict_of(const rewal::Examination& seen) { return seen.verdict; }
