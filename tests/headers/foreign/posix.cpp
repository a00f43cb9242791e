// SPDX-License-Identifier: MIT
//
// The code for macOS or a BSD, as far as it can be read without their headers: those of this system are read first, and
// then the macros say another one. What macOS alone has is declared here, as its manual pages have it.
// Compiled with -fsyntax-only and -D REWAL_FOREIGN_APPLE or -D REWAL_FOREIGN_BSD.

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

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#undef __linux__
#undef __linux
#undef linux
#if defined(REWAL_FOREIGN_APPLE)
#define __APPLE__ 1
#define F_FULLFSYNC 51
#define F_PREALLOCATE 42
#define F_BARRIERFSYNC 85
#define F_ALLOCATECONTIG 2
#define F_ALLOCATEALL 4
#define F_PEOFPOSMODE 3
struct fstore_t {
  unsigned fst_flags;
  int fst_posmode;
  off_t fst_offset;
  off_t fst_length;
  off_t fst_bytesalloc;
};
#define RENAME_EXCL 4
extern "C" int renamex_np(const char*, const char*, unsigned);
#else
#define __FreeBSD__ 14
#endif

#include "use.hpp"
