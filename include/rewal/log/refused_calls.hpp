// SPDX-License-Identifier: MIT
//
// Calls that do not compile, declared so that the compiler says what is wrong with them and what to write instead.
// None is a candidate in a requires-expression, and none costs anything.

#ifndef REWAL_LOG_REFUSED_CALLS_HPP
#define REWAL_LOG_REFUSED_CALLS_HPP

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/compressor.hpp>
#include <rewal/policy/hooks.hpp>
#include <rewal/policy/indexer.hpp>
#include <rewal/read/replay.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal::detail {

template <class F>
concept NoReplayFunction = !ReplayFunction<F>;
template <class T>
concept NoCompressorPolicy = !Compressor<T>;
template <class T>
concept NoIndexerPolicy = !Indexer<T>;
template <class T>
concept NoHooksPolicy = !Hooks<T>;
template <class T>
concept NoStoragePolicy = !Storage<T>;

// What g++ shows, as the type of the call.
struct CallbackMustTakeABorrowedEvent {};

#define REWAL_NO_CALLBACK                                                                              \
  REWAL_REFUSED(                                                                                       \
      "rewal: this callback is called with a const rewal::BorrowedEvent& or a rewal::Event&&: let it " \
      "take one of them",                                                                              \
      CallbackMustTakeABorrowedEvent)
#define REWAL_NO_POLICY \
  REWAL_REFUSED("rewal: this policy does not fit; the second argument of the template says what is wrong", Self)

/// Private base of Wal. (Not by value, the Lsn: a member of the same signature would hide the template from clang.)
struct RefusedCalls {
  template <NoReplayFunction F>
  REWAL_NO_CALLBACK replay(const Lsn&, F&&) const REWAL_NOT_DEFINED;
  template <NoReplayFunction F>
  REWAL_NO_CALLBACK replay(const Lsn&, Lsn, F&&) const REWAL_NOT_DEFINED;
};

/// Private base of the builder `Self`. The second parameter is a type whose name is the mistake.
template <class Self>
struct RefusedPolicies {
  template <NoCompressorPolicy T, class Mistake = MistakeInCompressor<T>>
  REWAL_NO_POLICY compressor(const T&) REWAL_NOT_DEFINED;
  template <NoIndexerPolicy T, class Mistake = indexer_needs_void_on_append_Lsn_optional_Bytes_uint64_t>
  REWAL_NO_POLICY indexer(const T&) REWAL_NOT_DEFINED;
  template <NoHooksPolicy T, class Mistake = MistakeInHooks<T>>
  REWAL_NO_POLICY hooks(const T&) REWAL_NOT_DEFINED;
  template <NoStoragePolicy T, class Mistake = MistakeInStorage<T>>
  REWAL_NO_POLICY storage(const T&) REWAL_NOT_DEFINED;
};

#undef REWAL_NO_CALLBACK
#undef REWAL_NO_POLICY

}  // namespace rewal::detail

#endif  // REWAL_LOG_REFUSED_CALLS_HPP
