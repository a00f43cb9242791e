// SPDX-License-Identifier: MIT
//
// Microsoft's <intrin.h>, as far as it is used: clang's own is no header for MinGW.

#include <immintrin.h>

extern "C" void __cpuid(int[4], int);
