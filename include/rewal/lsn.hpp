// SPDX-License-Identifier: MIT
//
// The log sequence number: the identity and the order of an event.

#ifndef REWAL_LSN_HPP
#define REWAL_LSN_HPP

#include <cstdint>

namespace rewal {

/// Log sequence number. The first event of a log is 1; 0 means "none", or "from the beginning".
using Lsn = std::uint64_t;

namespace detail {

/// The highest LSN an event may carry; one below the top, so that "the next one" can always be computed.
inline constexpr Lsn max_lsn = UINT64_MAX - 1;

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_LSN_HPP
