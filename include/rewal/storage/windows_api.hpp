// SPDX-License-Identifier: MIT
//
// The calls of Windows' kernel32 that the storage needs, declared here so that no program gets <windows.h> and its
// macros from a log. The declarations agree with that header, so both may be included in either order.
// What the calls are for is said in the other windows_*.hpp, their only users.

#ifndef REWAL_STORAGE_WINDOWS_API_HPP
#define REWAL_STORAGE_WINDOWS_API_HPP

#include <rewal/platform.hpp>

#if REWAL_WINDOWS

#include <cstddef>
#include <cstdint>

// Names of the system's own types, which are completed by <windows.h> alone.
extern "C" {
struct _SECURITY_ATTRIBUTES;
struct _OVERLAPPED;
union _LARGE_INTEGER;
struct HINSTANCE__;

__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) void __stdcall Sleep(unsigned long);
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t*);
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long, _SECURITY_ATTRIBUTES*,
                                                  unsigned long, unsigned long, void*);
__declspec(dllimport) unsigned long __stdcall GetFileType(void*);
__declspec(dllimport) int __stdcall GetFileSizeEx(void*, _LARGE_INTEGER*);
__declspec(dllimport) int __stdcall ReadFile(void*, void*, unsigned long, unsigned long*, _OVERLAPPED*);
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*, _OVERLAPPED*);
__declspec(dllimport) int __stdcall FlushFileBuffers(void*);
__declspec(dllimport) int __stdcall LockFileEx(void*, unsigned long, unsigned long, unsigned long, unsigned long,
                                               _OVERLAPPED*);
__declspec(dllimport) int __stdcall UnlockFileEx(void*, unsigned long, unsigned long, unsigned long, _OVERLAPPED*);
__declspec(dllimport) void* __stdcall CreateFileMappingW(void*, _SECURITY_ATTRIBUTES*, unsigned long, unsigned long,
                                                         unsigned long, const wchar_t*);
#if defined(_WIN64)
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long, unsigned long,
                                                    unsigned long long);
__declspec(dllimport) long long(__stdcall* __stdcall GetProcAddress(HINSTANCE__*, const char*))();
#else
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long, unsigned long, unsigned long);
__declspec(dllimport) int(__stdcall* __stdcall GetProcAddress(HINSTANCE__*, const char*))();
#endif
__declspec(dllimport) int __stdcall UnmapViewOfFile(const void*);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall DeleteFileW(const wchar_t*);
__declspec(dllimport) unsigned long __stdcall GetFullPathNameW(const wchar_t*, unsigned long, wchar_t*, wchar_t**);
__declspec(dllimport) HINSTANCE__* __stdcall GetModuleHandleW(const wchar_t*);
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned, unsigned long, const char*, int, wchar_t*, int);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned, unsigned long, const wchar_t*, int, char*, int,
                                                        const char*, int*);
}

namespace rewal::detail::windows {

using Handle = void*;

inline const Handle no_file = reinterpret_cast<Handle>(static_cast<std::intptr_t>(-1));

// Values of the system's interface, under its names.
inline constexpr unsigned long generic_read = 0x80000000ul;
inline constexpr unsigned long generic_write = 0x40000000ul;
inline constexpr unsigned long file_share_reading = 1;
inline constexpr unsigned long file_share_all = 1 | 2 | 4;  // writing, deleting and renaming, too
inline constexpr unsigned long create_new = 1;
inline constexpr unsigned long open_existing = 3;
inline constexpr unsigned long open_always = 4;
inline constexpr unsigned long file_attribute_normal = 0x80;
inline constexpr unsigned long file_attribute_unwritable = 0x1 | 0x10;  // read-only, directory
inline constexpr unsigned long invalid_file_attributes = 0xFFFFFFFFul;
inline constexpr unsigned long file_type_disk = 1;
inline constexpr unsigned long lockfile_fail_immediately = 1;
inline constexpr unsigned long lockfile_exclusive_lock = 2;
inline constexpr unsigned long page_readonly = 2;
inline constexpr unsigned long file_map_read = 4;
inline constexpr unsigned long movefile_write_through = 8;
inline constexpr int file_standard_info = 1;
inline constexpr int file_end_of_file_info = 6;
inline constexpr unsigned utf8 = 65001;
inline constexpr unsigned long mb_err_invalid_chars = 8;

/// The place in a file that a call is about: the layout of OVERLAPPED, without an event.
struct Place {
  explicit Place(std::uint64_t at) noexcept
      : offset(static_cast<unsigned long>(at & 0xffffffffu)), offset_high(static_cast<unsigned long>(at >> 32)) {}

  [[nodiscard]] _OVERLAPPED* overlapped() noexcept { return reinterpret_cast<_OVERLAPPED*>(this); }

  std::uintptr_t internal = 0;
  std::uintptr_t internal_high = 0;
  unsigned long offset;
  unsigned long offset_high;
  Handle event = nullptr;
};
static_assert(sizeof(Place) == 3 * sizeof(void*) + 8, "Place has the layout of OVERLAPPED");

/// SetFileInformationByHandle with a number as its information: a size. Found at run time, because its declaration
/// needs an enumeration that only <windows.h> may define. Its alternative, SetEndOfFile, cuts wherever a read that runs
/// beside it has left the handle's position.
[[nodiscard]] inline bool set_file_number(Handle file, int information, std::int64_t number) noexcept {
  using Call = int(__stdcall*)(Handle, int, void*, unsigned long);
  static const Call call = reinterpret_cast<Call>(reinterpret_cast<void (*)()>(
      ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), "SetFileInformationByHandle")));
  return call(file, information, &number, sizeof number) != 0;
}

/// The layout of FILE_STANDARD_INFO.
struct StandardInfo {
  std::int64_t allocation = 0;
  std::int64_t end_of_file = 0;
  std::uint32_t links = 0;
  std::uint8_t delete_pending = 0;
  std::uint8_t directory = 0;
};
static_assert(sizeof(StandardInfo) == 24, "StandardInfo has the layout of FILE_STANDARD_INFO");

/// GetFileInformationByHandleEx, found at run time for the same reason.
[[nodiscard]] inline bool standard_info(Handle file, StandardInfo& info) noexcept {
  using Call = int(__stdcall*)(Handle, int, void*, unsigned long);
  static const Call call = reinterpret_cast<Call>(reinterpret_cast<void (*)()>(
      ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), "GetFileInformationByHandleEx")));
  return call(file, file_standard_info, &info, sizeof info) != 0;
}

}  // namespace rewal::detail::windows

#endif  // REWAL_WINDOWS

#endif  // REWAL_STORAGE_WINDOWS_API_HPP
