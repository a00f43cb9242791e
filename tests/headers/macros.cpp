// SPDX-License-Identifier: MIT
//
// Compiles behind the macros that programs meet: those of Unreal, of old Apple headers, of X11, of <windows.h> and of GNU
// systems. The standard headers come first, since they are not ours to mend.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <climits>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define REWAL_TEST_NOT_A_CALL(...) this macro must not be called
#define check(...) REWAL_TEST_NOT_A_CALL()
#define verify(...) REWAL_TEST_NOT_A_CALL()
#define ensure(...) REWAL_TEST_NOT_A_CALL()
#define require(...) REWAL_TEST_NOT_A_CALL()
#define require_noerr(...) REWAL_TEST_NOT_A_CALL()
#define unimplemented(...) REWAL_TEST_NOT_A_CALL()
#define checkf(...) REWAL_TEST_NOT_A_CALL()
#define checkSlow(...) REWAL_TEST_NOT_A_CALL()
#define major(...) REWAL_TEST_NOT_A_CALL()
#define minor(...) REWAL_TEST_NOT_A_CALL()
#define makedev(...) REWAL_TEST_NOT_A_CALL()
#undef min
#undef max
#define min(a, b) REWAL_TEST_NOT_A_CALL()
#define max(a, b) REWAL_TEST_NOT_A_CALL()
#define assume(...) REWAL_TEST_NOT_A_CALL()
#define log(...) REWAL_TEST_NOT_A_CALL()
#define Yield(...) REWAL_TEST_NOT_A_CALL()
#define foreach(...) REWAL_TEST_NOT_A_CALL()
#define emit
#define slots
#define signals
#define Q_EMIT
#define near
#define far
#define small char
#define interface struct
#define IN
#define OUT
#define OPTIONAL
#define ERROR 0
#define DELETE 0x10000L
#define TRUE 1
#define FALSE 0
#define YES 1
#define NO 0
#define nil 0
#define None 0L
#define Bool int
#define Status int
#define Success 0
#define Always 2
#define True 1
#define False 0
#define Unsorted 0
#define Complex 1
#define linux 1
#define unix 1
#define TEXT(text) L##text
#define GetObject GetObjectW
#define CreateFile CreateFileW
#define DeleteFile DeleteFileW
#define ReplaceFile ReplaceFileW
#define B0 0
#define PAGE_SIZE 4096

#include <rewal/wal.hpp>
#if __has_include(<rewal/reader.hpp>)
#include <rewal/reader.hpp>
#endif
#if __has_include(<rewal/cursor.hpp>)
#include <rewal/cursor.hpp>
#endif

int used_behind_macros() {
  auto wal = rewal::Wal<>::open("log").build();
  if (!wal || !wal->append("event")) return 1;
  const auto events = wal->replay(1, [](const rewal::BorrowedEvent&) {});
  return events && wal->shutdown() ? 0 : 1;
}
