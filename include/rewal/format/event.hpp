// SPDX-License-Identifier: MIT
//
// An event as the log hands it out: owned, or as a view into the log's bytes.
// Plain values. Where they come from, and how long a view lives, is said by the reader that gives them.

#ifndef REWAL_FORMAT_EVENT_HPP
#define REWAL_FORMAT_EVENT_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/lsn.hpp>

namespace rewal {

/// An event that owns its bytes.
struct Event {
  Lsn lsn = 0;
  std::vector<std::byte> payload;
  std::optional<std::vector<std::byte>> meta;  ///< none where the event has no meta, or an empty one

  [[nodiscard]] friend bool operator==(const Event&, const Event&) = default;
};

/// A view of an event in the log's own bytes. Valid until the next `next*` call of its iterator, or until the replay
/// callback returns.
struct BorrowedEvent {
  Lsn lsn = 0;
  Bytes payload;
  std::optional<Bytes> meta;  ///< none where the event has no meta, or an empty one
  std::uint64_t offset = 0;   ///< of the event's frame in the file, in bytes

  /// A copy that owns its bytes.
  [[nodiscard]] Event to_owned() const {
    Event event{lsn, {payload.begin(), payload.end()}, std::nullopt};
    if (meta) event.meta.emplace(meta->begin(), meta->end());
    return event;
  }
};

}  // namespace rewal

#endif  // REWAL_FORMAT_EVENT_HPP
