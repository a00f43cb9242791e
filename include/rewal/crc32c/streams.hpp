// SPDX-License-Identifier: MIT
//
// CRC-32C kernels made of a processor's CRC instruction: one stream of it, three side by side, and the way in to them.
// Pure functions of their arguments, so any thread may call them; call one only where the processor has what it names.
// The instructions are left to the processor's own header, wider kernels to theirs, the choice to crc32c.hpp.
//
// The instruction takes two or three cycles, but a new one can start in each, so one stream of it mostly waits. Three
// streams over three parts of the input fill the gaps. What each part left behind is moved to the end by one
// carry-less multiplication and xored into the last word before its CRC. The state that came in joins there too, so
// no part waits for it, and a header's checksum overlaps with its payload's.

#ifndef REWAL_CRC32C_STREAMS_HPP
#define REWAL_CRC32C_STREAMS_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/crc32c/arm64.hpp>
#include <rewal/crc32c/math.hpp>
#include <rewal/crc32c/x86.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/platform.hpp>

#if REWAL_X86_64 || REWAL_ARM64

namespace rewal::detail {

/// The integer at `from[at]`, also stored at `to[at]` if `Copy`.
template <class T, bool Copy>
REWAL_INLINE T crc32c_take(std::byte* to, const std::byte* from, std::size_t at) noexcept {
  const T value = load_le<T>(from + at);
  if constexpr (Copy) store_le(to + at, value);
  return value;
}

/// One stream over `size` bytes, with nothing to set up or fold.
template <bool Copy>
REWAL_CRC_ONE std::uint32_t crc32c_one_stream(std::uint32_t crc, std::byte* to, const std::byte* from,
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

  REWAL_CRC_ONE REWAL_INLINE void round() noexcept {
    a = crc32c_step(a, crc32c_take<std::uint64_t, Copy>(to, from, at));
    b = crc32c_step(b, crc32c_take<std::uint64_t, Copy>(to, from, part + at));
    c = crc32c_step(c, crc32c_take<std::uint64_t, Copy>(to, from, 2 * part + at));
    at += 8;
  }

  /// All rounds that are left, and the state after all words; `moved` is what else has to be folded in.
  REWAL_CRC_FOLD REWAL_INLINE std::uint64_t finish(std::uint64_t moved) noexcept {
    while (at != part) round();
    const std::size_t last = words * 8 - 8;
    for (at = 3 * part; at != last; at += 8) {
      c = crc32c_step(c, crc32c_take<std::uint64_t, Copy>(to, from, at));
    }
    moved ^= crc32c_moved(a, crc32c_fold(words - part / 8));
    moved ^= crc32c_moved(b, crc32c_fold(words - part / 4));
    return crc32c_step(c, moved ^ crc32c_take<std::uint64_t, Copy>(to, from, last));
  }
};

/// A block is at most `Crc32cFolds::max_words` words, and every way to compute one looks like this.
using Crc32cBlock = std::uint64_t (*)(std::uint64_t state, std::byte* to, const std::byte* from,
                                      std::size_t words) noexcept;

template <bool Copy>
REWAL_CRC_FOLD std::uint64_t crc32c_block_streams(std::uint64_t state, std::byte* to, const std::byte* from,
                                                  std::size_t words) noexcept {
  Crc32cStreams<Copy> streams{to, from, words};
  return streams.finish(crc32c_moved(state, crc32c_fold(words)));
}

/// From how many words on three streams beat one. On a Zen 4, g++ 12 -O2: 80 bytes take 31 cycles to the result in
/// three and 36 in one, 96 bytes 34 and 42, 160 bytes 43 and 65; calls in a row, none of which waits for another, are
/// even somewhere between 96 and 192 bytes. Twelve words is a loss to neither by much.
inline constexpr std::size_t crc32c_three_streams_from = 12;

template <bool Copy, Crc32cBlock block, std::size_t block_from>
REWAL_CRC_FOLD std::uint32_t crc32c_by_length(std::uint32_t crc, std::byte* to, const std::byte* from,
                                              std::size_t size) noexcept;

/// `block_from` words or more, in blocks as long as the constants reach; shorter ends go back to `crc32c_by_length`.
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
  return crc32c_by_length<Copy, block, block_from>(~static_cast<std::uint32_t>(state), to, from, words * 8);
}

/// The entry of all kernels with streams, written for short inputs. Lengths that are no multiple of eight shed the odd
/// bytes at the front, all at once: shifted to the end of a word of zeros, which leave a state of 0 alone.
template <bool Copy, Crc32cBlock block, std::size_t block_from>
REWAL_CRC_FOLD std::uint32_t crc32c_by_length(std::uint32_t crc, std::byte* to, const std::byte* from,
                                              std::size_t size) noexcept {
  if (size < 8) return crc32c_one_stream<Copy>(crc, to, from, size);
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
    state = streams.finish(crc32c_moved(state, crc32c_fold(words)));
  } else {
    for (std::size_t at = 0; at != words * 8; at += 8) {
      state = crc32c_step(state, crc32c_take<std::uint64_t, Copy>(to, from, at));
    }
  }
  return ~static_cast<std::uint32_t>(state);
}

/// The checksum of the prefix takes four steps; those of what follows do not wait for them.
REWAL_CRC_ONE REWAL_INLINE std::uint32_t crc32c_of_prefix(const Crc32cPrefix& prefix) noexcept {
  std::uint64_t state = crc32c_step(0xffffffff, prefix.first);
  state = crc32c_step(state, prefix.second);
  state = crc32c_step(state, prefix.third);
  state = crc32c_step(0, (prefix.six ^ state) << 16);
  return ~static_cast<std::uint32_t>(state);
}

template <Crc32cBlock block, std::size_t block_from>
REWAL_CRC_FOLD std::uint32_t crc32c_prefixed_copy_by_length(const Crc32cPrefix& prefix, std::byte* to,
                                                            const std::byte* from, std::size_t size) noexcept {
  prefix.store(to);
  return crc32c_by_length<true, block, block_from>(crc32c_of_prefix(prefix), to + Crc32cPrefix::bytes, from, size);
}

/// The `block_from` of a kernel that has the three streams alone.
inline constexpr std::size_t crc32c_no_blocks = Crc32cFolds::max_words + 1;

/// `state` after `bytes` zero bytes.
template <class T = void>
REWAL_CRC_FOLD std::uint32_t crc32c_shift_fold(std::uint32_t state, std::uint64_t bytes) noexcept {
  for (std::size_t place = 0; bytes != 0; ++place, bytes >>= 4) {
    state = static_cast<std::uint32_t>(crc32c_step(0, crc32c_moved(state, crc32c_shifts<T>.at[place][bytes & 15])));
  }
  return state;
}

}  // namespace rewal::detail

#endif  // REWAL_X86_64 || REWAL_ARM64

#endif  // REWAL_CRC32C_STREAMS_HPP
