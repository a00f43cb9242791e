// SPDX-License-Identifier: MIT
//
// A mutator for targets whose input is a log file itself: after libFuzzer's own mutations it makes checksums right
// again, which no fuzzer guesses, and now and then puts in a whole frame. Only in programs linked with libFuzzer.

#ifndef REWAL_TESTS_FUZZ_RESEALING_HPP
#define REWAL_TESTS_FUZZ_RESEALING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "made_log.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace rewal_fuzz {

/// Makes all CRCs right, or only that of the n-th frame from the front.
inline void reseal_frames(Image& file, std::size_t only, bool all) {
  std::size_t number = 0;
  for (std::size_t at = 0; file.size() - at >= empty_frame_size;) {
    const SecondHeader header = header_at(file, at);
    if (!header.letters || !header.fits_in(file.size() - at)) {
      ++at;
      continue;
    }
    if (all || number++ == only) reseal(file, at, static_cast<std::size_t>(header.size));
    at += static_cast<std::size_t>(header.size);
  }
}

/// Puts a frame of one event behind the n-th frame, with the LSN that is next there.
inline void insert_frame(Image& file, std::size_t behind, std::uint32_t seed) {
  std::size_t at = 0;
  std::uint64_t next = 1;
  for (std::size_t number = 0; number <= behind && file.size() - at >= empty_frame_size; ++number) {
    const SecondHeader header = header_at(file, at);
    if (!header.letters || !header.fits_in(file.size() - at)) break;
    next = header.last() + 1;
    at += static_cast<std::size_t>(header.size);
  }
  Image region;
  append_record(region, Image(seed % 9), Image(seed / 9 % 3));
  const Image frame = made_frame(next, 1, static_cast<std::uint16_t>(seed / 27 % 4), region);
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), frame.begin(), frame.end());
}

/// Gives a field of the n-th frame, or of its first record, a value that is not there by chance.
inline void set_field(Image& file, std::size_t number, std::uint32_t seed) {
  static constexpr std::size_t places[] = {4, 6, 8, 12, 20, 24, 28};
  static constexpr std::size_t bytes[] = {2, 2, 4, 8, 4, 4, 2};
  std::size_t at = 0;
  for (; number > 0 && file.size() - at >= empty_frame_size; --number) {
    const SecondHeader header = header_at(file, at);
    if (!header.letters || !header.fits_in(file.size() - at)) break;
    at += static_cast<std::size_t>(header.size);
  }
  const std::size_t which = seed % 7;
  if (file.size() - at < places[which] + bytes[which] + 6) return;
  const std::uint64_t old = number_at(file, at + places[which], bytes[which]);
  const std::uint64_t small = seed / 56 % 8;
  const std::uint64_t values[] = {small,       small - 4, old + small, old - small,
                                  old * small, ~old,      old ^ 1,     std::uint64_t{1} << (seed / 56 % 64)};
  put_number(file, at + places[which], values[seed / 7 % 8], bytes[which]);
  // Two lengths whose sum wraps to what it was.
  if (which == 5) put_number(file, at + 28, number_at(file, at + 28, 2) + old - number_at(file, at + 24, 4), 2);
}

/// As LLVMFuzzerCustomMutator; the file begins after `prefix` bytes of the input.
inline std::size_t mutate_log(std::uint8_t* data, std::size_t size, std::size_t most, std::uint32_t seed,
                              std::size_t prefix) {
  const std::uint32_t what = seed % 8;
  seed /= 8;
  if (what > 1) size = LLVMFuzzerMutate(data, size, most);
  if (size <= prefix) return size;
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  Image file(bytes + prefix, bytes + size);
  if (what == 0) insert_frame(file, seed % 4, seed / 4);
  if (what == 1) set_field(file, seed % 4, seed / 4);
  if (what == 1 && seed / 3 % 4 != 0) reseal_frames(file, 0, true);
  if (what == 2) reseal_frames(file, seed % 6, false);
  if (what >= 3 && what <= 5) reseal_frames(file, 0, true);
  const std::size_t kept = (std::min)(file.size(), most - prefix);
  std::memcpy(data + prefix, file.data(), kept);
  return prefix + kept;
}

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_RESEALING_HPP
