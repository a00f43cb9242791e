// SPDX-License-Identifier: MIT
//
// Calls that do not compile, declared so that the compiler says what is wrong with them and what to write instead.
// None is a candidate in a requires-expression, and none costs anything.

#ifndef REWAL_LOG_REFUSED_CALLS_HPP
#define REWAL_LOG_REFUSED_CALLS_HPP

#include <type_traits>

#include <rewal/bytes.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/read/replay.hpp>

namespace rewal::detail {

template <class T>
concept NoBytes = !std::is_convertible_v<T, BytesArg> && !is_char_array<std::remove_reference_t<T>>;
template <class F>
concept NoReplayFunction = !ReplayFunction<F>;

// What g++ shows, as the type of the call.
struct PayloadMustBeTextOrBytes {};
struct CallbackMustTakeABorrowedEvent {};

#define REWAL_NO_BYTES                                                                                     \
  REWAL_REFUSED(                                                                                           \
      "rewal: a payload is text or bytes: pass a string, a contiguous range of bytes, or a pointer and a " \
      "length; of an object std::as_bytes(std::span(&object, 1))",                                         \
      PayloadMustBeTextOrBytes)
#define REWAL_NO_CALLBACK                                                                              \
  REWAL_REFUSED(                                                                                       \
      "rewal: this callback is called with a const rewal::BorrowedEvent& or a rewal::Event&&: let it " \
      "take one of them",                                                                              \
      CallbackMustTakeABorrowedEvent)

/// Private base of Wal. (Not by value, the Lsn: a member of the same signature would hide the template from clang.)
struct RefusedCalls {
  template <NoBytes T>
  REWAL_NO_BYTES append(T&&) REWAL_NOT_DEFINED;
  template <NoBytes T>
  REWAL_NO_BYTES append_durable(T&&) REWAL_NOT_DEFINED;
  template <NoReplayFunction F>
  REWAL_NO_CALLBACK replay(const Lsn&, F&&) const REWAL_NOT_DEFINED;
  template <NoReplayFunction F>
  REWAL_NO_CALLBACK replay(const Lsn&, Lsn, F&&) const REWAL_NOT_DEFINED;
};

#undef REWAL_NO_BYTES
#undef REWAL_NO_CALLBACK

}  // namespace rewal::detail

#endif  // REWAL_LOG_REFUSED_CALLS_HPP
