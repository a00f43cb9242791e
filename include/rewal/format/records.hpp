// SPDX-License-Identifier: MIT
//
// Records inside a frame's region: writing one, and walking over those that format::holds_records() accepted.
// Pure functions and small views over bytes; they check nothing, since their bytes were checked before.

#ifndef REWAL_FORMAT_RECORDS_HPP
#define REWAL_FORMAT_RECORDS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>

#include <rewal/bytes.hpp>
#include <rewal/format/event.hpp>
#include <rewal/format/format.hpp>
#include <rewal/little_endian.hpp>
#include <rewal/platform.hpp>

namespace rewal {

namespace detail {

/// Empty meta is no meta.
[[nodiscard]] inline std::optional<Bytes> meta_or_none(Bytes meta) noexcept {
  return meta.empty() ? std::nullopt : std::optional<Bytes>(meta);
}

/// A length that no memory has, as a -1 that was passed on, stays one that no frame has: nothing here wraps.
[[nodiscard]] inline std::uint64_t record_bytes(Bytes payload, Bytes meta) noexcept {
  constexpr std::uint64_t most = UINT64_MAX / 4;
  return std::uint64_t{format::record_header_bytes} + (std::min)(std::uint64_t{meta.size()}, most) +
         (std::min)(std::uint64_t{payload.size()}, most);
}

/// A frame of that one record.
[[nodiscard]] inline std::uint64_t record_frame_bytes(Bytes payload, Bytes meta) noexcept {
  return format::frame_overhead + record_bytes(payload, meta);
}

/// The record header as the low 6 bytes of a word.
[[nodiscard]] inline std::uint64_t record_header_word(Bytes payload, Bytes meta) noexcept {
  static_assert(format::payload_length_at == 0 && format::meta_length_at == 4);
  return static_cast<std::uint32_t>(payload.size()) | std::uint64_t{static_cast<std::uint16_t>(meta.size())} << 32;
}

inline void store_record_header(std::byte* to, Bytes payload, Bytes meta) noexcept {
  store_le(to + format::payload_length_at, static_cast<std::uint32_t>(payload.size()));
  store_le(to + format::meta_length_at, static_cast<std::uint16_t>(meta.size()));
}

/// Makes payload and meta of `event` those of the record at `at`, which lies in a checked region. In place: each field
/// is written once, for a copy of what was just written in pieces stalls the processor.
REWAL_INLINE void load_record(const std::byte* at, BorrowedEvent& event) noexcept {
  const std::size_t payload_bytes = load_le<std::uint32_t>(at + format::payload_length_at);
  const std::size_t meta_bytes = load_le<std::uint16_t>(at + format::meta_length_at);
  at += format::record_header_bytes;
  event.payload = {at + meta_bytes, payload_bytes};
  if (meta_bytes == 0) {
    event.meta.reset();
  } else {
    event.meta.emplace(at, meta_bytes);
  }
}

/// The record at `at`, which lies in a checked region.
[[nodiscard]] inline BorrowedEvent load_record(const std::byte* at) noexcept {
  BorrowedEvent event;
  load_record(at, event);
  return event;
}

/// Where the record after `event` begins.
[[nodiscard]] inline const std::byte* end_of(const BorrowedEvent& event) noexcept {
  return event.payload.data() + event.payload.size();
}

}  // namespace detail

/// The events of one append, before they have an LSN: a sized forward range of BorrowedEvent with lsn 0.
/// Valid during the hook call that it is passed to.
class Events {
 public:
  class iterator {
   public:
    using value_type = BorrowedEvent;
    using difference_type = std::ptrdiff_t;
    using reference = BorrowedEvent;
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;

    iterator() noexcept = default;
    [[nodiscard]] BorrowedEvent operator*() const noexcept {
      return region_ != nullptr ? detail::load_record(region_) : *single_;
    }
    iterator& operator++() noexcept {
      if (region_ != nullptr) region_ = detail::end_of(detail::load_record(region_));
      ++index_;
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator old = *this;
      ++*this;
      return old;
    }
    [[nodiscard]] friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.index_ == b.index_; }

   private:
    friend class Events;
    iterator(const std::byte* region, const BorrowedEvent* single, std::size_t index) noexcept
        : region_(region), single_(single), index_(index) {}

    const std::byte* region_ = nullptr;
    const BorrowedEvent* single_ = nullptr;
    std::size_t index_ = 0;
  };

  /// One event. `meta` may be empty.
  Events(Bytes payload, Bytes meta) noexcept : count_(1) {
    single_.payload = payload;
    single_.meta = detail::meta_or_none(meta);
  }
  /// `count` records, encoded.
  Events(Bytes region, std::size_t count) noexcept : region_(region.data()), count_(count) {}

  [[nodiscard]] iterator begin() const noexcept { return {region_, &single_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {region_, &single_, count_}; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  const std::byte* region_ = nullptr;
  BorrowedEvent single_;
  std::size_t count_ = 0;
};

}  // namespace rewal

#endif  // REWAL_FORMAT_RECORDS_HPP
