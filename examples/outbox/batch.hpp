// SPDX-License-Identifier: MIT
//
// Batch: events of a log in LSN order, copied one behind the other, which are shipped together. Used by one thread.
// It keeps its memory when it is cleared. How many events it takes is left to whoever fills it.

#ifndef OUTBOX_BATCH_HPP
#define OUTBOX_BATCH_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <rewal/bytes.hpp>
#include <rewal/format/event.hpp>
#include <rewal/lsn.hpp>

namespace outbox {

/// One event; valid until its batch changes.
struct Item {
  rewal::Lsn lsn;
  std::string_view payload;
  std::string_view meta;  // empty: none
};

class Batch {
 public:
  /// Requires an LSN above those that it holds.
  void add(const rewal::BorrowedEvent& event) {
    const std::string_view payload = rewal::as_text(event.payload);
    const std::string_view meta = event.meta ? rewal::as_text(*event.meta) : std::string_view();
    places_.push_back({event.lsn, bytes_.size(), payload.size(), meta.size()});
    bytes_.append(payload).append(meta);
  }
  void clear() {
    places_.clear();
    bytes_.clear();
  }

  [[nodiscard]] bool empty() const { return places_.empty(); }
  [[nodiscard]] std::size_t size() const { return places_.size(); }
  /// Of all payloads and metas.
  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
  [[nodiscard]] Item operator[](std::size_t at) const {
    const Place& place = places_[at];
    const std::string_view all(bytes_);
    return {place.lsn, all.substr(place.begin, place.payload), all.substr(place.begin + place.payload, place.meta)};
  }
  /// Require that it is not empty.
  [[nodiscard]] rewal::Lsn first_lsn() const { return places_.front().lsn; }
  [[nodiscard]] rewal::Lsn last_lsn() const { return places_.back().lsn; }

  /// Index of the first event above `lsn`; size() if there is none.
  [[nodiscard]] std::size_t above(rewal::Lsn lsn) const {
    std::size_t at = 0;
    while (at < places_.size() && places_[at].lsn <= lsn) ++at;
    return at;
  }

 private:
  struct Place {
    rewal::Lsn lsn;
    std::size_t begin;
    std::size_t payload;
    std::size_t meta;
  };

  std::vector<Place> places_;
  std::string bytes_;
};

}  // namespace outbox

#endif  // OUTBOX_BATCH_HPP
