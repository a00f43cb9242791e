// SPDX-License-Identifier: MIT
//
// The one parameter type through which a log takes the path of its file, without the cost of <filesystem>.
// It owns the path in the system's own form; making one allocates, and is the caller's act, before any call of the log.
// Whether the path can name a file is asked when the file is opened.

#ifndef REWAL_STORAGE_PATH_HPP
#define REWAL_STORAGE_PATH_HPP

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/platform.hpp>
#include <rewal/result.hpp>
#if REWAL_WINDOWS
#include <rewal/storage/windows_text.hpp>
#endif

namespace rewal {
namespace detail {

/// A path as the system takes it: bytes on POSIX, UTF-16 on Windows.
#if REWAL_WINDOWS
using NativePath = std::wstring;
#else
using NativePath = std::string;
#endif
using NativeView = std::basic_string_view<NativePath::value_type>;

/// `path` with plain ASCII after it.
[[nodiscard]] inline NativePath with_suffix(const NativePath& path, std::string_view ascii) {
  NativePath result;
  result.reserve(path.size() + ascii.size());
  result += path;
  for (const char c : ascii) result += static_cast<NativePath::value_type>(c);
  return result;
}

[[nodiscard]] inline std::string to_utf8(const NativePath& path) {
#if REWAL_WINDOWS
  return utf8_from_wide(path);
#else
  return path;
#endif
}

template <class T>
concept NativePathHolder = requires(const T& path) {
  { path.native() } -> std::convertible_to<NativeView>;
};
template <class T>
concept Utf8Text = std::convertible_to<const T&, std::string_view> && !NativePathHolder<T>;
template <class T>
concept Char8Text = std::convertible_to<const T&, std::u8string_view> && !NativePathHolder<T>;
template <class T>
concept WideText = std::convertible_to<const T&, std::wstring_view> && !NativePathHolder<T>;

}  // namespace detail

/// A path argument: string literals, `const char*`, `std::string` and `std::string_view` (all UTF-8), their char8_t
/// forms, and `std::filesystem::path` or anything else whose `native()` is the system's string; on Windows wide text
/// too. An empty path, a null pointer, an embedded NUL and, on Windows, malformed UTF-8 are refused when it is opened.
class PathArg {
 public:
  PathArg(std::nullptr_t) = delete;

  // clang-format off
  template <class T>
    requires(detail::NativePathHolder<T> && !std::same_as<T, PathArg>)
  PathArg(const T& path) : native_(detail::NativeView(path.native())) {}
  // clang-format on

  template <detail::Utf8Text T>
  PathArg(const T& text) {
    if (!is_null(text)) take_utf8(std::string_view(text));
  }

  template <detail::Char8Text T>
  PathArg(const T& text) {
    if (is_null(text)) return;
    const std::u8string_view view(text);
    take_utf8({reinterpret_cast<const char*>(view.data()), view.size()});
  }

#if REWAL_WINDOWS
  template <detail::WideText T>
  PathArg(const T& text) {
    if (!is_null(text)) native_ = std::wstring_view(text);
  }
#endif

  /// As the system takes it.
  [[nodiscard]] const detail::NativePath& native() const noexcept { return native_; }

  /// For messages and names. UTF-8, or on POSIX whatever bytes the path has.
  [[nodiscard]] std::string text() const { return detail::to_utf8(native_); }

  /// `io` with std::errc::invalid_argument for what can be the path of no file.
  [[nodiscard]] Result<void> usable() const noexcept {
    if (malformed_) {
      return detail::invalid_argument("the path of the log is not valid UTF-8: pass UTF-8 or a std::filesystem::path");
    }
    if (native_.empty()) return detail::invalid_argument("the path of the log is empty: pass the name of a file");
    if (native_.find(detail::NativePath::value_type{}) != detail::NativePath::npos) {
      return detail::invalid_argument("the path of the log holds a NUL character: remove it");
    }
    return {};
  }

 private:
  template <class T>
  static constexpr bool is_null(const T& text) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return text == nullptr;
    } else {
      return false;
    }
  }

  void take_utf8(std::string_view text) {
#if REWAL_WINDOWS
    malformed_ = !detail::wide_from_utf8(text, native_);
#else
    native_ = text;
#endif
  }

  detail::NativePath native_;
  bool malformed_ = false;
};

}  // namespace rewal

#endif  // REWAL_STORAGE_PATH_HPP
