// SPDX-License-Identifier: MIT
//
// Claim: what a producer gets when it asks for a place in the queue, or why it gets none. A value, used by one thread.
// How it is made is left to claims.hpp, and what is done with it to the ring.

#ifndef REWAL_QUEUE_CLAIM_HPP
#define REWAL_QUEUE_CLAIM_HPP

#include <cstdint>

#include <rewal/lsn.hpp>
#include <rewal/queue/claim_word.hpp>

namespace rewal::detail {

enum class Refusal : std::uint8_t { none, full, held, sealed, lsns_exhausted };

/// A place and LSNs of one's own.
struct Claim {
  Refusal refusal = Refusal::none;
  bool owes_wake_up = false;  // the claimer wakes the writer, after publishing
  bool ended_sleep = false;   // what it wakes it from is sleep, and nothing else was in flight
  bool overdrawn = false;     // the claimer waits while still_overdrawn()
  std::uint32_t size = 0;
  Lsn first_lsn = 0;
  std::uint64_t offset = 0;  // in the ring's memory
  Word end = 0;              // the head after the claim

  [[nodiscard]] explicit operator bool() const noexcept { return refusal == Refusal::none; }
};

/// Whether a claim that finds the writer asleep wakes it, or will itself see to it that its frame is written.
enum class Wake : std::uint8_t { writer, nobody };

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_CLAIM_HPP
