// SPDX-License-Identifier: MIT
//
// What the file of a cursor holds, and what its bytes mean when it is opened.
// Pure functions over bytes; no threads, no files, no allocation.
// When slots are written and fsynced is left to cursor.hpp.
//
// LAYOUT. The file is 8192 bytes long from its creation on, so that no commit changes its size. It holds two slots, at
// offsets 0 and 4096: a drive that rewrites whole blocks of 4096 bytes to change one byte still touches one slot only.
// The commit of sequence number s stands in slot s mod 2. All other bytes are 0. A slot, little-endian:
//
//   offset  bytes  field
//        0      8  magic, the letters r e w a l c u r
//        8      4  version, 1
//       12      4  zero
//       16      8  sequence number s
//       24      8  LSN
//       32      4  CRC-32C of bytes 0 .. 31
//
// A new file holds LSN 0 in both slots, with the sequence numbers 0 and 1: always the same 8192 bytes.
//
// CRASHES. A crash may leave of each write any part, torn at any byte.
//   - Of the creation it leaves a file that is not longer than 8192 bytes and in which each byte is 0 or that of a new
//     file. No commit can have been there: creation is fsynced before the first one. Such a file is new.
//   - Of a commit it leaves one slot old, new or torn. A torn slot has a wrong CRC, or is as it was. The other slot is
//     not written to, and it holds the value before: it was fsynced before this commit began.
// So whatever a crash leaves is new, or has a valid slot. Of two valid slots the one with the higher number is meant.
// Everything else is damage, or no cursor at all: MEANING, first match.
//
//   1. every byte could be left by a creation     new
//   2. neither slot begins with the magic         foreign
//   3. another length than 8192                   damaged
//   4. a valid slot of another version            unknown
//   5. a valid slot                               value: that with the higher number
//   6. else                                       damaged

#ifndef REWAL_FORMAT_CURSOR_IMAGE_HPP
#define REWAL_FORMAT_CURSOR_IMAGE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/lsn.hpp>

namespace rewal::detail {

/// One commit, as it stands in its slot.
struct CursorSlot {
  static constexpr std::uint64_t magic = 0x7275636C61776572;  // "rewalcur", little-endian
  static constexpr std::uint32_t known_version = 1;

  static constexpr std::size_t version_at = 8;
  static constexpr std::size_t zero_at = version_at + 4;
  static constexpr std::size_t sequence_at = zero_at + 4;
  static constexpr std::size_t lsn_at = sequence_at + 8;
  static constexpr std::size_t crc_at = lsn_at + 8;
  static constexpr std::size_t bytes = crc_at + 4;
  static_assert(bytes == 36);

  std::uint64_t sequence = 0;
  Lsn lsn = 0;
  std::uint32_t version = known_version;

  template <class = void>
  void store(std::byte* to) const noexcept {
    store_le(to, magic);
    store_le(to + version_at, version);
    store_le(to + zero_at, std::uint32_t{0});
    store_le(to + sequence_at, sequence);
    store_le(to + lsn_at, lsn);
    store_le(to + crc_at, crc32c(0, to, crc_at));
  }

  /// None if the bytes are not a whole slot.
  template <class = void>
  [[nodiscard]] static std::optional<CursorSlot> load(const std::byte* from) noexcept {
    if (!has_magic(from) || load_le<std::uint32_t>(from + crc_at) != crc32c(0, from, crc_at)) return std::nullopt;
    return CursorSlot{load_le<std::uint64_t>(from + sequence_at), load_le<std::uint64_t>(from + lsn_at),
                      load_le<std::uint32_t>(from + version_at)};
  }

  [[nodiscard]] static bool has_magic(const std::byte* from) noexcept { return load_le<std::uint64_t>(from) == magic; }
};

/// The whole file.
struct CursorImage {
  static constexpr std::size_t slot_distance = 4096;
  static constexpr std::size_t bytes = 2 * slot_distance;

  enum class Meaning : std::uint8_t { fresh, value, foreign, damaged, unknown };
  struct Found {
    Meaning meaning;
    CursorSlot newest{};  ///< where the meaning is `value`
  };

  /// Where the commit of this number is written.
  [[nodiscard]] static constexpr std::size_t offset_of(std::uint64_t sequence) noexcept {
    return sequence % 2 == 0 ? 0 : slot_distance;
  }

  /// The two slots that a new file begins with; its last commit is number 1, of LSN 0.
  static constexpr CursorSlot first_slots[2] = {{0, 0}, {1, 0}};

  /// The bytes of a new file.
  template <class = void>
  [[nodiscard]] static std::array<std::byte, bytes> fresh() noexcept {
    std::array<std::byte, bytes> image{};
    for (const CursorSlot& slot : first_slots) slot.store(image.data() + offset_of(slot.sequence));
    return image;
  }

  /// What a file means that begins with `content` and is `size` bytes long. `content` holds all of it, or `bytes`.
  template <class = void>
  [[nodiscard]] static Found read(Bytes content, std::uint64_t size) noexcept {
    std::array<std::byte, bytes> image{};
    if (!content.empty()) std::memcpy(image.data(), content.data(), content.size() < bytes ? content.size() : bytes);
    if (size <= bytes && could_be_fresh(image)) return {Meaning::fresh};
    const std::byte* const both[2] = {image.data(), image.data() + slot_distance};
    if (!CursorSlot::has_magic(both[0]) && !CursorSlot::has_magic(both[1])) return {Meaning::foreign};
    if (size != bytes) return {Meaning::damaged};
    std::optional<CursorSlot> newest;
    for (const std::byte* const place : both) {
      const auto slot = CursorSlot::load(place);
      if (!slot) continue;
      if (slot->version != CursorSlot::known_version) return {Meaning::unknown};
      // A slot in the place of the other one was moved there by somebody else.
      if (both[0] + offset_of(slot->sequence) != place) continue;
      if (!newest || slot->sequence > newest->sequence) newest = slot;
    }
    if (!newest) return {Meaning::damaged};
    return {Meaning::value, *newest};
  }

 private:
  template <class = void>
  [[nodiscard]] static bool could_be_fresh(const std::array<std::byte, bytes>& image) noexcept {
    const auto expected = fresh();
    for (std::size_t i = 0; i < bytes; ++i) {
      if (image[i] != std::byte{} && image[i] != expected[i]) return false;
    }
    return true;
  }
};

}  // namespace rewal::detail

#endif  // REWAL_FORMAT_CURSOR_IMAGE_HPP
