// SPDX-License-Identifier: MIT
//
// CRC-32C on x86-64: the crc32 instruction, the carry-less multiplication, and which of them the processor has.
// Pure functions of their arguments, so any thread may call them; call one only where `x86_features` allows it.
// What to do with them is left to crc32c_streams.hpp and crc32c_x86_wide.hpp.
//
// Functions name their instruction sets in an attribute and never ask the translation unit's flags, so units
// compiled for different processors agree. Compilers' own builtins stand in for <immintrin.h>, which alone costs
// 0.6 s of g++ 12; g++ and clang share them.

#ifndef REWAL_CRC32C_X86_HPP
#define REWAL_CRC32C_X86_HPP

#include <cstdint>

#include <rewal/platform.hpp>

#if REWAL_X86_64

#if REWAL_GNU
#include <cpuid.h>
#define REWAL_CRC_TARGET(features) __attribute__((target(features)))
#else
#include <intrin.h>
#define REWAL_CRC_TARGET(features)
#endif

/// On functions that use the instruction alone, and on those that multiply as well.
#define REWAL_CRC_ONE REWAL_CRC_TARGET("sse4.2")
#define REWAL_CRC_FOLD REWAL_CRC_TARGET("sse4.2,pclmul")

namespace rewal::detail {

/// What the processor can do and, for the wide registers, what the operating system saves and restores.
struct X86Features {
  bool sse42 = false;
  bool pclmul = false;
  bool avx2 = false;
  bool avx512 = false;
};

inline X86Features x86_features() noexcept {
  X86Features features;
#if REWAL_GNU
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return features;
#else
  int leaf[4];
  __cpuid(leaf, 1);
  const unsigned c = static_cast<unsigned>(leaf[2]);
#endif
  const bool xsave = (c >> 27 & 1) != 0;
  features.sse42 = (c >> 20 & 1) != 0;
  features.pclmul = features.sse42 && (c >> 1 & 1) != 0;
#if REWAL_GNU
  if (!features.pclmul || !xsave || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return features;
  unsigned saved = 0;
  asm volatile("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));
  features.avx2 = (b >> 5 & 1) != 0 && (c >> 10 & 1) != 0 && (saved & 0x06) == 0x06;
  features.avx512 = features.avx2 && (b >> 16 & 1) != 0 && (saved & 0xe6) == 0xe6;
#else
  static_cast<void>(xsave);
#endif
  return features;
}

/// The crc32 instruction for one integer.
template <class T>
REWAL_CRC_ONE REWAL_INLINE std::uint64_t crc32c_step(std::uint64_t state, T value) noexcept {
#if REWAL_GNU
  if constexpr (sizeof value == 8) return __builtin_ia32_crc32di(state, value);
  if constexpr (sizeof value == 4) return __builtin_ia32_crc32si(static_cast<std::uint32_t>(state), value);
  if constexpr (sizeof value == 2) return __builtin_ia32_crc32hi(static_cast<std::uint32_t>(state), value);
  if constexpr (sizeof value == 1) return __builtin_ia32_crc32qi(static_cast<std::uint32_t>(state), value);
#else
  if constexpr (sizeof value == 8) return _mm_crc32_u64(state, value);
  if constexpr (sizeof value == 4) return _mm_crc32_u32(static_cast<std::uint32_t>(state), value);
  if constexpr (sizeof value == 2) return _mm_crc32_u16(static_cast<std::uint32_t>(state), value);
  if constexpr (sizeof value == 1) return _mm_crc32_u8(static_cast<std::uint32_t>(state), value);
#endif
}

/// The word that, xored into a message's last word, stands for `state` before the bytes that `factor` jumps over.
REWAL_CRC_FOLD REWAL_INLINE std::uint64_t crc32c_moved(std::uint64_t state, std::uint32_t factor) noexcept {
#if REWAL_GNU
  using Vector = long long __attribute__((vector_size(16)));
  const Vector product = __builtin_ia32_pclmulqdq128(Vector{static_cast<long long>(state), 0},
                                                     Vector{static_cast<long long>(factor), 0}, 0);
  return static_cast<std::uint64_t>(product[0]);
#else
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_clmulepi64_si128(
      _mm_cvtsi64_si128(static_cast<long long>(state)), _mm_cvtsi32_si128(static_cast<int>(factor)), 0)));
#endif
}

}  // namespace rewal::detail

#endif  // REWAL_X86_64

#endif  // REWAL_CRC32C_X86_HPP
