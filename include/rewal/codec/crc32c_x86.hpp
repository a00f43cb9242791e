// SPDX-License-Identifier: MIT
//
// CRC-32C kernels for x86-64: the crc32 instruction in one stream and in three; what the processor can do.
// Pure functions of their arguments, so any thread may call them; call one only where `x86_features` allows it.
// The choice among them is left to crc32c.hpp, wide vectors to crc32c_x86_wide.hpp, constants to crc32c_math.hpp.
//
// crc32 takes three cycles but a new one can start in each, so one stream of it waits two cycles out of three. Three
// streams over three parts of the input fill them. What each part left behind is moved to the end by one carry-less
// multiplication and xored into the last word before its crc32. The state that came in joins there too, so no part
// waits for it, and a header's checksum overlaps with its payload's.
//
// Kernels name their instruction sets in function attributes and never ask the translation unit's flags, so units
// compiled for different processors agree. Compilers' own builtins stand in for <immintrin.h>, which alone costs
// 0.4 s of g++ 12, and they are the same in g++ and clang up to two names.

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
#else
#include <intrin.h>
#define REWAL_CRC_TARGET(features)
#endif

#define REWAL_CRC_SSE42 REWAL_CRC_TARGET("sse4.2")
#define REWAL_CRC_PCLMUL REWAL_CRC_TARGET("sse4.2,pclmul")

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
REWAL_CRC_SSE42 REWAL_INLINE std::uint64_t crc32c_step(std::uint64_t state, T value) noexcept {
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

/// The integer at `from[at]`, also stored at `to[at]` if `Copy`.
template <class T, bool Copy>
REWAL_INLINE T crc32c_take(std::byte* to, const std::byte* from, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, from + at, sizeof value);
  if constexpr (Copy) std::memcpy(to + at, &value, sizeof value);
  return value;
}

/// One stream over `size` bytes, with nothing to set up or fold.
template <bool Copy>
REWAL_CRC_SSE42 std::uint32_t crc32c_sse42(std::uint32_t crc, std::byte* to, const std::byte* from,
                                           std::size_t size) noexcept {
  std::uint64_t state = ~crc;
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) state = crc32c_step(state, crc32c_take<std::uint64_t, Copy>(to, from, at));
  if ((size & 4) != 0) {
    state = crc32c_step(state, crc32c_take<std::uint32_t, Copy>(to, from, at));
    at += 4;
  }
  if ((size & 2) != 0) {
    state = crc32c_step(state, crc32c_take<std::uint16_t, Copy>(to, from, at));
    at += 2;
  }
  if ((size & 1) != 0) state = crc32c_step(state, crc32c_take<std::uint8_t, Copy>(to, from, at));
  return ~static_cast<std::uint32_t>(state);
}

/// The word that, xored into a message's last word, stands for `state` before the bytes that `factor` jumps over.
REWAL_CRC_PCLMUL REWAL_INLINE std::uint64_t crc32c_moved(std::uint64_t state, std::uint32_t factor) noexcept {
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

/// Three streams side by side: `part` bytes for the first, as many for the second, the rest for the third.
/// The third is longer by two to four words, which hide the multiplications that bring the others to the end.
template <bool Copy>
struct Crc32cStreams {
  std::byte* const to;
  const std::byte* const from;
  const std::size_t words;
  const std::size_t part = std::size_t{static_cast<std::uint32_t>(words - 2) / 3} * 8;
  std::size_t at = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;

  REWAL_CRC_SSE42 REWAL_INLINE void round() noexcept {
    a = crc32c_step(a, crc32c_take<std::uint64_t, Copy>(to, from, at));
    b = crc32c_step(b, crc32c_take<std::uint64_t, Copy>(to, from, part + at));
    c = crc32c_step(c, crc32c_take<std::uint64_t, Copy>(to, from, 2 * part + at));
    at += 8;
  }

  /// All rounds that are left, and the state after all words; `moved` is what else has to be folded in.
  REWAL_CRC_PCLMUL REWAL_INLINE std::uint64_t finish(std::uint64_t moved) noexcept {
    while (at != part) round();
    const std::size_t last = words * 8 - 8;
    for (at = 3 * part; at != last; at += 8) {
      c = crc32c_step(c, crc32c_take<std::uint64_t, Copy>(to, from, at));
    }
    moved ^= crc32c_moved(a, crc32c_folds.at[words - part / 8]);
    moved ^= crc32c_moved(b, crc32c_folds.at[words - part / 4]);
    return crc32c_step(c, moved ^ crc32c_take<std::uint64_t, Copy>(to, from, last));
  }
};

/// A block is at most `Crc32cFolds::max_words` words, and every way to compute one looks like this.
using Crc32cBlock = std::uint64_t (*)(std::uint64_t state, std::byte* to, const std::byte* from,
                                      std::size_t words) noexcept;

template <bool Copy>
REWAL_CRC_PCLMUL std::uint64_t crc32c_block_pclmul(std::uint64_t state, std::byte* to, const std::byte* from,
                                                   std::size_t words) noexcept {
  Crc32cStreams<Copy> streams{to, from, words};
  return streams.finish(crc32c_moved(state, crc32c_folds.at[words]));
}

/// From how many words on three streams beat one. On a Zen 4, g++ 12 -O2, 96 bytes take 34 cycles to the result in
/// three and 42 in one, 80 bytes 31 and 36; between results in a row of calls three pay from 160 bytes on.
inline constexpr std::size_t crc32c_three_streams_from = 12;

template <bool Copy, Crc32cBlock block, std::size_t block_from>
REWAL_CRC_PCLMUL std::uint32_t crc32c_streams(std::uint32_t crc, std::byte* to, const std::byte* from,
                                              std::size_t size) noexcept;

/// `block_from` words or more, in blocks as long as the constants reach; shorter ends go back to `crc32c_streams`.
template <bool Copy, Crc32cBlock block, std::size_t block_from>
REWAL_NOINLINE std::uint32_t crc32c_blocks(std::uint64_t state, std::byte* to, const std::byte* from,
                                           std::size_t words) noexcept {
  while (words >= block_from) {
    const std::size_t part = words < Crc32cFolds::max_words ? words : Crc32cFolds::max_words;
    state = block(state, to, from, part);
    words -= part;
    from += part * 8;
    if constexpr (Copy) to += part * 8;
  }
  return crc32c_streams<Copy, block, block_from>(~static_cast<std::uint32_t>(state), to, from, words * 8);
}

/// The entry of all kernels with streams, written for short inputs. Lengths that are no multiple of eight shed the odd
/// bytes at the front, all at once: shifted to the end of a word of zeros, which leave a state of 0 alone.
template <bool Copy, Crc32cBlock block, std::size_t block_from>
REWAL_CRC_PCLMUL std::uint32_t crc32c_streams(std::uint32_t crc, std::byte* to, const std::byte* from,
                                              std::size_t size) noexcept {
  if (size < 8) return crc32c_sse42<Copy>(crc, to, from, size);
  std::uint64_t state = ~crc;
  if (const std::size_t odd = size & 7; odd != 0) {
    const std::uint64_t first = crc32c_take<std::uint64_t, Copy>(to, from, 0) ^ state;
    state = crc32c_step(0, first << (64 - 8 * odd)) ^ (state >> (8 * odd));
    from += odd;
    if constexpr (Copy) to += odd;
  }
  const std::size_t words = size / 8;
  if (words >= block_from) return crc32c_blocks<Copy, block, block_from>(state, to, from, words);
  if (words >= crc32c_three_streams_from) {
    Crc32cStreams<Copy> streams{to, from, words};
    state = streams.finish(crc32c_moved(state, crc32c_folds.at[words]));
  } else {
    for (std::size_t at = 0; at != words * 8; at += 8) {
      state = crc32c_step(state, crc32c_take<std::uint64_t, Copy>(to, from, at));
    }
  }
  return ~static_cast<std::uint32_t>(state);
}

template <bool Copy>
inline constexpr auto crc32c_pclmul = crc32c_streams<Copy, crc32c_block_pclmul<Copy>, Crc32cFolds::max_words + 1>;

/// `state` after `bytes` zero bytes.
REWAL_CRC_PCLMUL inline std::uint32_t crc32c_shift_pclmul(std::uint32_t state, std::uint64_t bytes) noexcept {
  for (std::size_t place = 0; bytes != 0; ++place, bytes >>= 4) {
    state = static_cast<std::uint32_t>(crc32c_step(0, crc32c_moved(state, crc32c_shifts.at[place][bytes & 15])));
  }
  return state;
}

}  // namespace rewal::detail

#endif  // REWAL_X86_64

#endif  // REWAL_CODEC_CRC32C_X86_HPP
