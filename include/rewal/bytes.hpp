// SPDX-License-Identifier: MIT
//
// Bytes as the log hands them out, and the one parameter type through which it takes them.
// Both are views: they own nothing and live as long as what they look at.

#ifndef REWAL_BYTES_HPP
#define REWAL_BYTES_HPP

#include <concepts>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <rewal/platform.hpp>

namespace rewal {

/// Every payload and meta that the log hands out.
using Bytes = std::span<const std::byte>;

/// The same bytes as text. Nothing is checked or copied.
[[nodiscard]] inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class BytesArg;

namespace detail {

/// The bytes of a vector. Whether it is a range need not be asked, as a conversion would: that compiles slowly.
template <class Vector>
[[nodiscard]] Bytes bytes_of(const Vector& bytes) noexcept {
  return {bytes.data(), bytes.size()};
}

template <class T>
inline constexpr bool is_byte_like =
    std::is_same_v<std::remove_cv_t<T>, std::byte> || std::is_same_v<std::remove_cv_t<T>, unsigned char> ||
    std::is_same_v<std::remove_cv_t<T>, char>;

template <class R>
concept ByteRange = requires(const std::remove_reference_t<R>& range) {
  { std::size(range) } -> std::convertible_to<std::size_t>;
  requires std::is_pointer_v<decltype(std::data(range))>;
  requires is_byte_like<std::remove_pointer_t<decltype(std::data(range))>>;
};

template <class T>
inline constexpr bool is_char_array = false;
template <std::size_t N>
inline constexpr bool is_char_array<char[N]> = true;
template <std::size_t N>
inline constexpr bool is_char_array<const char[N]> = true;

/// A number or an object: no bytes, nor something that says which bytes it is.
template <class T>
concept NoBytes = std::is_arithmetic_v<T> ||(std::is_class_v<T> && !std::is_same_v<T, BytesArg> && !ByteRange<T> &&
                                             !requires(const T& object) { object.operator BytesArg(); });

}  // namespace detail

/// A payload or meta argument: anything a person would pass without a cast.
///
/// Taken: string literals and other `const char` arrays (one trailing NUL is dropped), `const char*` (to its NUL),
/// `std::string`, `std::string_view`, any contiguous sized range of `std::byte`, `unsigned char` or `char`,
/// `{pointer, length}` and `{}`. Not taken: integers, `nullptr`, and a `char` array that is not const: pass a `string_view`
/// of its text, or a `span` of all its bytes.
class BytesArg {
 public:
  constexpr BytesArg() noexcept = default;
  BytesArg(std::nullptr_t) = delete;

  template <std::size_t N>
  BytesArg(const char (&text)[N]) noexcept : BytesArg(text, text[N - 1] == '\0' ? N - 1 : N) {}

  /// Refused: is it text up to its NUL, or are all of its bytes meant?
  template <std::size_t N, class TextOrAllItsBytes_PassAStringViewOrASpan = void>
  REWAL_REFUSED(
      "rewal: a char array that may change: is it text, or are all its bytes meant? Pass a std::string_view, "
      "or a std::span", )
  BytesArg(char (&)[N]) REWAL_NOT_DEFINED;

  /// Refused: numbers and objects. Their bytes are std::as_bytes(std::span(&object, 1)).
  template <detail::NoBytes T, class APayloadIsTextOrBytes_PassAStringOrASpan = void>
  REWAL_REFUSED(
      "rewal: a payload is text or bytes: pass a string, a contiguous range of bytes, or a pointer and a length; "
      "of an object std::as_bytes(std::span(&object, 1))", )
  BytesArg(const T&) REWAL_NOT_DEFINED;

  // clang-format off
  template <class P>
    requires(std::is_same_v<P, const char*> || std::is_same_v<P, char*>)
  BytesArg(const P& text) noexcept : BytesArg(text, text == nullptr ? 0 : std::strlen(text)) {}

  template <class R>
    requires(detail::ByteRange<R> && !detail::is_char_array<std::remove_reference_t<R>> &&
             !std::is_same_v<std::remove_cvref_t<R>, BytesArg>)
  BytesArg(R&& range) noexcept
      : BytesArg(std::data(std::as_const(range)), static_cast<std::size_t>(std::size(range))) {}

  template <class T>
    requires(detail::is_byte_like<T>)
  BytesArg(const T* data, std::size_t size) noexcept : bytes_(reinterpret_cast<const std::byte*>(data), size) {}
  // clang-format on

  [[nodiscard]] constexpr Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] constexpr const std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return bytes_.size(); }

 private:
  Bytes bytes_;
};

}  // namespace rewal

#endif  // REWAL_BYTES_HPP
