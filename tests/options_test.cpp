// SPDX-License-Identifier: MIT
//
// Durations of any period, in nanoseconds.

#include <rewal/options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

using namespace rewal;
using namespace std::chrono_literals;
using rewal::detail::saturated;
using std::chrono::duration;
using std::chrono::nanoseconds;

TEST_CASE("a duration with the period of a hardware timer keeps its sign and its size") {
  using Ticks = duration<std::int64_t, std::ratio<1, 3579545>>;
  CHECK(saturated(Ticks(3579545)) == 1s);
  CHECK(saturated(Ticks(-3579545)) == -1s);
  const auto day = saturated(Ticks(std::int64_t{3579545} * 86400));
  CHECK(day == 24h);
  const auto year = saturated(Ticks(std::int64_t{3579545} * 86400 * 365));
  CHECK(year > 364 * 24h);
  CHECK(year < 366 * 24h);
  CHECK(saturated(Ticks::max()) > 364 * 24h);
  CHECK(saturated(Ticks::min()) < -364 * 24h);
}

TEST_CASE("what does not fit into nanoseconds is the longest or the shortest duration") {
  CHECK(saturated(std::chrono::hours::max()) == nanoseconds::max());
  CHECK(saturated(std::chrono::hours::min()) == nanoseconds::min());
  CHECK(saturated(duration<std::int64_t, std::ratio<1'000'000'000>>(1'000'000'000)) == nanoseconds::max());
  CHECK(saturated(duration<double>(1e300)) == nanoseconds::max());
  CHECK(saturated(duration<double>(-1e300)) == nanoseconds::min());
}

TEST_CASE("what is no number is no interval, and no time to wait") {
  const duration<double> none(std::numeric_limits<double>::quiet_NaN());
  CHECK(saturated(none) < 0ns);
  CHECK(SyncMode::interval(none).period() < 0ns);
}

TEST_CASE("durations that fit are exact") {
  CHECK(saturated(nanoseconds::max() - 1000ns) >= nanoseconds::max() - 2000ns);
  CHECK(saturated(duration<std::int64_t, std::pico>(1'999)) == 1ns);
  CHECK(saturated(duration<std::uint64_t, std::milli>(5)) == 5ms);
  CHECK(saturated(duration<int, std::ratio<1, 3>>(1)) == 333'333'333ns);
}
