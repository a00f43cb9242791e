// SPDX-License-Identifier: MIT
//
// How long a cache line takes from one processor to another and back. Virtual machines on shared hosts may be given
// cores without a common cache: whatever hands data from thread to thread is then slower, on an unchanged program.
// Runs on two threads of its own; pins nothing else.

#ifndef REWAL_BENCH_ROUND_TRIP_HPP
#define REWAL_BENCH_ROUND_TRIP_HPP

#include <cstddef>
#include <optional>

namespace bench {

struct RoundTrip {
  std::size_t first;  // the processors
  std::size_t second;
  double nanoseconds;  // median
};

/// Between the first two processors that this process may use; takes about so many seconds. Nothing where there is one.
[[nodiscard]] std::optional<RoundTrip> measure_round_trip(double seconds);

}  // namespace bench

#endif  // REWAL_BENCH_ROUND_TRIP_HPP
