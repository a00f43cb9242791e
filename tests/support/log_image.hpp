// SPDX-License-Identifier: MIT
//
// Log files made by hand, byte by byte, for tests of everything that reads them.
// It uses the format's numbers as literals on purpose: what is tested must not describe itself.

#ifndef REWAL_TESTS_SUPPORT_LOG_IMAGE_HPP
#define REWAL_TESTS_SUPPORT_LOG_IMAGE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/crc32c/crc32c.hpp>
#include <rewal/format/event.hpp>
#include <rewal/lsn.hpp>

namespace rewal_test {

using namespace rewal;

using Image = std::vector<std::byte>;
using Sizes = std::vector<std::size_t>;

inline Image bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

inline void put(Image& image, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) image.push_back(static_cast<std::byte>(value >> (8 * i)));
}

inline void poke(Image& image, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) image[at + i] = static_cast<std::byte>(value >> (8 * i));
}

inline void append(Image& image, Bytes more) { image.insert(image.end(), more.begin(), more.end()); }

/// The first `size` bytes.
inline Image cut(Image image, std::size_t size) {
  image.resize(size);
  return image;
}

/// Where the fields of a frame are.
struct At {
  static constexpr std::size_t magic = 0, version = 4, flags = 6, count = 8, first_lsn = 12, size = 20, region = 24;
};

constexpr std::uint16_t compressed = 1;
constexpr std::uint16_t synced_before = 2;

/// Makes the CRC right again for the frame of `size` bytes at `at`.
inline void reseal(Image& image, std::size_t at, std::size_t size) {
  poke(image, at + size - 4, rewal::detail::crc32c(0, image.data() + at, size - 4), 4);
}

/// A frame around a region, with any values in its fields and a right CRC.
struct Frame {
  Lsn first_lsn = 1;
  std::uint32_t count = 1;
  std::uint16_t flags = 0;
  std::uint16_t version = 2;
  Image region = {};

  [[nodiscard]] Image image() const {
    Image frame = bytes_of("EWAL");
    put(frame, version, 2);
    put(frame, flags, 2);
    put(frame, count, 4);
    put(frame, first_lsn, 8);
    put(frame, region.size() + 28, 4);
    append(frame, region);
    put(frame, 0, 4);
    reseal(frame, 0, frame.size());
    return frame;
  }
};

inline void put_record(Image& region, Bytes payload, Bytes meta = {}) {
  put(region, payload.size(), 4);
  put(region, meta.size(), 2);
  append(region, meta);
  append(region, payload);
}

/// A log file, and what it holds.
class Log {
 public:
  struct Place {
    std::size_t at;
    std::size_t size;
    Lsn first_lsn;
    std::uint32_t count;
    std::uint16_t flags;
    [[nodiscard]] std::size_t end() const { return at + size; }
  };

  explicit Log(Lsn start = 1) : next_(start) {}

  /// One frame of one event.
  Log& event(std::string_view payload, std::string_view meta = {}, std::uint16_t flags = 0) {
    return batch({{std::string(payload), std::string(meta)}}, flags);
  }
  /// One frame of several.
  Log& batch(const std::vector<std::pair<std::string, std::string>>& records, std::uint16_t flags = 0) {
    Frame frame{.first_lsn = next_, .count = static_cast<std::uint32_t>(records.size()), .flags = flags};
    for (const auto& [payload, meta] : records) {
      put_record(frame.region, bytes_of(payload), bytes_of(meta));
      Event event{next_++, bytes_of(payload), std::nullopt};
      if (!meta.empty()) event.meta = bytes_of(meta);
      events.push_back(event);
    }
    return add(frame);
  }
  /// `count` frames of one event each, of various lengths.
  Log& some(std::size_t count, std::uint16_t flags_of_first = 0) {
    for (std::size_t i = 0; i < count; ++i) {
      event(std::string(static_cast<std::size_t>(next_ % 23), static_cast<char>('a' + next_ % 26)),
            next_ % 3 == 0 ? "m" : "", i == 0 ? flags_of_first : std::uint16_t{0});
    }
    return *this;
  }
  /// Any frame at all; its events are not noted.
  Log& add(const Frame& frame) {
    const Image bytes = frame.image();
    places.push_back({image.size(), bytes.size(), frame.first_lsn, frame.count, frame.flags});
    append(image, bytes);
    return *this;
  }
  /// The LSN of the next event.
  Log& jump_to(Lsn lsn) {
    next_ = lsn;
    return *this;
  }
  Log& zeros(std::size_t count) {
    image.resize(image.size() + count);
    return *this;
  }
  Log& text(std::string_view bytes) {
    append(image, bytes_of(bytes));
    return *this;
  }
  [[nodiscard]] Lsn next_lsn() const { return next_; }

  Image image;
  std::vector<Place> places;  // of the frames
  std::vector<Event> events;  // in file order

 private:
  Lsn next_;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_LOG_IMAGE_HPP
