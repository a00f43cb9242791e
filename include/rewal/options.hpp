// SPDX-License-Identifier: MIT
//
// What a log can be told when it is opened: the enumerations and numbers behind the builder's options.
// Plain values; build() checks them and says what is wrong with them.

#ifndef REWAL_OPTIONS_HPP
#define REWAL_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <ratio>
#include <string_view>
#include <type_traits>

#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>

namespace rewal {

namespace detail {

/// A duration in nanoseconds, at the ends of the range where it does not fit; what is no number is the lowest. No step of it
/// overflows, whatever the period: that of a hardware timer is 1/3579545 s.
template <class Rep, class Period>
[[nodiscard]] constexpr std::chrono::nanoseconds saturated(std::chrono::duration<Rep, Period> duration) noexcept {
  using std::chrono::nanoseconds;
  using Scale = std::ratio_divide<Period, std::nano>;
  const auto count = static_cast<long double>(duration.count());
  const long double as_double = count * static_cast<long double>(Scale::num) / static_cast<long double>(Scale::den);
  constexpr auto limit = static_cast<long double>((std::numeric_limits<std::int64_t>::max)());
  if (as_double >= limit) return (nanoseconds::max)();
  if (!(as_double > -limit)) return (nanoseconds::min)();
  if constexpr (std::is_integral_v<Rep>) {
    // Exact, where the product fits.
    constexpr auto most = static_cast<long double>((std::numeric_limits<std::int64_t>::max)() / Scale::num);
    if (count < most && count > -most)
      return nanoseconds(static_cast<std::int64_t>(duration.count()) * Scale::num / Scale::den);
  }
  return nanoseconds(static_cast<std::int64_t>(as_double));
}

struct IntervalMustBeAChronoDuration {};

}  // namespace detail

/// When the writer fsyncs without being asked.
class SyncMode {
 public:
  enum class Kind : std::uint8_t { never, batch, interval };

  /// The default: `never`.
  constexpr SyncMode() noexcept = default;

  /// No fsync of events unless asked (`sync`, `wait_durable`, `append_durable`, `shutdown`). A written event survives
  /// the death of the process, not a power loss. For buffering, and for callers that ask for durability themselves.
  static const SyncMode never;
  /// One fsync per group: everything published when the writer starts, in as many writes as it takes. `append` is no
  /// acknowledgement, `flush` is. For logs whose every flush must survive a power loss.
  static const SyncMode batch;
  /// The fsync for an event starts within `d` of its append, or when the one then running ends, also on an idle tail.
  /// A power loss costs at most the last `d`. 0 is as `batch`; a negative one makes build() fail.
  template <class Rep, class Period>
  [[nodiscard]] static constexpr SyncMode interval(std::chrono::duration<Rep, Period> d) noexcept {
    auto nanoseconds = detail::saturated(d);
    if (nanoseconds.count() == 0 && d < d.zero()) nanoseconds = std::chrono::nanoseconds(-1);  // negative all the same
    return {nanoseconds.count() == 0 ? Kind::batch : Kind::interval, nanoseconds};
  }

  template <class T>
  requires std::is_arithmetic_v<T> REWAL_REFUSED(
      "rewal: an interval is a duration: interval(std::chrono::milliseconds(50)), or interval(50ms)",
      static detail::IntervalMustBeAChronoDuration)
  interval(T) REWAL_NOT_DEFINED;

  [[nodiscard]] constexpr Kind kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr std::chrono::nanoseconds period() const noexcept { return period_; }
  [[nodiscard]] friend constexpr bool operator==(SyncMode, SyncMode) noexcept = default;

 private:
  constexpr SyncMode(Kind kind, std::chrono::nanoseconds period) noexcept : kind_(kind), period_(period) {}

  Kind kind_ = Kind::never;
  std::chrono::nanoseconds period_{0};
};

inline constexpr SyncMode SyncMode::never{SyncMode::Kind::never, std::chrono::nanoseconds{0}};
inline constexpr SyncMode SyncMode::batch{SyncMode::Kind::batch, std::chrono::nanoseconds{0}};

/// What `append` does when the queue is full.
enum class Backpressure : std::uint8_t {
  block,  ///< waits for room. The default: no event is lost, a slow disk slows the callers.
  drop,   ///< returns LSN 0, counts the events in Stats::drops and calls on_drop. For telemetry.
  error,  ///< returns queue_full at once. For callers that can shed load themselves.
};

/// What build() does with damage. A tear is what a crash explains; proof of damage is not.
enum class Recovery : std::uint8_t {
  repair,    ///< cuts a tear (saving any valid frame in it first), refuses proof of damage and leaves the file as it is
  truncate,  ///< cuts at the first bad frame whatever follows it, as the other implementations do
  strict,    ///< refuses a tear too: nothing but trailing zeros is ever cut
};

/// What a follower hands out.
enum class Follow : std::uint8_t {
  durable,  ///< an event once it is fsynced, so that nobody acts on what a crash takes back. The default.
  written,  ///< an event once it is written: it survives the death of the process, not a power loss.
};

/// The life of a log.
enum class State : std::uint32_t {
  init,      ///< not opened, or moved from
  running,   ///< takes events
  draining,  ///< shutting down: what was accepted is being written, nothing new is taken
  closed,    ///< the file is closed and unlocked
};

namespace detail {

[[nodiscard]] constexpr std::string_view name_of(State state) noexcept {
  switch (state) {
    case State::init: return "init";
    case State::running: return "running";
    case State::draining: return "draining";
    case State::closed: return "closed";
  }
  return "unknown";
}

/// The builder's numbers, one value for all of them.
struct Options {
  SyncMode sync_mode = SyncMode::never;
  Backpressure backpressure = Backpressure::block;
  Recovery recovery = Recovery::repair;
  std::uint64_t queue_capacity = 4096;
  std::uint64_t queue_bytes = 2112 * 1024;
  std::uint64_t buffer_capacity = 64 * 1024;
  std::uint64_t max_frame_bytes = std::uint64_t{1} << 30;
  std::uint64_t preallocate_bytes = 4 * 1024 * 1024;
  bool preallocate_was_asked_for = false;  // else none where the file system copies what is overwritten
  unsigned file_mode = 0644;
  Lsn start_lsn = 1;
};

}  // namespace detail

template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, State state) {
  return out << detail::name_of(state);
}

}  // namespace rewal

#endif  // REWAL_OPTIONS_HPP
