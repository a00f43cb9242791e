// SPDX-License-Identifier: MIT
//
// Result<T>: a T or an Error, in std::expected's vocabulary, with and without exceptions.
// It is the same type in every language mode, so that two parts of one program always agree on it.
// It holds the value in place and allocates nothing.

#ifndef REWAL_RESULT_HPP
#define REWAL_RESULT_HPP

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result_value.hpp>

namespace rewal {

/// A value or an Error. `value()` on an error throws rewal::Exception, or terminates where exceptions are off. `*` and `->`
/// on an error print its message and terminate, and so does `error()` on a value, in every build. `*` of a Result that is
/// about to go gives the value itself, so that a loop over `*wal.iterator(1)` keeps what it reads from.
template <class T>
class REWAL_TO_BE_TESTED Result {
  static_assert(!std::is_reference_v<T> && !detail::is_result<std::remove_cv_t<T>> &&
                    !detail::is_error_type<std::remove_cv_t<T>>,
                "rewal::Result<T>: T is an object type other than Error, Errc and Result");

 public:
  using value_type = T;
  using error_type = Error;

  constexpr Result() requires std::default_initializable<T> : value_(), has_value_(true) {}
  template <detail::ResultValue<T> U = T>
  constexpr Result(U&& value) : value_(detail::converted<T>(std::forward<U>(value))), has_value_(true) {}
  constexpr Result(const Error& error) noexcept : error_(error), has_value_(false) {}
  constexpr Result(Errc code) noexcept : error_(code), has_value_(false) {}

  constexpr Result(const Result& other) requires std::copy_constructible<T> : has_value_(other.has_value_) {
    if (has_value_) {
      std::construct_at(std::addressof(value_), other.value_);
    } else {
      std::construct_at(std::addressof(error_), other.error_);
    }
  }
  constexpr Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : has_value_(other.has_value_) {
    if (has_value_) {
      std::construct_at(std::addressof(value_), std::move(other.value_));
    } else {
      std::construct_at(std::addressof(error_), other.error_);
    }
  }
  constexpr Result& operator=(const Result& other) requires std::copy_constructible<T> {
    if (this != &other) *this = Result(other);
    return *this;
  }
  /// Where moving a T throws, this keeps its error, or has lost its value and holds an error that says so.
  constexpr Result& operator=(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
    if (this == &other) return *this;
    become_error(Error(Errc::invalid_state, "this Result lost its value to an exception"));
    if (other.has_value_) {
      KeepError keep{this, error_};
      std::construct_at(std::addressof(value_), std::move(other.value_));
      has_value_ = true;
      keep.result = nullptr;
    } else {
      error_ = other.error_;
    }
    return *this;
  }
  constexpr ~Result() {
    if (has_value_) std::destroy_at(std::addressof(value_));
  }

  [[nodiscard]] constexpr bool has_value() const noexcept { return has_value_; }
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return has_value_; }

  [[nodiscard]] constexpr T& operator*() & noexcept { return held_value(*this); }
  [[nodiscard]] constexpr const T& operator*() const& noexcept { return held_value(*this); }
  [[nodiscard]] constexpr T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) {
    return std::move(held_value(*this));
  }
  [[nodiscard]] constexpr const T&& operator*() const&& noexcept { return std::move(held_value(*this)); }
  [[nodiscard]] constexpr T* operator->() noexcept { return std::addressof(held_value(*this)); }
  [[nodiscard]] constexpr const T* operator->() const noexcept { return std::addressof(held_value(*this)); }

  constexpr T& value() & {
    require_value();
    return value_;
  }
  constexpr const T& value() const& {
    require_value();
    return value_;
  }
  constexpr T&& value() && {
    require_value();
    return std::move(value_);
  }
  constexpr const T&& value() const&& {
    require_value();
    return std::move(value_);
  }

  [[nodiscard]] constexpr const Error& error() const noexcept {
    if (REWAL_UNLIKELY(has_value_)) detail::end_over("the error was taken of a Result", "a value");
    return error_;
  }

  template <class U>
  [[nodiscard]] constexpr T value_or(U&& other) const& {
    return has_value_ ? value_ : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  [[nodiscard]] constexpr T value_or(U&& other) && {
    return has_value_ ? std::move(value_) : static_cast<T>(std::forward<U>(other));
  }

  /// `f(value)` gives the next Result; an error passes by.
  template <class F>
  constexpr auto and_then(F&& f) & {
    return chain(*this, std::forward<F>(f));
  }
  template <class F>
  constexpr auto and_then(F&& f) const& {
    return chain(*this, std::forward<F>(f));
  }
  template <class F>
  constexpr auto and_then(F&& f) && {
    return chain(std::move(*this), std::forward<F>(f));
  }

  /// `f(value)` gives the next value; an error passes by.
  template <class F>
  constexpr auto transform(F&& f) & {
    return map(*this, std::forward<F>(f));
  }
  template <class F>
  constexpr auto transform(F&& f) const& {
    return map(*this, std::forward<F>(f));
  }
  template <class F>
  constexpr auto transform(F&& f) && {
    return map(std::move(*this), std::forward<F>(f));
  }

  /// `f(error)` gives the Result to use instead; a value passes by.
  template <class F>
  constexpr Result or_else(F&& f) const& {
    return has_value_ ? *this : Result(std::invoke(std::forward<F>(f), error_));
  }
  template <class F>
  constexpr Result or_else(F&& f) && {
    return has_value_ ? std::move(*this) : Result(std::invoke(std::forward<F>(f), error_));
  }

  template <class U>
  [[nodiscard]] friend constexpr bool operator==(const Result& a, const Result<U>& b) {
    return a.has_value() == b.has_value() && (a.has_value() ? *a == *b : a.error() == b.error());
  }
  template <class U>
  requires(!detail::is_result<U> && !detail::is_error_type<U>) [[nodiscard]] friend constexpr bool operator==(
      const Result& a, const U& b) {
    return a.has_value() && *a == b;
  }

 private:
  template <class Self, class F>
  static constexpr auto chain(Self&& self, F&& f) {
    using Next = std::remove_cvref_t<std::invoke_result_t<F, decltype((std::forward<Self>(self).value_))>>;
    static_assert(detail::is_result<Next>, "and_then's function returns a rewal::Result");
    if (!self.has_value_) return Next(self.error_);
    return std::invoke(std::forward<F>(f), std::forward<Self>(self).value_);
  }
  template <class Self, class F>
  static constexpr auto map(Self&& self, F&& f) {
    using Next = std::remove_cv_t<std::invoke_result_t<F, decltype((std::forward<Self>(self).value_))>>;
    if (!self.has_value_) return Result<Next>(self.error_);
    if constexpr (std::is_void_v<Next>) {
      std::invoke(std::forward<F>(f), std::forward<Self>(self).value_);
      return Result<Next>();
    } else {
      return Result<Next>(std::invoke(std::forward<F>(f), std::forward<Self>(self).value_));
    }
  }

  constexpr void become_error(const Error& error) noexcept {
    if (has_value_) {
      std::destroy_at(std::addressof(value_));
      has_value_ = false;
      std::construct_at(std::addressof(error_), error);
    }
  }
  /// In what a throwing construction leaves behind.
  struct KeepError {
    Result* result;
    Error error;
    constexpr ~KeepError() {
      if (result != nullptr) std::construct_at(std::addressof(result->error_), error);
    }
  };

  template <class Self>
  [[nodiscard]] static constexpr auto& held_value(Self& self) noexcept {
    if (REWAL_UNLIKELY(!self.has_value_)) detail::end_over(self.error_);
    return self.value_;
  }
  constexpr void require_value() const {
    if (!has_value_) detail::throw_exception(error_);
  }

  union {
    T value_;
    Error error_;
  };
  bool has_value_;
};

/// Success, or an Error.
template <>
class REWAL_TO_BE_TESTED Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() noexcept : error_(Errc::invalid_state), has_value_(true) {}
  Result(const Error& error) noexcept : error_(error), has_value_(false) {}
  Result(Errc code) noexcept : error_(code), has_value_(false) {}

  [[nodiscard]] bool has_value() const noexcept { return has_value_; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value_; }
  void operator*() const noexcept {
    if (REWAL_UNLIKELY(!has_value_)) detail::end_over(error_);
  }
  void value() const {
    if (!has_value_) detail::throw_exception(error_);
  }
  [[nodiscard]] const Error& error() const noexcept {
    if (REWAL_UNLIKELY(has_value_)) detail::end_over("the error was taken of a Result", "a value");
    return error_;
  }

  template <class F>
  auto and_then(F&& f) const {
    using Next = std::remove_cvref_t<std::invoke_result_t<F>>;
    static_assert(detail::is_result<Next>, "and_then's function returns a rewal::Result");
    return has_value_ ? Next(std::invoke(std::forward<F>(f))) : Next(error_);
  }
  template <class F>
  auto transform(F&& f) const {
    using Next = std::remove_cv_t<std::invoke_result_t<F>>;
    if (!has_value_) return Result<Next>(error_);
    if constexpr (std::is_void_v<Next>) {
      std::invoke(std::forward<F>(f));
      return Result<void>();
    } else {
      return Result<Next>(std::invoke(std::forward<F>(f)));
    }
  }
  template <class F>
  Result or_else(F&& f) const {
    return has_value_ ? *this : Result(std::invoke(std::forward<F>(f), error_));
  }

  [[nodiscard]] friend bool operator==(const Result& a, const Result& b) noexcept {
    return a.has_value_ == b.has_value_ && (a.has_value_ || a.error_ == b.error_);
  }

 private:
  Error error_;
  bool has_value_;
};

}  // namespace rewal

#endif  // REWAL_RESULT_HPP
