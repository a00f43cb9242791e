// SPDX-License-Identifier: MIT
//
// Turns an allocation that failed on this floor into an error of the call.
// Nothing that the storages call throws for another reason, so whatever is thrown is taken as a lack of memory.
// Where exceptions are off there is nothing to catch.

#ifndef REWAL_OUT_OF_MEMORY_HPP
#define REWAL_OUT_OF_MEMORY_HPP

#include <system_error>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

[[nodiscard]] inline Error not_enough_memory() noexcept {
  return {Errc::io, std::make_error_code(std::errc::not_enough_memory),
          "not enough memory for this call: free some and try again"};
}

/// Calls `f`, which returns a Result; what it throws becomes `io` with std::errc::not_enough_memory.
template <class F>
[[nodiscard]] auto or_not_enough_memory(F&& f) noexcept -> decltype(std::forward<F>(f)()) {
  REWAL_TRY { return std::forward<F>(f)(); }
  REWAL_CATCH_ALL { return not_enough_memory(); }
}

}  // namespace rewal::detail

#endif  // REWAL_OUT_OF_MEMORY_HPP
