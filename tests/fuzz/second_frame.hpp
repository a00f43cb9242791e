// SPDX-License-Identifier: MIT
//
// A frame of an EWAL v2 file as the second judge sees it: its fields, what is wrong with it, its records. Written from
// the format's description alone; it includes nothing of the library.

#ifndef REWAL_TESTS_FUZZ_SECOND_FRAME_HPP
#define REWAL_TESTS_FUZZ_SECOND_FRAME_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "second_checksum.hpp"

namespace rewal_fuzz {

inline constexpr std::size_t header_size = 24;
inline constexpr std::size_t empty_frame_size = 28;
inline constexpr std::size_t record_header_size = 6;
inline constexpr std::uint64_t highest_lsn = 0xFFFF'FFFF'FFFF'FFFE;

inline std::uint64_t number_at(View bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

inline void put_number(Image& image, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) image[at + i] = static_cast<std::byte>(value >> (8 * i));
}

struct SecondHeader {
  bool letters = false;  // E W A L
  std::uint16_t version = 0;
  std::uint16_t flags = 0;
  std::uint32_t count = 0;
  std::uint64_t first = 0;
  std::uint64_t size = 0;

  [[nodiscard]] bool compressed() const { return flags % 2 == 1; }
  [[nodiscard]] bool synced_before() const { return flags / 2 % 2 == 1; }
  [[nodiscard]] std::uint64_t last() const { return first + count - 1; }
  [[nodiscard]] bool known() const { return version == 2 && flags < 4; }
  /// Count and LSNs are possible.
  [[nodiscard]] bool possible() const {
    return count >= 1 && first >= 1 && first <= highest_lsn && count - 1 <= highest_lsn - first;
  }
  [[nodiscard]] bool fits_in(std::size_t bytes) const { return size >= empty_frame_size && size <= bytes; }
};

/// Requires that 24 bytes are there.
inline SecondHeader header_at(View file, std::size_t at) {
  SecondHeader header;
  header.letters = number_at(file, at, 4) == 0x4C41'5745;
  header.version = static_cast<std::uint16_t>(number_at(file, at + 4, 2));
  header.flags = static_cast<std::uint16_t>(number_at(file, at + 6, 2));
  header.count = static_cast<std::uint32_t>(number_at(file, at + 8, 4));
  header.first = number_at(file, at + 12, 8);
  header.size = number_at(file, at + 20, 4);
  return header;
}

struct SecondEvent {
  std::uint64_t lsn = 0;
  std::size_t frame_at = 0;
  View meta;
  View payload;
};

/// How far `count` records go that begin at `from`: up to `end`, if they end in the file; else `end` is where they
/// would end at the least.
struct RecordsEnd {
  std::uint64_t end = 0;
  bool in_file = false;
  bool exact = false;  // no record is left whose length is unknown
};

inline RecordsEnd records_end(View file, std::size_t from, std::uint32_t count) {
  std::uint64_t at = from;
  for (std::uint64_t left = count; left > 0; --left) {
    if (file.size() - at < record_header_size) return {at + left * record_header_size, false, false};
    const auto place = static_cast<std::size_t>(at);
    at += record_header_size + number_at(file, place, 4) + number_at(file, place + 4, 2);
    if (at > file.size()) return {at + (left - 1) * record_header_size, false, left == 1};
  }
  return {at, true, true};
}

/// The records of a region, or none where it is not exactly `count` records.
inline std::optional<std::vector<SecondEvent>> records_of(View region, std::uint32_t count) {
  std::vector<SecondEvent> events;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (region.size() - at < record_header_size) return std::nullopt;
    const std::uint64_t payload = number_at(region, at, 4);
    const std::uint64_t meta = number_at(region, at + 4, 2);
    at += record_header_size;
    if (payload + meta > region.size() - at) return std::nullopt;
    events.push_back({0, 0, region.subspan(at, static_cast<std::size_t>(meta)),
                      region.subspan(at + static_cast<std::size_t>(meta), static_cast<std::size_t>(payload))});
    at += static_cast<std::size_t>(payload + meta);
  }
  if (at != region.size()) return std::nullopt;
  return events;
}

inline bool are_records(View region, std::uint32_t count) {
  const RecordsEnd found = records_end(region, 0, count);
  return found.in_file && found.end == region.size();
}

enum class Standing : std::uint8_t { whole, torn, unknown, malformed };

/// What stands at `at`. `torn` is everything without a right CRC.
inline Standing standing_at(View file, const SecondChecksums& checksums, std::size_t at) {
  const std::size_t left = file.size() - at;
  if (left < header_size) return Standing::torn;
  const SecondHeader header = header_at(file, at);
  if (!header.letters || !header.fits_in(left)) return Standing::torn;
  const auto size = static_cast<std::size_t>(header.size);
  if (checksums.of(at, at + size - 4) != number_at(file, at + size - 4, 4)) return Standing::torn;
  if (!header.known()) return Standing::unknown;
  if (!header.possible()) return Standing::malformed;
  if (header.compressed()) return Standing::whole;
  const View region = file.subspan(at + header_size, size - empty_frame_size);
  return are_records(region, header.count) ? Standing::whole : Standing::malformed;
}

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_SECOND_FRAME_HPP
