// SPDX-License-Identifier: MIT
//
// The oracle: what was appended, what was acknowledged, and what a file must decode to. Written from the format's
// description alone; it includes nothing of include/, so that no mistake there can hide here too.
// Used by one thread at a time.

#ifndef REWAL_TESTS_TORTURE_ORACLE_HPP
#define REWAL_TESTS_TORTURE_ORACLE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace rewal_torture {

using Image = std::vector<std::byte>;
using View = std::span<const std::byte>;

// ---- the format --------------------------------------------------------------------------------------------------

/// CRC-32C, one bit at a time.
inline std::uint32_t oracle_crc(View bytes) {
  static const auto table = [] {
    std::vector<std::uint32_t> made(256);
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::byte b : bytes) crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFF];
  return ~crc;
}

inline std::uint64_t number_at(View bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i);
  return value;
}

struct Appended {
  std::uint64_t lsn = 0;
  Image payload;
  Image meta;
  friend bool operator==(const Appended&, const Appended&) = default;
};

struct DecodedFrame {
  std::size_t at = 0;
  std::size_t size = 0;
  std::uint64_t first_lsn = 0;
  bool synced_before = false;
  std::vector<Appended> events;
};

/// The uncompressed frame that begins at `at`, if a whole and right one does.
inline std::optional<DecodedFrame> decode_frame(View file, std::size_t at) {
  if (file.size() < at || file.size() - at < 28) return std::nullopt;
  const View rest = file.subspan(at);
  if (number_at(rest, 0, 4) != 0x4C415745 || number_at(rest, 4, 2) != 2) return std::nullopt;
  const std::uint64_t flags = number_at(rest, 6, 2);
  const std::uint64_t count = number_at(rest, 8, 4);
  DecodedFrame frame{
      at, static_cast<std::size_t>(number_at(rest, 20, 4)), number_at(rest, 12, 8), (flags & 2) != 0, {}};
  if ((flags & ~std::uint64_t{2}) != 0 || count == 0 || frame.first_lsn == 0) return std::nullopt;
  if (frame.size < 28 || frame.size > rest.size()) return std::nullopt;
  if (oracle_crc(rest.first(frame.size - 4)) != number_at(rest, frame.size - 4, 4)) return std::nullopt;
  std::size_t in = 24;
  const std::size_t end = frame.size - 4;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (end - in < 6) return std::nullopt;
    const auto payload = static_cast<std::size_t>(number_at(rest, in, 4));
    const auto meta = static_cast<std::size_t>(number_at(rest, in + 4, 2));
    in += 6;
    if (end - in < meta || end - in - meta < payload) return std::nullopt;
    const auto copy = [&](std::size_t from, std::size_t size) {
      const View part = rest.subspan(from, size);
      return Image(part.begin(), part.end());
    };
    frame.events.push_back({frame.first_lsn + i, copy(in + meta, payload), copy(in, meta)});
    in += meta + payload;
  }
  if (in != end) return std::nullopt;
  return frame;
}

struct Decoded {
  std::vector<DecodedFrame> frames;
  std::vector<Appended> events;
  std::size_t end = 0;  // of the last frame
};

/// All whole frames from the start of the file.
inline Decoded decode_file(View file) {
  Decoded decoded;
  while (auto frame = decode_frame(file, decoded.end)) {
    decoded.end += frame->size;
    decoded.events.insert(decoded.events.end(), frame->events.begin(), frame->events.end());
    decoded.frames.push_back(std::move(*frame));
  }
  return decoded;
}

/// Whether a whole frame begins anywhere in [from, end).
inline bool holds_a_frame(View file, std::size_t from) {
  for (std::size_t at = from; at + 28 <= file.size(); ++at) {
    if (file[at] == std::byte{'E'} && decode_frame(file, at)) return true;
  }
  return false;
}

// ---- what happened -----------------------------------------------------------------------------------------------

/// What was appended to one log, in LSN order, and up to where it was acknowledged as durable.
class History {
 public:
  /// A frame of these events was accepted; `last` is the LSN that the log returned for it.
  void appended(std::vector<std::pair<Image, Image>> records, std::uint64_t last) {
    const std::uint64_t first = events_.size() + 1;
    if (last != events_.size() + records.size()) {
      complain("LSN " + std::to_string(last) + " was returned where " +
               std::to_string(events_.size() + records.size()) + " was due");
    }
    for (auto& [payload, meta] : records) {
      events_.push_back({events_.size() + 1, std::move(payload), std::move(meta)});
      begins_frame_.push_back(events_.size() == first);
    }
  }
  /// The last `count` events were refused after all.
  void refused(std::size_t count) {
    events_.resize(events_.size() - count);
    begins_frame_.resize(events_.size());
    if (acknowledged_ > events_.size()) complain("what was acknowledged was refused");
  }
  void acknowledged(std::uint64_t lsn) {
    if (lsn > events_.size()) complain("LSN " + std::to_string(lsn) + " was acknowledged and never appended");
    acknowledged_ = (std::max)(acknowledged_, lsn);
  }
  /// The log was opened and kept this many events, which is an acknowledgement.
  void reopened(std::uint64_t kept) {
    if (kept < acknowledged_) complain("opening lost acknowledged events");
    if (kept > events_.size()) complain("opening found events that were never appended");
    events_.resize(static_cast<std::size_t>((std::min<std::uint64_t>)(kept, events_.size())));
    begins_frame_.resize(events_.size());
    acknowledged_ = kept;
  }

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t last() const { return events_.size(); }
  [[nodiscard]] const std::vector<Appended>& events() const { return events_; }
  /// What was wrong already while it happened.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

  /// What is wrong with these events as the content of the log after a crash; empty if nothing is.
  [[nodiscard]] std::string judge(const std::vector<Appended>& found) const {
    if (!complaint_.empty()) return complaint_;
    if (found.size() < acknowledged_) {
      return "LOST: " + std::to_string(found.size()) + " events are there, " + std::to_string(acknowledged_) +
             " were acknowledged";
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i].lsn != i + 1)
        return "ORDER: event " + std::to_string(i) + " has LSN " + std::to_string(found[i].lsn);
      if (i >= events_.size()) return "RETURNED: LSN " + std::to_string(i + 1) + " was never appended, or was cut";
      if (!(found[i] == events_[i])) return "CONTENT: LSN " + std::to_string(i + 1) + " is another event";
    }
    if (found.size() < events_.size() && !begins_frame_[found.size()]) {
      return "PARTIAL: the batch with LSN " + std::to_string(found.size()) + " is not whole";
    }
    return {};
  }

 private:
  void complain(std::string what) {
    if (complaint_.empty()) complaint_ = std::move(what);
  }

  std::vector<Appended> events_;
  std::vector<bool> begins_frame_;
  std::uint64_t acknowledged_ = 0;
  std::string complaint_;
};

inline std::uint64_t hash_of(View bytes, std::uint64_t seed = 0) {
  std::uint64_t hash = seed ^ 0xCBF29CE484222325 ^ (bytes.size() * 0x9E3779B97F4A7C15);
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) hash = ((hash ^ number_at(bytes, i, 8)) * 0xD6E8FEB86659FD93) ^ (hash >> 29);
  for (; i < bytes.size(); ++i) hash = (hash ^ std::to_integer<std::uint64_t>(bytes[i])) * 0x100000001B3;
  return hash ^ (hash >> 32);
}

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_ORACLE_HPP
