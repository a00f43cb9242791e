// SPDX-License-Identifier: MIT
//
// RingSpan: bytes of a ring, which may run over its end and go on at its start. A view, used like a span.

#ifndef REWAL_QUEUE_RING_SPAN_HPP
#define REWAL_QUEUE_RING_SPAN_HPP

#include <cstddef>
#include <span>

namespace rewal::detail {

/// Bytes of the ring, in two pieces where they run over its end. The second is empty otherwise.
template <class Byte>
struct RingSpan {
  std::span<Byte> first;
  std::span<Byte> second;

  [[nodiscard]] std::size_t size() const noexcept { return first.size() + second.size(); }
  [[nodiscard]] Byte& operator[](std::size_t i) const noexcept {
    return i < first.size() ? first[i] : second[i - first.size()];
  }
  /// The bytes [from, to).
  [[nodiscard]] RingSpan part(std::size_t from, std::size_t to) const noexcept {
    const std::size_t in_first = first.size();
    if (to <= in_first) return {first.subspan(from, to - from), {}};
    if (from >= in_first) return {second.subspan(from - in_first, to - from), {}};
    return {first.subspan(from), second.first(to - in_first)};
  }
  void copy_to(std::size_t from, std::span<std::byte> to) const noexcept {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = (*this)[from + i];
  }
};

}  // namespace rewal::detail

#endif  // REWAL_QUEUE_RING_SPAN_HPP
