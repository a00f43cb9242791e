// SPDX-License-Identifier: MIT
//
// The one function of macOS' <sys/sysctl.h> that is used, as its manual page has it.

#include <stddef.h>

extern "C" int sysctlbyname(const char*, void*, size_t*, void*, size_t);
