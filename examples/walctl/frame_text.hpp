// SPDX-License-Identifier: MIT
//
// Frames and bad places in words and as JSON: what kind they are, and what stands in the header of one that is of
// another version or has flags that walctl does not know. Pure but for one read of 24 bytes; for any thread.

#ifndef WALCTL_FRAME_TEXT_HPP
#define WALCTL_FRAME_TEXT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <rewal/little_endian.hpp>
#include <rewal/reader.hpp>

#include <walctl/numbers.hpp>
#include <walctl/output.hpp>
#include <walctl/slice_storage.hpp>

namespace walctl {

using rewal::FrameInfo;

[[nodiscard]] inline bool is_valid(const FrameInfo& frame) noexcept {
  return frame.validity == rewal::FrameValidity::valid;
}

/// The first 24 bytes of what stands at an offset; fewer at the end of the file.
struct RawHeader {
  std::array<std::byte, 24> bytes{};
  std::size_t size = 0;

  RawHeader(const OpenFile& file, std::uint64_t offset) {
    if (const auto count = file.read_at(bytes, offset)) size = *count;
  }
  [[nodiscard]] bool has_magic() const { return size == bytes.size() && std::memcmp(bytes.data(), "EWAL", 4) == 0; }
  [[nodiscard]] std::uint64_t frame_bytes() const { return rewal::detail::load_le<std::uint32_t>(bytes.data() + 20); }
  /// "version 3, flags 0x0104"
  [[nodiscard]] std::string words() const {
    char text[64];
    std::snprintf(text, sizeof text, "version %u, flags 0x%04x",
                  rewal::detail::load_le<std::uint16_t>(bytes.data() + 4),
                  rewal::detail::load_le<std::uint16_t>(bytes.data() + 6));
    return text;
  }
};

/// What kind of bad place it is: torn, bad_crc, unknown or malformed.
[[nodiscard]] inline std::string_view kind_of(const FrameInfo& bad, const OpenFile& file) {
  if (bad.validity == rewal::FrameValidity::unknown) return "unknown";
  if (bad.validity == rewal::FrameValidity::malformed) return "malformed";
  const RawHeader header(file, bad.offset);
  const auto end = file.size();
  const bool is_whole = header.has_magic() && end && bad.offset + header.frame_bytes() <= *end;
  return is_whole ? "bad_crc" : "torn";
}

/// The same for a person.
[[nodiscard]] inline std::string words_of(std::string_view kind, const FrameInfo& bad, const OpenFile& file) {
  if (kind == "bad_crc") return "bad checksum";
  if (kind == "unknown") return "unknown version or flag (" + RawHeader(file, bad.offset).words() + ")";
  if (kind == "malformed") return "right checksum, impossible fields";
  return "torn";
}

/// A bad place in one line: "offset 130, after LSN 3: bad checksum, 36 bytes".
[[nodiscard]] inline std::string bad_place(const FrameInfo& bad, rewal::Lsn after, const OpenFile& file) {
  std::string text = "offset " + std::to_string(bad.offset);
  text += after == 0 ? std::string(", before any event: ") : ", after LSN " + std::to_string(after) + ": ";
  text += words_of(kind_of(bad, file), bad, file);
  return text + ", " + counted(bad.size, "byte");
}

[[nodiscard]] inline Json bad_place_json(std::string_view log, const FrameInfo& bad, rewal::Lsn after,
                                         const OpenFile& file) {
  return {{"type", "bad"},     {"log", log},         {"offset", bad.offset},
          {"bytes", bad.size}, {"after_lsn", after}, {"kind", kind_of(bad, file)}};
}

[[nodiscard]] inline Json frame_json(const FrameInfo& frame) {
  return {{"type", "frame"},
          {"offset", frame.offset},
          {"bytes", frame.size},
          {"first_lsn", frame.first_lsn},
          {"last_lsn", frame.last_lsn},
          {"events", frame.count},
          {"compressed", frame.compressed},
          {"synced_before", frame.synced_before}};
}

/// "LSN 7" or "LSN 7 to 9".
[[nodiscard]] inline std::string lsn_range(rewal::Lsn first, rewal::Lsn last) {
  std::string text = "LSN " + std::to_string(first);
  if (last != first) text += " to " + std::to_string(last);
  return text;
}

}  // namespace walctl

#endif  // WALCTL_FRAME_TEXT_HPP
