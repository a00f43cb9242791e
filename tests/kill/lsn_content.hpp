// SPDX-License-Identifier: MIT
//
// What is appended: sizes, payloads and meta all follow from the LSN, so that a reader knows what each event must be.

#ifndef REWAL_TESTS_KILL_LSN_CONTENT_HPP
#define REWAL_TESTS_KILL_LSN_CONTENT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <rewal/format/event.hpp>
#include <rewal/lsn.hpp>
#include <string>
#include <string_view>
#include <torture/report.hpp>
#include <vector>

namespace rewal_kill {

using rewal::BorrowedEvent;
using rewal::Lsn;
using rewal_torture::Random;

/// Every 16th LSN begins a batch of 5; so batches lie at the same LSNs however often the log is opened.
inline constexpr Lsn batch_period = 16;
inline constexpr Lsn batch_count = 5;

[[nodiscard]] inline bool is_last_of_frame(Lsn lsn) {
  const Lsn place = lsn % batch_period;
  return place >= batch_count - 1;
}

/// Mostly small; some go over a sector, a page, the writer's buffer, and one in about 200 over the queue.
[[nodiscard]] inline std::size_t size_of(Lsn lsn) {
  Random random(lsn);
  const std::uint64_t kind = random.below(200);
  if (kind == 0) return 20'000 + random.below(60'000);
  if (kind < 10) return random.below(9000);
  return random.below(400);
}

inline void fill(Lsn lsn, std::vector<std::byte>& payload) {
  payload.resize(size_of(lsn));
  Random random(lsn * 77);
  for (std::size_t at = 0; at < payload.size(); at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(payload.data() + at, &word, (std::min)(payload.size() - at, sizeof word));
  }
}

[[nodiscard]] inline std::string meta_of(Lsn lsn) {
  return lsn % 3 == 0 ? "meta " + std::to_string(lsn) : std::string();
}

[[nodiscard]] inline bool is_right(const BorrowedEvent& event, std::vector<std::byte>& expected) {
  fill(event.lsn, expected);
  const std::string meta = meta_of(event.lsn);
  return event.payload.size() == expected.size() &&
         std::equal(expected.begin(), expected.end(), event.payload.begin()) &&
         (event.meta ? rewal::as_text(*event.meta) : std::string_view()) == meta;
}

}  // namespace rewal_kill

#endif  // REWAL_TESTS_KILL_LSN_CONTENT_HPP
