// SPDX-License-Identifier: MIT
//
// storage_call: the one way in which the log calls a Storage, so that nothing it throws escapes and it cannot call
// back. Any thread; the storage's own rules on what may overlap what are the caller's to keep. Retrying, short reads
// and what an error means for the log are left to the caller.

#ifndef REWAL_POLICY_STORAGE_CALL_HPP
#define REWAL_POLICY_STORAGE_CALL_HPP

#include <system_error>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/policy_scope.hpp>

namespace rewal::detail {

/// Runs `call`, which returns a Result, as a policy call of `log`: while it runs, calls of that log on this thread are
/// refused. An exception becomes `io`.
template <class F>
[[nodiscard]] auto storage_call(const PolicyMarks* log, F&& call) -> decltype(call()) {
  const PolicyScope scope(log);
  REWAL_TRY { return std::forward<F>(call)(); }
  REWAL_CATCH_ALL { return Error(Errc::io, "the storage threw an exception: it should return an Error instead"); }
}

[[nodiscard]] inline bool was_interrupted(const Error& error) noexcept {
  return error.system() == std::errc::interrupted;
}

}  // namespace rewal::detail

#endif  // REWAL_POLICY_STORAGE_CALL_HPP
