// SPDX-License-Identifier: MIT
//
// Told: what the library told a workload, as the workload tells it to the recorder in one write each. A value without
// threads. What follows from it for a disk that lost its power is left to the judge.

#ifndef REWAL_TESTS_POWERCUT_TOLD_HPP
#define REWAL_TESTS_POWERCUT_TOLD_HPP

#include <cstddef>
#include <cstdint>
#include <span>

#include "numbered_events.hpp"

namespace rewal_powercut {

struct Told {
  enum class Kind : std::uint32_t {
    began,    // not by the library: the file system is mounted, the workload begins
    ended,    // the workload is over, the file system is about to be unmounted
    opened,   // build() returned; `lsn` and `digest` of the events found, `author.session` is the session that begins
    saved,    // the opening had saved `log-<file>.cut-<count>`, `lsn` bytes of that `digest`
    durable,  // everything up to `lsn` is, `count` events of the author among it
    copying,  // copy_to is about to be called for copy number `file`; `lsn` is durable
    copied,   // it returned `lsn`
    committing,  // cursor number `file`: commit(lsn) is about to be called
    committed,   // it returned
  };
  Kind kind = Kind::opened;
  std::uint32_t file = 0;  // the number in its name
  Author author;
  std::uint64_t lsn = 0;
  std::uint64_t count = 0;
  std::uint64_t digest = 0;
};
static_assert(sizeof(Told) == 4 + 4 + 8 + 8 + 8 + 8);

/// Of all events so far, and of one more.
[[nodiscard]] constexpr std::uint64_t digest(std::uint64_t before, const Numbered& event) {
  for (const std::uint64_t word :
       {std::uint64_t{event.author.session}, std::uint64_t{event.author.thread}, event.number}) {
    before = (before ^ word) * 0x100000001B3;
    before ^= before >> 29;
  }
  return before;
}

/// Of the bytes of a file.
[[nodiscard]] inline std::uint64_t digest_of_bytes(std::span<const std::byte> bytes) {
  std::uint64_t value = 0xCBF29CE484222325;
  for (const std::byte byte : bytes) value = (value ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3;
  return value;
}

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_TOLD_HPP
