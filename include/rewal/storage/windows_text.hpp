// SPDX-License-Identifier: MIT
//
// UTF-8 to the UTF-16 of Windows' file calls, and back. Pure functions, for any thread.
// What the text means is left to the path.

#ifndef REWAL_STORAGE_WINDOWS_TEXT_HPP
#define REWAL_STORAGE_WINDOWS_TEXT_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <climits>
#include <cstddef>
#include <string>
#include <string_view>

#include <rewal/storage/windows_api.hpp>

namespace rewal::detail {

/// False, with `wide` empty, for what is not UTF-8.
[[nodiscard]] inline bool wide_from_utf8(std::string_view text, std::wstring& wide) {
  wide.clear();
  if (text.empty()) return true;
  if (text.size() > INT_MAX) return false;
  const int size = static_cast<int>(text.size());
  const int units = ::MultiByteToWideChar(windows::utf8, windows::mb_err_invalid_chars, text.data(), size, nullptr, 0);
  if (units <= 0) return false;
  wide.resize(static_cast<std::size_t>(units));
  return ::MultiByteToWideChar(windows::utf8, windows::mb_err_invalid_chars, text.data(), size, wide.data(), units) ==
         units;
}

/// Halves of surrogate pairs, which names may hold, become U+FFFD.
[[nodiscard]] inline std::string utf8_from_wide(std::wstring_view wide) {
  if (wide.empty() || wide.size() > INT_MAX) return {};
  const int size = static_cast<int>(wide.size());
  const int bytes = ::WideCharToMultiByte(windows::utf8, 0, wide.data(), size, nullptr, 0, nullptr, nullptr);
  if (bytes <= 0) return {};
  std::string text(static_cast<std::size_t>(bytes), '\0');
  const int written = ::WideCharToMultiByte(windows::utf8, 0, wide.data(), size, text.data(), bytes, nullptr, nullptr);
  text.resize(written > 0 ? static_cast<std::size_t>(written) : 0);
  return text;
}

}  // namespace rewal::detail

#endif  // REWAL_WINDOWS

#endif  // REWAL_STORAGE_WINDOWS_TEXT_HPP
