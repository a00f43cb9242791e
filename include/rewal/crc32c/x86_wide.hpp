// SPDX-License-Identifier: MIT
//
// CRC-32C kernels for x86-64 with wide registers: carry-less folding of 256- or 512-bit vectors beside three streams.
// Pure functions of their arguments, so any thread may call them; call one only where `x86_features` allows it.
// Short inputs, and the streams themselves, are left to crc32c_streams.hpp.
//
// crc32 and the multiplier are different units of the processor, so a loop that keeps both busy adds their speeds:
// 8 bytes a cycle from the streams and, on Zen 3 and 4, 8 from 256-bit or 16 from 512-bit vectors.

#ifndef REWAL_CRC32C_X86_WIDE_HPP
#define REWAL_CRC32C_X86_WIDE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <rewal/crc32c/math.hpp>
#include <rewal/crc32c/streams.hpp>
#include <rewal/crc32c/x86.hpp>
#include <rewal/platform.hpp>

// g++ for Windows aligns the stack to 16 bytes only and then spills wide registers with aligned stores (its bug 54412).
#if REWAL_X86_64 && REWAL_GNU && (!REWAL_WINDOWS || defined(__clang__))
#define REWAL_CRC_WIDE 1
#else
#define REWAL_CRC_WIDE 0
#endif

#if REWAL_CRC_WIDE

#define REWAL_CRC_AVX2 REWAL_CRC_TARGET("sse4.2,pclmul,avx2,vpclmulqdq")
#define REWAL_CRC_AVX512 REWAL_CRC_TARGET("sse4.2,pclmul,avx2,vpclmulqdq,avx512f")

#if defined(__clang__)
#define REWAL_CRC_CLMUL256 __builtin_ia32_pclmulqdq256
#define REWAL_CRC_CLMUL512 __builtin_ia32_pclmulqdq512
#else
#define REWAL_CRC_CLMUL256 __builtin_ia32_vpclmulqdq_v4di
#define REWAL_CRC_CLMUL512 __builtin_ia32_vpclmulqdq_v8di
#endif

namespace rewal::detail {

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
  return REWAL_CRC_CLMUL256(lanes, by, 0x00) ^ REWAL_CRC_CLMUL256(lanes, by, 0x11);
}

REWAL_CRC_AVX512 REWAL_INLINE Crc32cVector512 crc32c_moved512(Crc32cVector512 lanes, Crc32cVector512 by) noexcept {
  return REWAL_CRC_CLMUL512(lanes, by, 0x00) ^ REWAL_CRC_CLMUL512(lanes, by, 0x11);
}

/// Factors that move one 128-bit lane of a vector by `bits`, for its lower and its upper half.
#define REWAL_CRC_BY(bits) crc32c_fold((bits) / 64 + 1), crc32c_fold((bits) / 64)

/// Vectors over the front of the block, three streams over the rest, both in one loop. A step is two vectors (8 words,
/// 8 cycles of the multiplier) and three rounds of the streams (9 words, 9 cycles); a copy takes longer to store
/// than to fold, so there a fourth round is free. Eight words stay
/// out of the steps: two that the third stream has of its own, and two for each to go on while the vectors fold.
template <bool Copy>
REWAL_CRC_AVX2 std::uint64_t crc32c_block_avx2(std::uint64_t state, std::byte* to, const std::byte* from,
                                               std::size_t words) noexcept {
  const Crc32cVector256 step{REWAL_CRC_BY(512), REWAL_CRC_BY(512)};
  const Crc32cVector256 v_end{REWAL_CRC_BY(384), REWAL_CRC_BY(256)};
  const Crc32cVector256 w_end{REWAL_CRC_BY(128), REWAL_CRC_BY(0)};
  const std::size_t steps = static_cast<std::uint32_t>(words - 8) / (Copy ? 20 : 17);
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
  const std::uint64_t front = crc32c_step(crc32c_step(0, low), high);
  return streams.finish(crc32c_moved(state, crc32c_fold(words)) ^ crc32c_moved(front, crc32c_fold(rest)));
}

/// The same with vectors twice as wide: 16 words a step.
template <bool Copy>
REWAL_CRC_AVX512 std::uint64_t crc32c_block_avx512(std::uint64_t state, std::byte* to, const std::byte* from,
                                                   std::size_t words) noexcept {
  const Crc32cVector512 step{REWAL_CRC_BY(1024), REWAL_CRC_BY(1024), REWAL_CRC_BY(1024), REWAL_CRC_BY(1024)};
  const Crc32cVector512 v_end{REWAL_CRC_BY(896), REWAL_CRC_BY(768), REWAL_CRC_BY(640), REWAL_CRC_BY(512)};
  const Crc32cVector512 w_end{REWAL_CRC_BY(384), REWAL_CRC_BY(256), REWAL_CRC_BY(128), REWAL_CRC_BY(0)};
  const std::size_t steps = static_cast<std::uint32_t>(words - 8) / 25;
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
  const std::uint64_t front = crc32c_step(crc32c_step(0, low), high);
  return streams.finish(crc32c_moved(state, crc32c_fold(words)) ^ crc32c_moved(front, crc32c_fold(rest)));
}

/// From how many words on each pays. On a Zen 4, g++ 12 -O2, cycles to the result and between results in a row: 304
/// bytes 67 and 53 in three streams, 61 and 61 beside AVX2; 512 bytes 84 and 75 in three, 80 and 79 beside AVX2,
/// 73 and 69 beside AVX-512. Copies wait for their stores and gain later: 1 KiB 138 cycles in three, 144 beside AVX2;
/// 640 bytes 91 in three, 90 beside AVX-512.
template <bool Copy>
inline constexpr std::size_t crc32c_avx2_from = Copy ? 160 : 48;
template <bool Copy>
inline constexpr std::size_t crc32c_avx512_from = Copy ? 80 : 48;

/// A locked instruction that follows waits for all stores. So a copy that is not long is made beside the checksum, in a
/// quarter as many. On a Zen 5, g++ 12, a swap, a frame and its mark: 64 bytes of payload 8.3 ns, 9.0 with the copy
/// inside the checksum; 128 bytes 10.7 and 11.0; 256 bytes 12.1 and 12.9; 384 bytes 17.1 and 16.0.
inline constexpr std::size_t crc32c_copied_beside = 320;

template <Crc32cBlock copying, std::size_t copying_from, Crc32cBlock reading, std::size_t reading_from>
REWAL_CRC_AVX2 std::uint32_t crc32c_prefixed_copy_wide(const Crc32cPrefix& prefix, std::byte* to, const std::byte* from,
                                                       std::size_t size) noexcept {
  constexpr std::size_t width = sizeof(Crc32cVector256);
  if (size < width || size > crc32c_copied_beside) {
    return crc32c_prefixed_copy_by_length<copying, copying_from>(prefix, to, from, size);
  }
  prefix.store(to);
  to += Crc32cPrefix::bytes;
  for (std::size_t at = 0; at < size - width; at += width) static_cast<void>(crc32c_take256<true>(to, from, at));
  static_cast<void>(crc32c_take256<true>(to, from, size - width));  // over what the last one has copied
  return crc32c_by_length<false, reading, reading_from>(crc32c_of_prefix(prefix), nullptr, from, size);
}

}  // namespace rewal::detail

#undef REWAL_CRC_AVX2
#undef REWAL_CRC_AVX512
#undef REWAL_CRC_CLMUL256
#undef REWAL_CRC_CLMUL512
#undef REWAL_CRC_BY

#endif  // REWAL_CRC_WIDE

#endif  // REWAL_CRC32C_X86_WIDE_HPP
