// SPDX-License-Identifier: MIT
//
// The code for Windows with the macros of Microsoft's compiler, as far as it can be read without its headers: those of
// MinGW are read first, and then the macros say another compiler. Compiled by clang with -fms-extensions -fsyntax-only.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#undef __GNUC__
#undef __clang__
#define _MSC_VER 1940
#define _MSVC_LANG 202002L
#define _CPPUNWIND 1
#if defined(__x86_64__)
#define _M_X64 100
#endif

#include "use.hpp"
