// SPDX-License-Identifier: MIT
//
// The verdict: what recovery concludes from what it saw in a file, and what it then does, as one table.
// Pure functions over plain values, so that a test can go through every combination.
// Looking at the file, and carrying out what is decided here, is left to recovery.
//
// Frames are checked from offset 0; the first bad one, at offset c, ends the log. The first rule that fits decides:
//
//   1. new log    the file is empty or holds zeros alone
//   2. foreign    its first min(size, 8) bytes are neither all zero nor a prefix of E W A L 02 00 {0..3} 00, or they
//                 are zero and something else follows
//   3. not ours   the frame at c has a right CRC and an unknown flag or version, or impossible content
//   4. clean end  nothing but zeros from c to the end of the file, or nothing at all
//   5. proof      a frame after c proves that what is bad at c had been fsynced; see damage_search.hpp
//   6. tear       everything else: what a crash can explain
//
// What is refused is never altered, whatever the policy.

#ifndef REWAL_RECOVERY_VERDICT_HPP
#define REWAL_RECOVERY_VERDICT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/examination.hpp>
#include <rewal/format/format.hpp>
#include <rewal/options.hpp>

namespace rewal::detail {

enum class Action : std::uint8_t {
  keep,    ///< the log goes on at c; zeros after it are cut
  cut,     ///< the log goes on at c; what follows is cut, and saved first where it holds a valid frame
  refuse,  ///< the file stays as it is
};

/// What can be observed of a file.
struct Evidence {
  bool zeros_alone = false;    ///< the file is empty or all zero
  bool foreign_start = false;  ///< rule 2
  format::Validity at_c = format::Validity::torn;
  bool zeros_from_c = false;  ///< none or only zeros from c on
  bool proof = false;         ///< a frame proves that c had been fsynced
};

/// The rules, in their order.
[[nodiscard]] constexpr Verdict judge(const Evidence& evidence) noexcept {
  if (evidence.zeros_alone) return Verdict::new_log;
  if (evidence.foreign_start) return Verdict::foreign;
  if (evidence.at_c == format::Validity::unknown) return Verdict::unknown;
  if (evidence.at_c == format::Validity::malformed) return Verdict::malformed;
  if (evidence.zeros_from_c) return Verdict::clean;
  if (evidence.proof) return Verdict::damaged;
  return Verdict::torn;
}

/// One row of the table: what each policy does, and how a refusal reads.
struct Ruling {
  Verdict verdict;
  Action repair;
  Action truncate;
  Action strict;
  Errc refusal;
  const char* advice;

  [[nodiscard]] constexpr Action under(Recovery policy) const noexcept {
    return policy == Recovery::repair ? repair : policy == Recovery::truncate ? truncate : strict;
  }
};

inline constexpr Ruling rulings[] = {
    {Verdict::new_log, Action::keep, Action::keep, Action::keep, Errc::io, ""},
    {Verdict::clean, Action::keep, Action::keep, Action::keep, Errc::io, ""},
    {Verdict::torn, Action::cut, Action::cut, Action::refuse, Errc::corrupted,
     "the log ends in a torn frame, and Recovery::strict left the file as it is: open it with Recovery::repair to cut "
     "it there"},
    {Verdict::damaged, Action::refuse, Action::cut, Action::refuse, Errc::corrupted,
     "bytes that had been fsynced are damaged, and the file was left as it is: restore it from a copy, or open it with "
     "Recovery::truncate to lose what follows"},
    {Verdict::foreign, Action::refuse, Action::refuse, Action::refuse, Errc::invalid_record,
     "the file is not an EWAL version 2 log and was left as it is: check the path"},
    {Verdict::unknown, Action::refuse, Action::refuse, Action::refuse, Errc::invalid_record,
     "a frame has flags or a version that this release does not know, and the file was left as it is: open it with a "
     "newer one"},
    {Verdict::malformed, Action::refuse, Action::refuse, Action::refuse, Errc::corrupted,
     "a frame's checksum is right but its content is impossible, and the file was left as it is: a faulty program "
     "wrote it, restore it from a copy"},
};

[[nodiscard]] constexpr const Ruling& ruling_for(Verdict verdict) noexcept {
  return rulings[static_cast<std::size_t>(verdict)];
}

namespace verdict_checks {
constexpr bool rows_stand_at_their_verdict() noexcept {
  for (std::size_t i = 0; i < std::size(rulings); ++i) {
    if (rulings[i].verdict != static_cast<Verdict>(i)) return false;
  }
  return std::size(rulings) == static_cast<std::size_t>(Verdict::malformed) + 1;
}
static_assert(rows_stand_at_their_verdict());
}  // namespace verdict_checks

/// Whether all of `bytes` are zero; so are none.
[[nodiscard]] inline bool all_zero(Bytes bytes) noexcept {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// Rule 2 for the first min(size, 8) bytes of a file that is not all zero.
[[nodiscard]] inline bool foreign_start(Bytes start) noexcept {
  constexpr std::size_t judged_bytes = format::count_at;
  static_assert(judged_bytes == 8);
  std::byte expected[judged_bytes];
  store_le(expected + format::magic_at, format::magic);
  store_le(expected + format::version_at, format::version);
  const std::size_t size = (std::min)(start.size(), judged_bytes);
  for (std::size_t i = 0; i < size; ++i) {
    const bool fits = i < format::flags_at    ? start[i] == expected[i]
                      : i == format::flags_at ? (start[i] & ~std::byte{format::known_flags}) == std::byte{0}
                                              : start[i] == std::byte{0};
    if (!fits) return true;
  }
  return false;
}

}  // namespace rewal::detail

#endif  // REWAL_RECOVERY_VERDICT_HPP
