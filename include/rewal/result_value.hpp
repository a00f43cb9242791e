// SPDX-License-Identifier: MIT
//
// What a Result<T> may be made of without saying so, and how it becomes a T.

#ifndef REWAL_RESULT_VALUE_HPP
#define REWAL_RESULT_VALUE_HPP

#include <type_traits>
#include <utility>

#include <rewal/error.hpp>

namespace rewal {

template <class T>
class Result;

namespace detail {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

template <class T>
inline constexpr bool is_error_type = std::is_same_v<T, Error> || std::is_same_v<T, Errc>;

/// What a Result<T> may be made of without saying so: anything that converts to T; for bool, bool alone.
template <class U, class T>
concept ResultValue =
    !is_result<std::remove_cvref_t<U>> && !is_error_type<std::remove_cvref_t<U>> && std::is_convertible_v<U, T> &&
    (!std::is_same_v<T, bool> || std::is_same_v<std::remove_cvref_t<U>, bool>);

/// Between numbers without a word: the warning of `return 0;` as a Result<std::uint64_t> would point in here.
template <class T, class U>
[[nodiscard]] constexpr T converted(U&& value) {
  if constexpr (std::is_arithmetic_v<T> && std::is_arithmetic_v<std::remove_cvref_t<U>>) {
    return static_cast<T>(value);
  } else {
    return std::forward<U>(value);
  }
}

}  // namespace detail

}  // namespace rewal

#endif  // REWAL_RESULT_VALUE_HPP
