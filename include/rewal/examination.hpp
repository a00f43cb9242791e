// SPDX-License-Identifier: MIT
//
// What can be said of a file without owning it: how it ends, what stands in it, and what stands behind damage.
// Plain values. How they are found is left to the reader, and to recovery, which judges by the same code.

#ifndef REWAL_EXAMINATION_HPP
#define REWAL_EXAMINATION_HPP

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include <rewal/lsn.hpp>

namespace rewal {

/// How a file ends, and so what opening it as a log would do.
enum class Verdict : std::uint8_t {
  new_log,    ///< empty, or zeros alone: a new log
  clean,      ///< ends with its last whole frame, or with zeros behind it
  torn,       ///< the first bad frame is what a crash can explain
  damaged,    ///< a frame behind the first bad one proves that it had been fsynced
  foreign,    ///< not an EWAL version 2 log
  unknown,    ///< a whole frame has flags or a version that this release does not know
  malformed,  ///< a frame's checksum is right and its content impossible: a faulty program wrote it
};

/// The whole frames behind the first bad one.
struct FramesBeyond {
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  Lsn first_lsn = 0;  ///< lowest LSN in them, 0 where there are none
  Lsn last_lsn = 0;   ///< highest LSN in them, 0 where there are none
  std::uint64_t bytes = 0;
};

/// What opening a log would find, found without opening it. Counts are of the frames before the first bad one.
struct Examination {
  Verdict verdict = Verdict::new_log;
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  Lsn first_lsn = 0;                      ///< lowest LSN, 0 where there are no events
  Lsn last_lsn = 0;                       ///< highest LSN, 0 where there are no events
  std::uint64_t file_bytes = 0;           ///< length of the file when it was examined
  std::uint64_t kept_bytes = 0;           ///< bytes of the frames: where the log would go on
  std::uint64_t zero_bytes = 0;           ///< zeros at the end of the file: preallocated space
  std::uint64_t gaps = 0;                 ///< places where LSNs jump forward
  std::uint64_t inversions = 0;           ///< places where LSNs go back or repeat
  std::uint64_t compressed_frames = 0;    ///< frames that are stored compressed
  std::optional<std::uint64_t> bad_at;    ///< offset of the first bad frame, where there is one
  std::optional<std::uint64_t> proof_at;  ///< offset of the frame that proves damage, where one does
  std::string reason;  ///< one sentence on what ends the log; empty where it ends with its last frame
  FramesBeyond beyond;
};

/// What is right or wrong with a place in a file.
enum class FrameValidity : std::uint8_t {
  valid,
  damaged,    ///< no whole frame: torn or damaged bytes
  unknown,    ///< a whole frame with flags or a version that this release does not know
  malformed,  ///< a whole frame whose content is impossible
};

/// A frame, or bytes between frames. LSNs and count are 0 where no header could be believed.
struct FrameInfo {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< bytes, header and trailer included
  Lsn first_lsn = 0;
  Lsn last_lsn = 0;
  std::uint32_t count = 0;
  bool compressed = false;
  bool synced_before = false;  ///< an fsync covered everything before this frame when it was written
  FrameValidity validity = FrameValidity::valid;
};

/// What a salvage wrote, and what it left out.
struct Salvage {
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  Lsn last_lsn = 0;                  ///< highest LSN written, 0 where there is none
  std::uint64_t bytes = 0;           ///< bytes written
  std::uint64_t left_out_bytes = 0;  ///< bytes that belong to no whole frame; zeros at the end are not counted
  std::uint64_t left_out_places = 0;
};

namespace detail {

[[nodiscard]] constexpr std::string_view name_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::new_log: return "new_log";
    case Verdict::clean: return "clean";
    case Verdict::torn: return "torn";
    case Verdict::damaged: return "damaged";
    case Verdict::foreign: return "foreign";
    case Verdict::unknown: return "unknown";
    case Verdict::malformed: return "malformed";
  }
  return "unknown";
}
[[nodiscard]] constexpr std::string_view name_of(FrameValidity validity) noexcept {
  switch (validity) {
    case FrameValidity::valid: return "valid";
    case FrameValidity::damaged: return "damaged";
    case FrameValidity::unknown: return "unknown";
    case FrameValidity::malformed: return "malformed";
  }
  return "unknown";
}

}  // namespace detail

template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, Verdict verdict) {
  return out << detail::name_of(verdict);
}
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, FrameValidity validity) {
  return out << detail::name_of(validity);
}

}  // namespace rewal

#endif  // REWAL_EXAMINATION_HPP
