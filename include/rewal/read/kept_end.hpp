// SPDX-License-Identifier: MIT
//
// keep_end: what a log keeps of its storage before it closes it, for those who follow it to its end.
// Called once, by whoever shuts the log down, before it is closed. Who needs it is left to the caller.
//
// Where the storage maps, that is all of it, by one mapping, at no cost in memory. Elsewhere it is a copy of the last
// 1 MiB: a follower that is further behind asks the storage, and ends where that refuses. What cannot be kept is no
// error of the log.

#ifndef REWAL_READ_KEPT_END_HPP
#define REWAL_READ_KEPT_END_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/platform.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/read/source.hpp>

namespace rewal::detail {

/// `end` is that of the log.
template <class S, class C>
void keep_end(SharedLog<S, C>& shared, std::uint64_t end) noexcept {
  constexpr std::uint64_t most_copied = 1024 * 1024;
  const std::uint64_t copied = (std::min)(end, most_copied);
  if (copied == 0) return;
  REWAL_TRY {
    auto source = std::make_shared<Source<S>>(shared.storage, &shared, end, static_cast<std::size_t>(copied));
    const Bytes all = source->mapped();
    const std::uint64_t at = all.empty() ? end - copied : 0;
    shared.kept = all.empty() ? source->at(at, copied) : all;
    shared.kept_at = at;
    shared.kept_memory = std::move(source);
  }
  REWAL_CATCH_ALL {}
}

}  // namespace rewal::detail

#endif  // REWAL_READ_KEPT_END_HPP
