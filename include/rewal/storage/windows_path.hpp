// SPDX-License-Identifier: MIT
//
// A path in the form in which Windows takes it at any length. By itself it takes 259 characters of a full path, unless
// both the program's manifest and the machine's registry say otherwise.
// An object belongs to one call; what the path names is left to that call.

#ifndef REWAL_STORAGE_WINDOWS_PATH_HPP
#define REWAL_STORAGE_WINDOWS_PATH_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <cstddef>
#include <cwchar>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <rewal/storage/windows_api.hpp>

namespace rewal::detail {

/// `path`, or, where it is a long one, its full form behind the prefix that lifts the limit. Where memory is short the
/// path stays as it is. Keeps a pointer to `path`.
class WindowsPath {
 public:
  explicit WindowsPath(const std::wstring& path) noexcept : text_(path.c_str()) {
    if (path.starts_with(LR"(\\?\)") || path.starts_with(LR"(\\.\)")) return;
    const unsigned long room = ::GetFullPathNameW(path.c_str(), 0, nullptr, nullptr);  // with the NUL
    if (room < longest_plain) return;                                                  // 0 too: the call will say why
    std::unique_ptr<wchar_t[]> text(new (std::nothrow) wchar_t[prefix_room + room]);
    if (text == nullptr) return;
    wchar_t* const full = text.get() + prefix_room;
    const unsigned long size = ::GetFullPathNameW(path.c_str(), room, full, nullptr);
    if (size == 0 || size >= room) return;  // another thread has changed the working directory
    const bool on_a_share = full[0] == L'\\' && full[1] == L'\\';
    const std::wstring_view prefix = on_a_share ? LR"(\\?\UNC)" : LR"(\\?\)";
    wchar_t* const begin = full + (on_a_share ? 1 : 0) - prefix.size();  // one of the share's two backslashes goes
    std::wmemcpy(begin, prefix.data(), prefix.size());
    owned_ = std::move(text);
    text_ = begin;
  }
  WindowsPath(const WindowsPath&) = delete;
  WindowsPath& operator=(const WindowsPath&) = delete;

  [[nodiscard]] const wchar_t* c_str() const noexcept { return text_; }

 private:
  static constexpr unsigned long longest_plain = 248;  // what a directory's may be, which leaves room for a short name
  static constexpr std::size_t prefix_room = 8;

  const wchar_t* text_;
  std::unique_ptr<wchar_t[]> owned_;
};

}  // namespace rewal::detail

#endif  // REWAL_WINDOWS

#endif  // REWAL_STORAGE_WINDOWS_PATH_HPP
