// SPDX-License-Identifier: MIT
//
// A step of a run: one operation of one thread, what else could have been done there, and what must be known of it to
// find the schedules that are left. Plain data of the engine.

#ifndef REWAL_TESTS_INTERLEAVINGS_STEP_HPP
#define REWAL_TESTS_INTERLEAVINGS_STEP_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "memory.hpp"
#include "scheduler.hpp"

namespace rewal_model {

[[nodiscard]] constexpr Mask bit(unsigned thread) noexcept { return static_cast<Mask>(1u << thread); }
[[nodiscard]] inline unsigned lowest(Mask mask) noexcept { return static_cast<unsigned>(std::countr_zero(mask)); }

/// What a thread does next, as far as others must know.
struct Operation {
  Kind kind = Kind::begin;
  bool has_place = false;
  bool writes = false;  // the place, or the queue of those who sleep on it
  bool sc_load = false;
  Place place = 0;
  std::uint64_t least = 0;  // of await
  Site site{"", 0};
};

struct Race {
  std::size_t earlier;
  std::size_t later;
};

/// One operation of the run, and what else could have been done there.
struct Step {
  std::uint8_t thread = 0;
  bool varied = true;
  std::uint16_t outcome = 0;  // of those that the operation may have
  std::uint16_t outcomes = 1;
  Mask enabled = 0;
  // Search::all
  Mask sleep = 0;      // explored already, and nothing since has depended on it
  Mask backtrack = 0;  // to be explored here
  // Search::deviations
  Mask todo = 0;          // alternatives left
  Mask free = 0;          // of them, those that are no deviation
  std::uint8_t cost = 0;  // of the thread chosen
  // What happened, for the order of dependent operations.
  bool writes = false;
  std::uint16_t sequence = 0;  // of its thread
  std::array<std::uint16_t, most_threads> clock{};
};

/// For the schedule of a violation.
struct Note {
  std::uint8_t thread;
  Kind kind;
  Place place;
  std::uint64_t value;
  Site site;
  bool odd;  // a stale read, a swap that failed, an early wake-up
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_STEP_HPP
