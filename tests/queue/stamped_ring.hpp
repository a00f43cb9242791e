// SPDX-License-Identifier: MIT
//
// A ring with the words that a test speaks, whose frames say what they should be.

#ifndef REWAL_TESTS_QUEUE_STAMPED_RING_HPP
#define REWAL_TESTS_QUEUE_STAMPED_RING_HPP

#include <cstddef>
#include <cstring>
#include <rewal/queue/ring.hpp>
#include <support/harness.hpp>
#include <support/interrupted_threads.hpp>
#include <utility>
#include <vector>

namespace rewal_test {

using rewal::detail::Claim;
using rewal::detail::Refusal;
using rewal::detail::Ring;
using rewal::detail::RingSpan;
using rewal::detail::Wake;

/// What stands in a frame: size, records and LSN, and after them bytes that follow from the LSN.
struct Stamp {
  std::uint32_t size;
  std::uint32_t records;
  Lsn lsn;
};

inline void fill(const RingSpan<std::byte>& room, const Stamp& stamp) {
  std::byte header[sizeof stamp];
  std::memcpy(header, &stamp, sizeof stamp);
  for (std::size_t i = 0; i < room.size(); ++i) {
    room[i] = i < sizeof header ? header[i] : static_cast<std::byte>(stamp.lsn + i);
  }
}

/// The stamp of the frame at `at`; one of size 0 where the frame's bytes are not what its producer wrote.
inline Stamp examine(const RingSpan<std::byte>& bytes, std::size_t at) {
  Stamp stamp{};
  std::byte header[sizeof stamp];
  bytes.copy_to(at, header);
  std::memcpy(&stamp, header, sizeof stamp);
  if (stamp.size > bytes.size() - at) return {};
  for (std::size_t i = sizeof header; i < stamp.size; ++i) {
    if (bytes[at + i] != static_cast<std::byte>(stamp.lsn + i)) return {};
  }
  return stamp;
}

/// A ring with the words that a test speaks.
class Queue {
 public:
  explicit Queue(std::uint64_t bytes, std::uint64_t frames = 1000, Lsn first = 1) : ring(bytes, frames, first) {}

  Refusal claim(std::uint32_t size, std::uint32_t records = 1) {
    const Claim claim = ring.try_claim(size, records, Wake::writer);
    if (claim) pending_.push_back({claim, records});
    return claim.refusal;
  }
  /// Publishes the k-th of the claims not yet published.
  void publish(std::size_t k = 0) {
    const auto [claim, records] = pending_[k];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(k));
    fill(ring.room(claim), {claim.size, records, claim.first_lsn});
    ring.publish(claim);
  }
  bool append(std::uint32_t size, std::uint32_t records = 1) {
    if (claim(size, records) != Refusal::none) return false;
    publish(pending_.size() - 1);
    return true;
  }
  /// Takes what is published, at most `most` bytes; the LSNs of the frames, 0 for one with wrong bytes.
  std::vector<Lsn> take(std::uint64_t most = UINT64_MAX) {
    std::vector<Lsn> lsns;
    const auto run = ring.gather(most);
    Lsn next = ring.next_unconsumed_lsn();
    for (std::size_t at = 0; at < run.bytes.size();) {
      const Stamp stamp = examine(run.bytes, at);
      lsns.push_back(stamp.lsn);
      if (stamp.size == 0) break;
      at += stamp.size;
      next = stamp.lsn + stamp.records;
    }
    if (run.frames != 0) ring.consume(run, next);
    return lsns;
  }

  Ring<> ring;

 private:
  std::vector<std::pair<Claim, std::uint32_t>> pending_;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_QUEUE_STAMPED_RING_HPP
