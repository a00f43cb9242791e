// SPDX-License-Identifier: MIT
//
// The Indexer policy: user code that hears of each event once it has been written.
// Called one event at a time, in LSN order. Who calls it, and on which thread, is left to the writer.

#ifndef REWAL_POLICY_INDEXER_HPP
#define REWAL_POLICY_INDEXER_HPP

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <rewal/bytes.hpp>
#include <rewal/lsn.hpp>

namespace rewal {

/// The default: nobody is told.
struct NoIndexer {};

/// A policy that builds an index of its own, or NoIndexer. `on_append(lsn, meta, offset)` runs once per event, one at a
/// time, in LSN order, after the event's frame has been written; `offset` is the frame's place in the file. Exceptions
/// are caught.
template <class I>
concept Indexer = std::is_same_v<I, NoIndexer> ||
    requires(I& indexer, Lsn lsn, std::optional<Bytes> meta, std::uint64_t offset) {
  { indexer.on_append(lsn, meta, offset) } -> std::same_as<void>;
};

namespace detail {

template <class I>
inline constexpr bool has_indexer = !std::is_same_v<I, NoIndexer>;

/// The mistake, as a type whose name says it.
struct indexer_needs_void_on_append_Lsn_optional_Bytes_uint64_t;

/// Instantiated by the log: the compiler says what is missing.
template <class I>
consteval bool require_indexer() {
  static_assert(Indexer<I>,
                "rewal: an Indexer needs void on_append(Lsn, std::optional<Bytes> meta, std::uint64_t offset)");
  return true;
}

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_POLICY_INDEXER_HPP
