// SPDX-License-Identifier: MIT
//
// ClaimWord: how the queue's place, LSN, frame count and flags share one 64-bit word, so that one compare-and-swap
// takes all of them together. Pure arithmetic on values; nothing here is atomic.
// What the fields are compared with, and in which order words are read, is left to the ring.
//
//   | flags, 4 | LSN, low bits | frames, low bits | place |
//
// place   counts bytes modulo four laps of the ring, so that the distance of two places is known up to four laps
// frames  counts frames modulo a power of two beyond the most that can be in flight; absent (0 bits) where it does not
//         fit, and then the ring counts frames apart
// LSN     the next one to be assigned, modulo a power of two beyond the most records that the ring can hold
//
// The head word counts what was claimed, the tail word what was consumed; both wrap, their distance does not.

#ifndef REWAL_QUEUE_CLAIM_WORD_HPP
#define REWAL_QUEUE_CLAIM_WORD_HPP

#include <bit>
#include <cstdint>

#include <rewal/lsn.hpp>

namespace rewal::detail {

using Word = std::uint64_t;

namespace claim_flag {
inline constexpr Word sealed = Word{1} << 63;  // nothing more may be claimed, for ever
inline constexpr Word held = Word{1} << 62;    // one thread has, or waits for, the queue to itself
inline constexpr Word asleep = Word{1} << 61;  // the writer sleeps: the next claim owes it a wake-up
/// The writer sleeps until its next poll: a claim that half fills the queue owes it a wake-up.
inline constexpr Word between_polls = Word{1} << 60;
inline constexpr Word any_sleep = asleep | between_polls;
inline constexpr Word all = sealed | held | any_sleep;
}  // namespace claim_flag

class ClaimLayout {
 public:
  /// What lies between two words.
  struct Distance {
    std::uint64_t bytes;
    std::uint64_t frames;  // 0 where frames are counted apart
    std::uint64_t records;
  };

  /// `smallest_record` bounds how many records, `smallest_frame` how many frames a ring of `ring_bytes` can hold.
  constexpr ClaimLayout(std::uint64_t ring_bytes, std::uint64_t most_frames, std::uint64_t smallest_record) noexcept
      : lap_(ring_bytes), place_bits_(width(4 * ring_bytes - 1)) {
    const unsigned record_bits = width(ring_bytes / smallest_record);
    const unsigned wanted_frame_bits = width(most_frames) + 1;  // twice the most: see "overdrawn" in the ring
    const unsigned free_bits = 60 - place_bits_;
    fits_ = place_bits_ < 60 && free_bits >= record_bits;
    const unsigned frame_bits = fits_ && wanted_frame_bits + record_bits < free_bits ? wanted_frame_bits : 0;
    lsn_shift_ = place_bits_ + frame_bits;
    place_mask_ = mask(place_bits_);
    frame_mask_ = mask(frame_bits);
    lsn_mask_ = fits_ ? mask(free_bits - frame_bits) : 1;
    one_ = (Word{1} << place_bits_) + (Word{1} << lsn_shift_);
    carries_ = (Word{1} << lsn_shift_) | claim_flag::between_polls;
  }

  [[nodiscard]] constexpr std::uint64_t lap_bytes() const noexcept { return lap_; }

  /// Whether a ring of this size can be counted in one word at all.
  [[nodiscard]] constexpr bool fits() const noexcept { return fits_; }
  [[nodiscard]] constexpr bool counts_frames() const noexcept { return frame_mask_ != 0; }

  /// The word after claiming or consuming this much from `word`. Flags stay.
  [[nodiscard]] constexpr Word advanced(Word word, std::uint64_t bytes, std::uint64_t frames,
                                        std::uint64_t records) const noexcept {
    std::uint64_t place = place_of(word) + bytes;
    if (place >= 4 * lap_) place -= 4 * lap_;
    const std::uint64_t frame_count = ((word >> place_bits_) + frames) & frame_mask_;
    const std::uint64_t lsn = ((word >> lsn_shift_) + records) & lsn_mask_;
    return (word & claim_flag::all) | (lsn << lsn_shift_) | (frame_count << place_bits_) | place;
  }

  /// advanced(word, bytes, 1, 1), in fewer steps; only right where steps_within_fields().
  [[nodiscard]] constexpr Word stepped(Word word, std::uint64_t bytes) const noexcept { return word + bytes + one_; }
  /// Whether no field wraps in that step. Requires counts_frames().
  [[nodiscard]] constexpr bool steps_within_fields(Word word, std::uint64_t bytes) const noexcept {
    return place_of(word) + bytes < 4 * lap_ && ((word ^ one_ ^ stepped(word, bytes)) & carries_) == 0;
  }

  /// A word without flags at place 0.
  [[nodiscard]] constexpr Word start(Lsn next_lsn) const noexcept { return (next_lsn & lsn_mask_) << lsn_shift_; }

  [[nodiscard]] constexpr Distance distance(Word tail, Word head) const noexcept {
    const std::uint64_t from = place_of(tail);
    const std::uint64_t to = place_of(head);
    return {to >= from ? to - from : to + 4 * lap_ - from,
            ((head >> place_bits_) - (tail >> place_bits_)) & frame_mask_,
            ((head >> lsn_shift_) - (tail >> lsn_shift_)) & lsn_mask_};
  }

  [[nodiscard]] static constexpr bool same_place(Word a, Word b) noexcept { return ((a ^ b) & ~claim_flag::all) == 0; }

  /// Where in the ring's memory the word's place is.
  [[nodiscard]] constexpr std::uint64_t offset(Word word) const noexcept {
    std::uint64_t place = place_of(word);
    if (place >= 2 * lap_) place -= 2 * lap_;
    return place >= lap_ ? place - lap_ : place;
  }

  /// The full LSN of `head`, given a full LSN at or behind it by less than the field can count.
  [[nodiscard]] constexpr Lsn full_lsn(Word head, Lsn behind) const noexcept {
    return behind + (((head >> lsn_shift_) - behind) & lsn_mask_);
  }
  /// More than lies between any head and an LSN behind it.
  [[nodiscard]] constexpr std::uint64_t most_records() const noexcept { return lsn_mask_; }

 private:
  [[nodiscard]] static constexpr unsigned width(std::uint64_t value) noexcept {
    return static_cast<unsigned>(std::bit_width(value));
  }
  [[nodiscard]] static constexpr std::uint64_t mask(unsigned bits) noexcept { return (Word{1} << bits) - 1; }
  [[nodiscard]] constexpr std::uint64_t place_of(Word word) const noexcept { return word & place_mask_; }

  std::uint64_t lap_;
  unsigned place_bits_;
  unsigned lsn_shift_ = 0;
  bool fits_ = false;
  std::uint64_t place_mask_ = 0;
  std::uint64_t frame_mask_ = 0;  // 0: frames are counted apart
  std::uint64_t lsn_mask_ = 1;
  Word one_ = 0;      // one frame with one record
  Word carries_ = 0;  // the bits that the LSN and the frames carry into
};

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_CLAIM_WORD_HPP
