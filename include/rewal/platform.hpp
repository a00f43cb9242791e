// SPDX-License-Identifier: MIT
//
// Every question about compiler, processor and operating system is asked here
// and answered by a REWAL_ macro; no other file looks at a foreign macro.
// What each system or processor can do lives in files of its own, chosen by these names.

#ifndef REWAL_PLATFORM_HPP
#define REWAL_PLATFORM_HPP

// Language. Public headers are empty for a compiler that does not speak it, so that this is the first error and the only one of
// the library.
#if (defined(_MSVC_LANG) && _MSVC_LANG >= 202002L) || __cplusplus >= 202002L
#define REWAL_CXX20 1
#else
#define REWAL_CXX20 0
#error \
    "rewal needs C++20: compile with -std=c++20 (MSVC: /std:c++20), in CMake target_compile_features(your_target PRIVATE cxx_std_20)"
#endif

// Operating system.
#if defined(_WIN32)
#define REWAL_WINDOWS 1
#define REWAL_POSIX 0
#else
#define REWAL_WINDOWS 0
#define REWAL_POSIX 1
#endif

#if defined(__linux__)
#define REWAL_LINUX 1
#else
#define REWAL_LINUX 0
#endif

#if defined(__APPLE__)
#define REWAL_APPLE 1
#else
#define REWAL_APPLE 0
#endif

#if defined(__ANDROID__)
#define REWAL_ANDROID 1
#else
#define REWAL_ANDROID 0
#endif

// Processor.
#if defined(__x86_64__) || defined(_M_X64)
#define REWAL_X86_64 1
#else
#define REWAL_X86_64 0
#endif

#if defined(__aarch64__) || defined(_M_ARM64)
#define REWAL_ARM64 1
#else
#define REWAL_ARM64 0
#endif

// Compiler.
#if defined(__GNUC__) || defined(__clang__)
#define REWAL_GNU 1
#else
#define REWAL_GNU 0
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define REWAL_MSVC 1
#else
#define REWAL_MSVC 0
#endif

#if defined(__SANITIZE_THREAD__)
#define REWAL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define REWAL_TSAN 1
#else
#define REWAL_TSAN 0
#endif
#else
#define REWAL_TSAN 0
#endif

// Exceptions: one mode per program. Where they are off, nothing can be thrown, so nothing is caught.
#if defined(__cpp_exceptions) || (defined(_CPPUNWIND) && _CPPUNWIND)
#define REWAL_EXCEPTIONS 1
#define REWAL_TRY try
#define REWAL_CATCH_ALL catch (...)
#else
#define REWAL_EXCEPTIONS 0
#define REWAL_TRY if constexpr (true)
#define REWAL_CATCH_ALL else
#endif

#if REWAL_GNU
#define REWAL_LIKELY(condition) __builtin_expect(static_cast<bool>(condition), 1)
#define REWAL_UNLIKELY(condition) __builtin_expect(static_cast<bool>(condition), 0)
#define REWAL_NOINLINE __attribute__((noinline))
#define REWAL_INLINE __attribute__((always_inline)) inline
#else
#define REWAL_LIKELY(condition) static_cast<bool>(condition)
#define REWAL_UNLIKELY(condition) static_cast<bool>(condition)
#if REWAL_MSVC
#define REWAL_NOINLINE __declspec(noinline)
#define REWAL_INLINE __forceinline
#else
#define REWAL_NOINLINE
#define REWAL_INLINE inline
#endif
#endif

// Between these the program's warnings of style are off: -Weffc++ asks for initialisers where members have their own,
// -Wuseless-cast for casts to go that other systems need.
#if defined(__GNUC__) && !defined(__clang__)
#define REWAL_HEADERS_BEGIN                                                                              \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wuseless-cast\"")                    \
      _Pragma("GCC diagnostic ignored \"-Weffc++\"") _Pragma("GCC diagnostic ignored \"-Wswitch-enum\"") \
          _Pragma("GCC diagnostic ignored \"-Wredundant-tags\"")
#define REWAL_HEADERS_END _Pragma("GCC diagnostic pop")
#elif defined(__clang__)
#define REWAL_HEADERS_BEGIN _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wswitch-enum\"")
#define REWAL_HEADERS_END _Pragma("clang diagnostic pop")
#else
#define REWAL_HEADERS_BEGIN
#define REWAL_HEADERS_END
#endif

// For Result: the compiler's warning says what to do.
#define REWAL_TO_BE_TESTED \
  [[nodiscard("test this rewal::Result, or call value(), which throws: an error would go unseen")]]

// An overload that exists to be refused, so that the compiler says `text`: g++ names the return type, clang prints the text.
// It is no candidate in a requires-expression.
#if defined(__clang__)
#define REWAL_REFUSED(text, type) __attribute__((unavailable(text))) type
#define REWAL_NOT_DEFINED
#else
#define REWAL_REFUSED(text, type) type
#define REWAL_NOT_DEFINED = delete
#endif

#if REWAL_CXX20

#include <cstddef>

namespace rewal::detail {

// Two cache lines: neighbouring lines are fetched in pairs on current x86, and ARM servers use 128 bytes.
inline constexpr std::size_t cache_line_bytes = 128;

}  // namespace rewal::detail

#endif  // REWAL_CXX20

#endif  // REWAL_PLATFORM_HPP
