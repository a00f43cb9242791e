// SPDX-License-Identifier: MIT
//
// The file format, EWAL version 2: layout, limits, and what makes a frame valid.
// Pure functions over bytes; no threads, no files, no allocation.
// What a bad frame means for the log is left to recovery and the readers.
//
// LAYOUT. Frames lie back to back from offset 0; nothing stands before, between or after them. All integers are
// little-endian, nothing is aligned.
//
//   offset  bytes  field
//        0      4  magic, the letters E W A L
//        4      2  version, 2
//        6      2  flags: bit 0 = the records region is compressed
//                         bit 1 = everything before this frame had been fsynced when it was written
//                         all others are 0
//        8      4  record count, at least 1
//       12      8  LSN of the first record; record i has first + i
//       20      4  frame size in bytes, header and trailer included
//       24      n  records region
//     24+n      4  CRC-32C (Castagnoli) of bytes 0 .. 24+n-1, of the compressed bytes where compressed
//
// The records region, once decompressed, is a sequence of exactly `count` records:
//
//        0      4  payload length p
//        4      2  meta length m; 0 reads back as "no meta"
//        6      m  meta
//      6+m      p  payload
//
// EXAMPLE. The frame of one event, LSN 1, payload "hi", no meta, 36 bytes:
//
//   45 57 41 4c  02 00  00 00  01 00 00 00  01 00 00 00 00 00 00 00  24 00 00 00
//   02 00 00 00  00 00  68 69  a2 33 e8 3d
//
// VALID. A frame is valid if and only if, in this order:
//   1. 28 bytes are there, the magic is right, and 28 <= size <= the bytes there are;
//   2. the CRC matches;
//   3. the version is 2 and no unknown flag is set;
//   4. count >= 1, first LSN >= 1, first LSN + count - 1 <= 2^64 - 2;
//   5. uncompressed: its records fill the region exactly.
// 1 and 2 fail for torn or damaged bytes. 3 fails for a frame of another version of the format. 4 and 5 fail for a
// frame that a faulty writer made.
//
// WRITER'S RULE. Strict: LSNs ascend without gaps, meta holds at most 65,535 bytes, a frame less than 4 GiB, a frame
// that compression does not shrink is stored uncompressed. Bit 1 is set on the first frame written after each fsync,
// never at offset 0.
// READER'S RULE. Tolerant: LSNs may jump or go back between frames, bit 1 may stand anywhere. Zeros from the end of
// the last frame to the end of the file are preallocated space.
//
// DOWNSIDES. The size is believed only after the CRC, so a damaged size field hides where the next frame begins;
// finding one again takes a search for the magic. There is no file header: an empty log and an empty file are one.

#ifndef REWAL_FORMAT_FORMAT_HPP
#define REWAL_FORMAT_FORMAT_HPP

#include <cstddef>
#include <cstdint>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>

namespace rewal::detail::format {

inline constexpr std::uint32_t magic = 0x4C415745;  // "EWAL", little-endian
inline constexpr std::uint16_t version = 2;
inline constexpr std::uint16_t flag_compressed = 1;
inline constexpr std::uint16_t flag_synced_before = 2;
inline constexpr std::uint16_t known_flags = flag_compressed | flag_synced_before;

inline constexpr std::size_t magic_at = 0;
inline constexpr std::size_t version_at = magic_at + 4;
inline constexpr std::size_t flags_at = version_at + 2;
inline constexpr std::size_t count_at = flags_at + 2;
inline constexpr std::size_t first_lsn_at = count_at + 4;
inline constexpr std::size_t size_at = first_lsn_at + 8;
inline constexpr std::size_t header_bytes = size_at + 4;
inline constexpr std::size_t trailer_bytes = 4;
inline constexpr std::size_t frame_overhead = header_bytes + trailer_bytes;
static_assert(header_bytes == 24 && frame_overhead == 28);

inline constexpr std::size_t payload_length_at = 0;
inline constexpr std::size_t meta_length_at = payload_length_at + 4;
inline constexpr std::size_t record_header_bytes = meta_length_at + 2;
static_assert(record_header_bytes == 6);

inline constexpr std::size_t min_frame_bytes = frame_overhead + record_header_bytes;
inline constexpr std::uint64_t max_frame_bytes = 0xFFFF'FFFF;
inline constexpr std::size_t max_meta_bytes = 0xFFFF;

/// The fields of a frame's header, as they stand there.
struct Header {
  std::uint32_t magic = format::magic;
  std::uint16_t version = format::version;
  std::uint16_t flags = 0;
  std::uint32_t count = 0;
  Lsn first_lsn = 0;
  std::uint32_t size = 0;

  [[nodiscard]] constexpr bool compressed() const noexcept { return (flags & flag_compressed) != 0; }
  [[nodiscard]] constexpr bool synced_before() const noexcept { return (flags & flag_synced_before) != 0; }
  [[nodiscard]] constexpr Lsn last_lsn() const noexcept { return first_lsn + (count - 1); }
  [[nodiscard]] constexpr std::size_t region_bytes() const noexcept { return size - frame_overhead; }
};

[[nodiscard]] inline Header load_header(const std::byte* frame) noexcept {
  return {load_le<std::uint32_t>(frame + magic_at),     load_le<std::uint16_t>(frame + version_at),
          load_le<std::uint16_t>(frame + flags_at),     load_le<std::uint32_t>(frame + count_at),
          load_le<std::uint64_t>(frame + first_lsn_at), load_le<std::uint32_t>(frame + size_at)};
}

/// A header's 24 bytes as three little-endian words.
struct HeaderWords {
  std::uint64_t first, second, third;
};

[[nodiscard]] inline HeaderWords header_words(const Header& header) noexcept {
  static_assert(magic_at == 0 && version_at == 4 && flags_at == 6 && count_at == 8 && first_lsn_at == 12 &&
                size_at == 20);
  return {std::uint64_t{header.magic} | std::uint64_t{header.version} << 32 | std::uint64_t{header.flags} << 48,
          std::uint64_t{header.count} | header.first_lsn << 32,
          header.first_lsn >> 32 | std::uint64_t{header.size} << 32};
}

/// In whole words: what follows reads them back in words, and a load that spans two stores waits for both.
inline void store_header(std::byte* frame, const Header& header) noexcept {
  const HeaderWords words = header_words(header);
  store_le(frame, words.first);
  store_le(frame + 8, words.second);
  store_le(frame + 16, words.third);
}

/// What stands at some place in the file, by the rules above.
enum class Validity : std::uint8_t {
  valid,
  torn,       ///< rule 1: no whole frame begins here
  bad_crc,    ///< rule 2
  unknown,    ///< rule 3: right CRC, another version of the format
  malformed,  ///< rules 4 and 5: right CRC, impossible content
};

struct Checked {
  Validity validity = Validity::torn;
  Header header;  ///< as it stands, whatever the validity; zeros where no 24 bytes are left
};

/// Rule 1, from the header alone.
[[nodiscard]] inline bool plausible(const Header& header, std::uint64_t available) noexcept {
  return header.magic == magic && header.size >= frame_overhead && header.size <= available;
}

/// Rules 3 and 4, from the header alone.
[[nodiscard]] inline Validity check_fields(const Header& header) noexcept {
  if (header.version != version || (header.flags & ~known_flags) != 0) return Validity::unknown;
  const bool lsn_fits = header.first_lsn >= 1 && header.first_lsn <= max_lsn;
  if (header.count == 0 || !lsn_fits || header.count - 1 > max_lsn - header.first_lsn) return Validity::malformed;
  return Validity::valid;
}

/// Rule 5: whether `region` is exactly `count` records. Reserves nothing and looks at nothing past the region.
[[nodiscard]] inline bool holds_records(Bytes region, std::uint32_t count) noexcept {
  const std::byte* at = region.data();
  std::size_t left = region.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (left < record_header_bytes) return false;
    const std::uint64_t content =
        std::uint64_t{load_le<std::uint32_t>(at + payload_length_at)} + load_le<std::uint16_t>(at + meta_length_at);
    left -= record_header_bytes;
    if (content > left) return false;
    at += record_header_bytes + static_cast<std::size_t>(content);
    left -= static_cast<std::size_t>(content);
  }
  return left == 0;
}

[[nodiscard]] inline Bytes region_of(const std::byte* frame, const Header& header) noexcept {
  return {frame + header_bytes, header.region_bytes()};
}

/// All five rules for the frame at the start of `bytes`.
template <class = void>
[[nodiscard]] REWAL_INLINE Checked check_frame(Bytes bytes) noexcept {
  Checked checked;
  if (bytes.size() < header_bytes) {
    checked.header.magic = 0;
    return checked;
  }
  checked.header = load_header(bytes.data());
  const Header& header = checked.header;
  if (!plausible(header, bytes.size())) return checked;
  const std::size_t covered = header.size - trailer_bytes;
  if (crc32c(0, bytes.data(), covered) != load_le<std::uint32_t>(bytes.data() + covered)) {
    checked.validity = Validity::bad_crc;
    return checked;
  }
  checked.validity = check_fields(header);
  if (checked.validity == Validity::valid && !header.compressed() &&
      !holds_records(region_of(bytes.data(), header), header.count)) {
    checked.validity = Validity::malformed;
  }
  return checked;
}

}  // namespace rewal::detail::format

#endif  // REWAL_FORMAT_FORMAT_HPP
