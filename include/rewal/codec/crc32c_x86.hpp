// SPDX-License-Identifier: MIT
//
// CRC-32C kernels for x86-64: the crc32 instruction, one stream of it or three side by side.
// Pure functions of their arguments, so any thread may call them; call one only where its feature test says yes.
// The choice among them is left to crc32c.hpp, the constants to crc32c_math.hpp.
//
// Each kernel names its instruction sets in a function attribute and never asks the translation unit's flags, so
// units compiled for different processors agree. Compilers' own builtins stand in for <immintrin.h>, which alone
// costs 0.4 s of g++ 12.

#ifndef REWAL_CODEC_CRC32C_X86_HPP
#define REWAL_CODEC_CRC32C_X86_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <rewal/codec/crc32c_math.hpp>
#include <rewal/platform.hpp>

#if REWAL_X86_64

#if REWAL_GNU
#include <cpuid.h>
#define REWAL_CRC_TARGET(features) __attribute__((target(features)))
#define REWAL_CRC_STEP(state, word) __builtin_ia32_crc32di(state, word)
#define REWAL_CRC_STEP4(state, word) __builtin_ia32_crc32si(state, word)
#define REWAL_CRC_STEP2(state, word) __builtin_ia32_crc32hi(state, word)
#define REWAL_CRC_STEP1(state, word) __builtin_ia32_crc32qi(state, word)
#else
#include <intrin.h>
#define REWAL_CRC_TARGET(features)
#define REWAL_CRC_STEP(state, word) _mm_crc32_u64(state, word)
#define REWAL_CRC_STEP4(state, word) _mm_crc32_u32(state, word)
#define REWAL_CRC_STEP2(state, word) _mm_crc32_u16(state, word)
#define REWAL_CRC_STEP1(state, word) _mm_crc32_u8(state, word)
#endif

namespace rewal::detail {

/// What cpuid says of the processor, and xgetbv of the registers that the system saves.
struct X86Features {
  bool sse42;
  bool pclmul;
};

inline X86Features x86_features() noexcept {
  X86Features features{};
#if REWAL_GNU
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return features;
#else
  int registers[4];
  __cpuid(registers, 1);
  const unsigned c = static_cast<unsigned>(registers[2]);
#endif
  features.sse42 = (c >> 20 & 1) != 0;
  features.pclmul = features.sse42 && (c >> 1 & 1) != 0;
  return features;
}

/// The integer at `from[at]`, also stored at `to[at]` if `Copy`.
template <class T, bool Copy>
REWAL_INLINE T crc32c_take(std::byte* to, const std::byte* from, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, from + at, sizeof value);
  if constexpr (Copy) std::memcpy(to + at, &value, sizeof value);
  return value;
}

/// One instruction stream, with nothing to set up or fold.
template <bool Copy>
REWAL_CRC_TARGET("sse4.2")
std::uint32_t crc32c_sse42(std::uint32_t crc, std::byte* to, const std::byte* from, std::size_t size) noexcept {
  std::uint64_t state = ~crc;
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) state = REWAL_CRC_STEP(state, (crc32c_take<std::uint64_t, Copy>(to, from, at)));
  std::uint32_t tail = static_cast<std::uint32_t>(state);
  if ((size & 4) != 0) {
    tail = REWAL_CRC_STEP4(tail, (crc32c_take<std::uint32_t, Copy>(to, from, at)));
    at += 4;
  }
  if ((size & 2) != 0) {
    tail = REWAL_CRC_STEP2(tail, (crc32c_take<std::uint16_t, Copy>(to, from, at)));
    at += 2;
  }
  if ((size & 1) != 0) tail = REWAL_CRC_STEP1(tail, (crc32c_take<std::uint8_t, Copy>(to, from, at)));
  return ~tail;
}

}  // namespace rewal::detail

#undef REWAL_CRC_TARGET
#undef REWAL_CRC_STEP
#undef REWAL_CRC_STEP4
#undef REWAL_CRC_STEP2
#undef REWAL_CRC_STEP1

#endif  // REWAL_X86_64

#endif  // REWAL_CODEC_CRC32C_X86_HPP
