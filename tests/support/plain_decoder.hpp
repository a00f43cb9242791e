// SPDX-License-Identifier: MIT
//
// A second decoder of EWAL v2 files, written from the format's table alone and sharing no code with the library: an
// oracle for tests. Like the reference implementations it knows flag bit 0 and looks at no other.

#ifndef REWAL_TESTS_SUPPORT_PLAIN_DECODER_HPP
#define REWAL_TESTS_SUPPORT_PLAIN_DECODER_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <rewal/format/event.hpp>

namespace rewal_test {

class PlainDecoder {
 public:
  using Octets = std::vector<std::byte>;
  using Inflate = std::function<std::optional<Octets>(const Octets&)>;

  explicit PlainDecoder(Octets file, Inflate inflate = nullptr)
      : file_(std::move(file)), inflate_(std::move(inflate)) {}

  /// The next frame's events; none where no good frame stands at position().
  std::optional<std::vector<rewal::Event>> frame() {
    const std::size_t left = file_.size() - at_;
    if (left < 28 || number(at_, 4) != 0x4C415745 || number(at_ + 4, 2) != 2) return std::nullopt;
    const std::uint64_t size = number(at_ + 20, 4);
    if (size < 28 || size > left || crc(at_, size - 4) != number(at_ + size - 4, 4)) return std::nullopt;
    Octets region(file_.begin() + signed_(at_ + 24), file_.begin() + signed_(at_ + size - 4));
    if (number(at_ + 6, 2) % 2 == 1) {
      auto inflated = inflate_ ? inflate_(region) : std::nullopt;
      if (!inflated) return std::nullopt;
      region = *inflated;
    }
    auto events = records(region, number(at_ + 8, 4), number(at_ + 12, 8));
    if (events) at_ += size;
    return events;
  }

  /// The events of all good frames up to the first bad one.
  std::vector<rewal::Event> all() {
    std::vector<rewal::Event> events;
    while (const auto more = frame()) events.insert(events.end(), more->begin(), more->end());
    return events;
  }

  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  static std::ptrdiff_t signed_(std::uint64_t n) { return static_cast<std::ptrdiff_t>(n); }

  static std::uint64_t number(const Octets& from, std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i-- > 0;) value = value * 256 + std::to_integer<std::uint64_t>(from[at + i]);
    return value;
  }
  [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t bytes) const { return number(file_, at, bytes); }

  [[nodiscard]] std::uint32_t crc(std::size_t from, std::uint64_t size) const {
    std::uint32_t state = 0xFFFFFFFF;
    for (std::uint64_t i = 0; i < size; ++i) {
      state ^= std::to_integer<std::uint32_t>(file_[from + i]);
      for (int bit = 0; bit < 8; ++bit) state = state % 2 == 1 ? (state / 2) ^ 0x82F63B78 : state / 2;
    }
    return state ^ 0xFFFFFFFF;
  }

  static std::optional<std::vector<rewal::Event>> records(const Octets& region, std::uint64_t count,
                                                          std::uint64_t lsn) {
    std::vector<rewal::Event> events;
    std::size_t at = 0;
    if (count == 0 || lsn == 0) return std::nullopt;
    for (; count > 0; --count) {
      if (region.size() - at < 6) return std::nullopt;
      const std::uint64_t payload = number(region, at, 4);
      const std::uint64_t meta = number(region, at + 4, 2);
      at += 6;
      if (region.size() - at < payload + meta) return std::nullopt;
      rewal::Event event;
      event.lsn = lsn++;
      const auto begin = region.begin() + signed_(at);
      if (meta > 0) event.meta.emplace(begin, begin + signed_(meta));
      event.payload.assign(begin + signed_(meta), begin + signed_(meta + payload));
      events.push_back(std::move(event));
      at += static_cast<std::size_t>(payload + meta);
    }
    if (at != region.size()) return std::nullopt;
    return events;
  }

  Octets file_;
  Inflate inflate_;
  std::size_t at_ = 0;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_PLAIN_DECODER_HPP
