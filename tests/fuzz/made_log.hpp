// SPDX-License-Identifier: MIT
//
// Frames and logs made by hand, byte by byte and with the second checksum, for the fuzz targets.

#ifndef REWAL_TESTS_FUZZ_MADE_LOG_HPP
#define REWAL_TESTS_FUZZ_MADE_LOG_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

#include "second_frame.hpp"

namespace rewal_fuzz {

inline void append(Image& image, View more) {
  image.reserve(image.size() + more.size());
  for (const std::byte byte : more) image.push_back(byte);
}

inline void append_number(Image& image, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) image.push_back(static_cast<std::byte>(value >> (8 * i)));
}

inline void append_record(Image& region, View payload, View meta) {
  append_number(region, payload.size(), 4);
  append_number(region, meta.size(), 2);
  append(region, meta);
  append(region, payload);
}

/// Makes the CRC of the frame of `size` bytes at `at` right.
inline void reseal(Image& image, std::size_t at, std::size_t size) {
  put_number(image, at + size - 4, crc_of(View(image).subspan(at, size - 4)), 4);
}

/// Any frame, with a right CRC.
inline Image made_frame(std::uint64_t first, std::uint32_t count, std::uint16_t flags, View region) {
  Image frame;
  for (const char letter : {'E', 'W', 'A', 'L'}) frame.push_back(static_cast<std::byte>(letter));
  append_number(frame, 2, 2);
  append_number(frame, flags, 2);
  append_number(frame, count, 4);
  append_number(frame, first, 8);
  append_number(frame, region.size() + empty_frame_size, 4);
  append(frame, region);
  append_number(frame, 0, 4);
  reseal(frame, 0, frame.size());
  return frame;
}

/// A log that grows frame by frame.
class MadeLog {
 public:
  struct Place {
    std::size_t at;
    std::size_t size;
    std::uint16_t flags;
    [[nodiscard]] std::size_t end() const { return at + size; }
  };

  explicit MadeLog(std::uint64_t start_lsn) : next_lsn(start_lsn) {}

  /// The first frame after an fsync says so.
  void add(std::uint32_t count, View region, bool compressed) {
    const bool marked = synced_ && !image.empty();
    const auto flags = static_cast<std::uint16_t>((compressed ? 1 : 0) + (marked ? 2 : 0));
    const Image frame = made_frame(next_lsn, count, flags, region);
    places.push_back({image.size(), frame.size(), flags});
    append(image, frame);
    next_lsn += count;
    synced_ = false;
  }
  void sync() {
    synced_ = true;
    synced_end = image.size();
  }

  Image image;
  std::vector<Place> places;   // of the frames
  std::size_t synced_end = 0;  // up to here it was fsynced
  std::uint64_t next_lsn;

 private:
  bool synced_ = true;
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_MADE_LOG_HPP
