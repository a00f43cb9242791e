// SPDX-License-Identifier: MIT
//
// What the promises demand of a damaged log, and the rows of the table that its tests fill.

#ifndef REWAL_TESTS_SPEC_DAMAGE_ORACLE_HPP
#define REWAL_TESTS_SPEC_DAMAGE_ORACLE_HPP

#include <algorithm>
#include <cstring>
#include <rewal/recovery/recovery.hpp>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>
#include <torture/report.hpp>

namespace rewal_test {

using rewal_torture::Row;

/// What the promises demand of a log some of whose bytes have changed.
struct Oracle {
  const Log& log;
  Row& row;

  /// The first frame whose bytes are no longer those that were written.
  [[nodiscard]] const Log::Place* first_bad(const Image& image) const {
    for (const auto& place : log.places) {
      if (!intact(image, place)) return &place;
    }
    return nullptr;
  }
  [[nodiscard]] bool intact(const Image& image, const Log::Place& place) const {
    return place.end() <= image.size() &&
           std::memcmp(image.data() + place.at, log.image.data() + place.at, place.size) == 0;
  }
  [[nodiscard]] bool survivor(const Image& image, std::size_t after, std::uint16_t with_flag) const {
    return std::any_of(log.places.begin(), log.places.end(), [&](const auto& place) {
      return place.at > after && (place.flags & with_flag) == with_flag && intact(image, place);
    });
  }

  /// The bad frame ends where the file does, zeros aside, as its own header says.
  static bool is_whole_by_its_size(const Image& image, std::size_t at) {
    if (image.size() - at < 28 || as_text(Bytes(image).subspan(at, 4)) != "EWAL") return false;
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < 4; ++i)
      size |= std::uint64_t{std::to_integer<unsigned char>(image[at + 20 + i])} << 8 * i;
    return size >= 28 && size <= image.size() - at &&
           std::all_of(image.begin() + std::ptrdiff_t(at + size), image.end(),
                       [](std::byte b) { return b == std::byte{0}; });
  }

  /// Opens `image` and holds the outcome against the promises.
  template <class Disk>
  void check(const Image& image) const {
    ++row.count;
    const Log::Place* const bad = first_bad(image);
    if (bad == nullptr) return;
    const bool foreign = bad->at == 0 && std::memcmp(image.data(), log.image.data(), 8) != 0;
    const bool zeros_behind = std::all_of(image.begin() + std::ptrdiff_t(bad->at), image.end(),
                                          [](std::byte b) { return b == std::byte{0}; });
    const bool refuse = (foreign && !zeros_behind) || survivor(image, bad->at, synced_before);
    const auto judged = judge_image<Disk>(image);
    if (refuse) {
      if (judged.ok()) FAIL("silent loss: damage at " << bad->at << " was cut");
      if (judged.content() != image || !judged.changes().empty()) FAIL("refused, and altered");
      if (!foreign && (judged.error() != Errc::corrupted || judged.error().offset() != bad->at ||
                       judged.error().lsn() != bad->first_lsn)) {
        FAIL("refused for another reason: " << judged.error().message());
      }
      return;
    }
    if (!judged.ok()) FAIL("false refusal: " << judged.error().message());
    if (judged.opened.report().kept_bytes != bad->at || judged.content().size() != bad->at)
      FAIL("kept too much or too little");
    const bool to_save = survivor(image, bad->at, 0) || is_whole_by_its_size(image, bad->at);
    if (judged.disk.state->copies.size() != (to_save ? 1 : 0))
      FAIL("whole frames were cut unsaved, or there was nothing to save");
    if (to_save && judged.disk.state->copies[0].second != Image(image.begin() + std::ptrdiff_t(bad->at), image.end()))
      FAIL("the copy is not what was cut");
  }
};

inline constexpr const char* single = "every bit flipped, every byte and sector zeroed";
inline constexpr const char* several = "several damages, damaged sizes, compressed frames";
inline constexpr const char* payloads = "payloads that hold frames, torn";

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_DAMAGE_ORACLE_HPP
