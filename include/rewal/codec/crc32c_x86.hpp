// SPDX-License-Identifier: MIT
//
// CRC-32C kernels for x86-64: the crc32 instruction alone, three streams of it, and streams beside wide folding.
// Pure functions of their arguments, so any thread may call them; call one only where `x86_features` allows it.
// The choice among them is left to crc32c.hpp, the constants to crc32c_math.hpp.
//
// crc32 takes three cycles but a new one can start in each, so one stream of it waits two cycles out of three. Three
// streams over three parts of the input fill them, and the carry-less multiplier, which is idle meanwhile, folds a
// fourth part in vectors. What the parts left behind is moved to the end by one multiplication each and xored into
// the last word before its crc32. The state that came in joins there too, so no part waits for it.
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
#define REWAL_CRC_STEP8(state, word) __builtin_ia32_crc32di(state, word)
#define REWAL_CRC_STEP4(state, word) __builtin_ia32_crc32si(state, word)
#define REWAL_CRC_STEP2(state, word) __builtin_ia32_crc32hi(state, word)
#define REWAL_CRC_STEP1(state, word) __builtin_ia32_crc32qi(state, word)
#else
#include <intrin.h>
#define REWAL_CRC_TARGET(features)
#define REWAL_CRC_STEP8(state, word) _mm_crc32_u64(state, word)
#define REWAL_CRC_STEP4(state, word) _mm_crc32_u32(state, word)
#define REWAL_CRC_STEP2(state, word) _mm_crc32_u16(state, word)
#define REWAL_CRC_STEP1(state, word) _mm_crc32_u8(state, word)
#endif

#if defined(__clang__)
#define REWAL_CLMUL256 __builtin_ia32_pclmulqdq256
#define REWAL_CLMUL512 __builtin_ia32_pclmulqdq512
#else
#define REWAL_CLMUL256 __builtin_ia32_vpclmulqdq_v4di
#define REWAL_CLMUL512 __builtin_ia32_vpclmulqdq_v8di
#endif

#define REWAL_CRC_SSE42 REWAL_CRC_TARGET("sse4.2")
#define REWAL_CRC_PCLMUL REWAL_CRC_TARGET("sse4.2,pclmul")
#define REWAL_CRC_AVX2 REWAL_CRC_TARGET("sse4.2,pclmul,avx2,vpclmulqdq")
#define REWAL_CRC_AVX512 REWAL_CRC_TARGET("sse4.2,pclmul,avx2,vpclmulqdq,avx512f")

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
  std::uint64_t wide = ~crc;
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) wide = REWAL_CRC_STEP8(wide, (crc32c_take<std::uint64_t, Copy>(to, from, at)));
  std::uint32_t state = static_cast<std::uint32_t>(wide);
  if ((size & 4) != 0) {
    state = REWAL_CRC_STEP4(state, (crc32c_take<std::uint32_t, Copy>(to, from, at)));
    at += 4;
  }
  if ((size & 2) != 0) {
    state = REWAL_CRC_STEP2(state, (crc32c_take<std::uint16_t, Copy>(to, from, at)));
    at += 2;
  }
  if ((size & 1) != 0) state = REWAL_CRC_STEP1(state, (crc32c_take<std::uint8_t, Copy>(to, from, at)));
  return ~state;
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

/// Three streams side by side: `rounds` words for the first, as many for the second, the rest for the third.
/// The third is longer by two to four words, which hide the multiplications that bring the others to the end.
template <bool Copy>
struct Crc32cStreams {
  std::byte* const to;
  const std::byte* const from;
  const std::size_t words;
  const std::size_t part = std::size_t{static_cast<std::uint32_t>(words - 2) / 3} * 8;  // bytes of the first, the second
  std::size_t at = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;

  REWAL_CRC_SSE42 REWAL_INLINE void round() noexcept {
    a = REWAL_CRC_STEP8(a, (crc32c_take<std::uint64_t, Copy>(to, from, at)));
    b = REWAL_CRC_STEP8(b, (crc32c_take<std::uint64_t, Copy>(to, from, part + at)));
    c = REWAL_CRC_STEP8(c, (crc32c_take<std::uint64_t, Copy>(to, from, 2 * part + at)));
    at += 8;
  }

  /// All rounds that are left, and the state after all words; `moved` is what else has to be folded in.
  REWAL_CRC_PCLMUL REWAL_INLINE std::uint64_t finish(std::uint64_t moved) noexcept {
    while (at != part) round();
    const std::size_t last = words * 8 - 8;
    for (at = 3 * part; at != last; at += 8) {
      c = REWAL_CRC_STEP8(c, (crc32c_take<std::uint64_t, Copy>(to, from, at)));
    }
    moved ^= crc32c_moved(a, crc32c_folds.at[words - part / 8]);
    moved ^= crc32c_moved(b, crc32c_folds.at[words - part / 4]);
    return REWAL_CRC_STEP8(c, (moved ^ crc32c_take<std::uint64_t, Copy>(to, from, last)));
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

#if REWAL_GNU

/// Factors that move one 128-bit lane of a vector by `Bits`, for its lower and its upper half.
template <std::uint64_t Bits>
inline constexpr long long crc32c_low_by = crc32c_product(crc32c_power(Bits + 64), crc32c_power_minus_33());
template <std::uint64_t Bits>
inline constexpr long long crc32c_high_by = crc32c_product(crc32c_power(Bits), crc32c_power_minus_33());

using Crc32cVector256 = long long __attribute__((vector_size(32)));
using Crc32cVector512 = long long __attribute__((vector_size(64)));

/// The vector at `from[at]`, also stored at `to[at]` if `Copy`.
template <bool Copy>
REWAL_CRC_AVX2 REWAL_INLINE Crc32cVector256 crc32c_take256(std::byte* to, const std::byte* from,
                                                           std::size_t at) noexcept {
  Crc32cVector256 value;
  std::memcpy(&value, from + at, sizeof value);
  if constexpr (Copy) std::memcpy(to + at, &value, sizeof value);
  return value;
}

template <bool Copy>
REWAL_CRC_AVX512 REWAL_INLINE Crc32cVector512 crc32c_take512(std::byte* to, const std::byte* from,
                                                             std::size_t at) noexcept {
  Crc32cVector512 value;
  std::memcpy(&value, from + at, sizeof value);
  if constexpr (Copy) std::memcpy(to + at, &value, sizeof value);
  return value;
}

/// Each 128-bit lane moved as far as its factors say.
REWAL_CRC_AVX2 REWAL_INLINE Crc32cVector256 crc32c_moved256(Crc32cVector256 lanes, Crc32cVector256 by) noexcept {
  return REWAL_CLMUL256(lanes, by, 0x00) ^ REWAL_CLMUL256(lanes, by, 0x11);
}

REWAL_CRC_AVX512 REWAL_INLINE Crc32cVector512 crc32c_moved512(Crc32cVector512 lanes, Crc32cVector512 by) noexcept {
  return REWAL_CLMUL512(lanes, by, 0x00) ^ REWAL_CLMUL512(lanes, by, 0x11);
}

#define REWAL_LANE(bits) crc32c_low_by<bits>, crc32c_high_by<bits>

/// Vectors over the front of the block, three streams over the rest, both in one loop. A step is two vectors (8 words,
/// 8 cycles of the multiplier) and three rounds of the streams (9 words, 9 cycles); a copy takes longer to store
/// than to fold, so there a fourth round is free. The streams get two words more each, to go on while the vectors fold.
template <bool Copy>
REWAL_CRC_AVX2 std::uint64_t crc32c_block_avx2(std::uint64_t state, std::byte* to, const std::byte* from,
                                               std::size_t words) noexcept {
  constexpr Crc32cVector256 step{REWAL_LANE(512), REWAL_LANE(512)};
  constexpr Crc32cVector256 v_end{REWAL_LANE(384), REWAL_LANE(256)}, w_end{REWAL_LANE(128), REWAL_LANE(0)};
  const std::size_t steps = static_cast<std::uint32_t>(words - 2 - 6) / (Copy ? 20 : 17);
  const std::size_t wide = steps * 64, rest = words - steps * 8;
  Crc32cStreams<Copy> streams{Copy ? to + wide : to, from + wide, rest};
  Crc32cVector256 v = crc32c_take256<Copy>(to, from, 0);
  Crc32cVector256 w = crc32c_take256<Copy>(to, from, 32);
  for (std::size_t at = 64; at != wide; at += 64) {
    v = crc32c_moved256(v, step) ^ crc32c_take256<Copy>(to, from, at);
    w = crc32c_moved256(w, step) ^ crc32c_take256<Copy>(to, from, at + 32);
    streams.round();
    streams.round();
    streams.round();
    if constexpr (Copy) streams.round();
  }
  v = crc32c_moved256(v, v_end) ^ crc32c_moved256(w, w_end);
  const std::uint64_t low = static_cast<std::uint64_t>(v[0] ^ v[2]);
  const std::uint64_t high = static_cast<std::uint64_t>(v[1] ^ v[3]);
  const std::uint64_t front = REWAL_CRC_STEP8(REWAL_CRC_STEP8(0, low), high);
  return streams.finish(crc32c_moved(state, crc32c_folds.at[words]) ^ crc32c_moved(front, crc32c_folds.at[rest]));
}

/// The same with vectors twice as wide: 16 words a step.
template <bool Copy>
REWAL_CRC_AVX512 std::uint64_t crc32c_block_avx512(std::uint64_t state, std::byte* to, const std::byte* from,
                                                   std::size_t words) noexcept {
  constexpr Crc32cVector512 step{REWAL_LANE(1024), REWAL_LANE(1024), REWAL_LANE(1024), REWAL_LANE(1024)};
  constexpr Crc32cVector512 v_end{REWAL_LANE(896), REWAL_LANE(768), REWAL_LANE(640), REWAL_LANE(512)};
  constexpr Crc32cVector512 w_end{REWAL_LANE(384), REWAL_LANE(256), REWAL_LANE(128), REWAL_LANE(0)};
  const std::size_t steps = static_cast<std::uint32_t>(words - 2 - 6) / 25;
  const std::size_t wide = steps * 128, rest = words - steps * 16;
  Crc32cStreams<Copy> streams{Copy ? to + wide : to, from + wide, rest};
  Crc32cVector512 v = crc32c_take512<Copy>(to, from, 0);
  Crc32cVector512 w = crc32c_take512<Copy>(to, from, 64);
  for (std::size_t at = 128; at != wide; at += 128) {
    v = crc32c_moved512(v, step) ^ crc32c_take512<Copy>(to, from, at);
    w = crc32c_moved512(w, step) ^ crc32c_take512<Copy>(to, from, at + 64);
    streams.round();
    streams.round();
    streams.round();
  }
  v = crc32c_moved512(v, v_end) ^ crc32c_moved512(w, w_end);
  const std::uint64_t low = static_cast<std::uint64_t>(v[0] ^ v[2] ^ v[4] ^ v[6]);
  const std::uint64_t high = static_cast<std::uint64_t>(v[1] ^ v[3] ^ v[5] ^ v[7]);
  const std::uint64_t front = REWAL_CRC_STEP8(REWAL_CRC_STEP8(0, low), high);
  return streams.finish(crc32c_moved(state, crc32c_folds.at[words]) ^ crc32c_moved(front, crc32c_folds.at[rest]));
}

#undef REWAL_LANE

#endif  // REWAL_GNU

// From how many words on each way pays, where it is a loss or a gain in time to the result and in time between results.
// Cycles of a Zen 4 at 3.6 GHz, g++ 12 -O2, read: 96 B 42 and 19 in one stream, 34 and 25 in three; 304 B 67 and 53
// in three, 61 and 61 beside AVX2; 512 B 84 and 75 in three, 80 and 79 beside AVX2, 73 and 69 beside AVX-512. Copies
// are bound by their stores and gain later: 1 KiB 138 in three, 144 beside AVX2; 640 B 91 in three, 90 beside AVX-512.
inline constexpr std::size_t crc32c_three_streams_from = 12;
template <bool Copy>
inline constexpr std::size_t crc32c_avx2_from = Copy ? 160 : 48;
template <bool Copy>
inline constexpr std::size_t crc32c_avx512_from = Copy ? 80 : 48;

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

/// The entry of all kernels with streams, written for short inputs. Lengths that are no multiple of eight shed the odd bytes at the front,
/// all at once: shifted to the end of a word of zeros, which leave a state of 0 alone.
template <bool Copy, Crc32cBlock block, std::size_t block_from>
REWAL_CRC_PCLMUL std::uint32_t crc32c_streams(std::uint32_t crc, std::byte* to, const std::byte* from,
                                              std::size_t size) noexcept {
  if (size < 8) return crc32c_sse42<Copy>(crc, to, from, size);
  std::uint64_t state = ~crc;
  if (const std::size_t odd = size & 7; odd != 0) {
    const std::uint64_t first = crc32c_take<std::uint64_t, Copy>(to, from, 0) ^ state;
    state = REWAL_CRC_STEP8(0, first << (64 - 8 * odd)) ^ (state >> (8 * odd));
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
      state = REWAL_CRC_STEP8(state, (crc32c_take<std::uint64_t, Copy>(to, from, at)));
    }
  }
  return ~static_cast<std::uint32_t>(state);
}

template <bool Copy>
inline constexpr auto crc32c_pclmul = crc32c_streams<Copy, crc32c_block_pclmul<Copy>, Crc32cFolds::max_words + 1>;
#if REWAL_GNU
template <bool Copy>
inline constexpr auto crc32c_avx2 = crc32c_streams<Copy, crc32c_block_avx2<Copy>, crc32c_avx2_from<Copy>>;
template <bool Copy>
inline constexpr auto crc32c_avx512 = crc32c_streams<Copy, crc32c_block_avx512<Copy>, crc32c_avx512_from<Copy>>;
#endif

/// `state` after `bytes` zero bytes.
REWAL_CRC_PCLMUL inline std::uint32_t crc32c_shift_pclmul(std::uint32_t state, std::uint64_t bytes) noexcept {
  for (std::size_t place = 0; bytes != 0; ++place, bytes >>= 4) {
    state = static_cast<std::uint32_t>(REWAL_CRC_STEP8(0, crc32c_moved(state, crc32c_shifts.at[place][bytes & 15])));
  }
  return state;
}

}  // namespace rewal::detail

#undef REWAL_CRC_TARGET
#undef REWAL_CRC_SSE42
#undef REWAL_CRC_PCLMUL
#undef REWAL_CRC_AVX2
#undef REWAL_CRC_AVX512
#undef REWAL_CRC_STEP8
#undef REWAL_CRC_STEP4
#undef REWAL_CRC_STEP2
#undef REWAL_CRC_STEP1
#undef REWAL_CLMUL256
#undef REWAL_CLMUL512

#endif  // REWAL_X86_64

#endif  // REWAL_CODEC_CRC32C_X86_HPP
