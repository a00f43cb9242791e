// SPDX-License-Identifier: MIT
//
// Whether a log has policies of its user's, which may call it back. Decided by the compiler.
// What is done about a call back is left to the policy scope.

#ifndef REWAL_COMMIT_MAY_CALL_BACK_HPP
#define REWAL_COMMIT_MAY_CALL_BACK_HPP

#include <type_traits>

#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/storage/file_storage.hpp>
#include <rewal/storage/memory_storage.hpp>

namespace rewal::detail {

/// Policies that are the library's own never call back, so nobody has to ask whether they do.
template <class S, class C, class I, class H>
inline constexpr bool may_call_back = has_compressor<C> || has_indexer<I> || HasAnyHook<H> ||
                                      (!std::is_same_v<S, FileStorage> && !std::is_same_v<S, MemoryStorage>);

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_MAY_CALL_BACK_HPP
