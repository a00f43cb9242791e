// SPDX-License-Identifier: MIT
//
// PlainLog: what a file of the format EWAL version 2 holds, read without the library, by the table of the format alone.
// A value, made by one thread. It knows frames without compression and events that number themselves; what had been
// acknowledged is left to the judge.
//
//   0 magic `EWAL` (4) | 4 version 2 (2) | 6 flags (2) | 8 record count (4) | 12 LSN of the first (8) | 20 frame size (4)
//   24 records: payload length (4), meta length (2), meta, payload | size - 4 CRC-32C of all before it (4)

#ifndef REWAL_TESTS_POWERCUT_PLAIN_LOG_HPP
#define REWAL_TESTS_POWERCUT_PLAIN_LOG_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "numbered_events.hpp"
#include "told.hpp"

namespace rewal_powercut {

class PlainLog {
 public:
  explicit PlainLog(std::span<const std::byte> bytes) : bytes_(bytes) {
    while (wrong_.empty() && read_frame()) {
    }
    rest_is_zero_ = std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.end(),
                                [](std::byte byte) { return byte == std::byte{}; });
  }

  /// What no crash explains, or "".
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] const History& history() const { return history_; }
  /// Of its first `lsn` events.
  [[nodiscard]] std::uint64_t digest_at(std::uint64_t lsn) const { return lsn == 0 ? 0 : digests_[lsn - 1]; }
  /// Who appended the event.
  [[nodiscard]] Author author_of(std::uint64_t lsn) const { return authors_[lsn - 1]; }
  /// Where the last whole frame ends, and how many bytes follow it.
  [[nodiscard]] std::size_t end() const { return end_; }
  [[nodiscard]] std::size_t rest() const { return bytes_.size() - end_; }
  [[nodiscard]] bool rest_is_zero() const { return rest_is_zero_; }

 private:
  static constexpr std::size_t header_bytes = 24;
  static constexpr std::size_t trailer_bytes = 4;
  static constexpr std::uint16_t synced_before = 2;

  template <class Number>
  [[nodiscard]] Number number(std::size_t at) const {
    Number value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
      value = static_cast<Number>(value | static_cast<Number>(std::to_integer<Number>(bytes_[at + i])) << (8 * i));
    }
    return value;
  }

  [[nodiscard]] static std::uint32_t crc32c(std::span<const std::byte> bytes) {
    static const auto table = [] {
      std::array<std::uint32_t, 256> remainders{};
      for (std::uint32_t i = 0; i < remainders.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
        remainders[i] = value;
      }
      return remainders;
    }();
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::byte byte : bytes) crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
    return ~crc;
  }

  /// Whether a whole frame stands at the end of those before it.
  bool read_frame() {
    const std::size_t left = bytes_.size() - end_;
    if (left < header_bytes + trailer_bytes || std::memcmp(&bytes_[end_], "EWAL", 4) != 0) return false;
    if (number<std::uint16_t>(end_ + 4) != 2) return false;
    const std::size_t size = number<std::uint32_t>(end_ + 20);
    if (size < header_bytes + trailer_bytes || size > left) return false;
    const std::size_t checked = size - trailer_bytes;
    if (crc32c(bytes_.subspan(end_, checked)) != number<std::uint32_t>(end_ + checked)) return false;
    const auto flags = number<std::uint16_t>(end_ + 6);
    if ((flags & ~synced_before) != 0) return is_wrong("flags " + std::to_string(flags));
    if (flags != 0 && end_ == 0) return is_wrong("bit 1 on the first frame");
    return read_records(end_ + header_bytes, end_ + checked) && (end_ += size, true);
  }

  bool read_records(std::size_t at, std::size_t end) {
    const auto count = number<std::uint32_t>(end_ + 8);
    auto lsn = number<std::uint64_t>(end_ + 12);
    for (std::uint32_t i = 0; i < count; ++i, ++lsn) {
      if (end - at < 6) return is_wrong("fewer records than it counts");
      const std::size_t payload = number<std::uint32_t>(at);
      const std::size_t meta = number<std::uint16_t>(at + 4);
      at += 6 + meta;
      if (at > end || payload > end - at) return is_wrong("a record longer than it");
      const auto bytes = bytes_.subspan(at, payload);
      if (const auto what = history_.add(lsn, bytes); !what.empty()) return is_wrong(what);
      const Numbered event = *read(bytes);
      digests_.push_back(digest(digest_at(lsn - 1), event));
      authors_.push_back(event.author);
      at += payload;
    }
    if (count == 0 || at != end) return is_wrong("records that do not fill it");
    return history_.is_whole() || is_wrong("a part of a batch");
  }

  bool is_wrong(const std::string& what) {
    wrong_ = "the frame at offset " + std::to_string(end_) + " has a right checksum and " + what;
    return false;
  }

  std::span<const std::byte> bytes_;
  std::size_t end_ = 0;
  bool rest_is_zero_ = false;
  std::string wrong_;
  History history_;
  std::vector<std::uint64_t> digests_;
  std::vector<Author> authors_;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_PLAIN_LOG_HPP
