// SPDX-License-Identifier: MIT
//
// Sink: what an engine must offer, so that an outbox can ship events to it; Problem and Outcome: what its calls return.
// A sink is used by one thread, the outbox's. When to try again and where to go on is left to outbox.hpp.
//
//   last_shipped()  connects where there is no connection, and asks the target for the highest LSN that it holds, or
//                   has held: what its readers have deleted counts. 0 if it never held one.
//   ship(batch)     ships the events of a batch that are above that LSN, in order. It succeeds once the target has
//                   acknowledged all of them. The target itself compares: what it has already, or what does not follow
//                   its last event, it refuses, whoever sends it and however late it arrives. So an event is never
//                   there twice, and no event is there without those before it.
//   last_payload()  optional: the payload of the event that last_shipped() has named; none if it is no longer there. So a
//                   target that belongs to another log is told apart, though the numbers fit.
//   describe()      optional: the target in a few words for messages, without its password.
//
// After a failure the state of the target is unknown, and last_shipped() is asked before anything else is shipped.

#ifndef OUTBOX_SINK_HPP
#define OUTBOX_SINK_HPP

#include <concepts>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <rewal/lsn.hpp>

#include <outbox/batch.hpp>

namespace outbox {

/// What went wrong, as far as it decides what to do about it.
enum class Trouble {
  away,       // not there, silent or gone: try again
  full,       // there, without room: try again
  refused,    // there, but it lets nobody in or forbids it: try again, slowly
  overtaken,  // it holds another last event than the sink thought: ask again, and go on there
  ahead,      // it holds more than the log: stop
  missing,    // it lacks events that the log no longer holds: stop
  foreign,    // what it holds is not this outbox's: stop
  unfit,      // an event that it cannot ever hold: stop
  log,        // the log failed: stop
};
inline constexpr std::size_t troubles = 9;

[[nodiscard]] constexpr const char* name_of(Trouble trouble) {
  constexpr const char* names[troubles] = {"away",    "full",    "refused", "overtaken", "ahead",
                                           "missing", "foreign", "unfit",   "log"};
  return names[static_cast<std::size_t>(trouble)];
}

/// Whether time, or somebody's hand at the target, may mend it.
[[nodiscard]] constexpr bool is_passing(Trouble trouble) { return trouble <= Trouble::overtaken; }

struct Problem {
  Trouble trouble;
  std::string message;  // one sentence: what, and what to do about it
};

/// A value, or the problem why there is none.
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : value_(std::move(value)) {}              // NOLINT(google-explicit-constructor)
  Outcome(Problem problem) : problem_(std::move(problem)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] explicit operator bool() const { return value_.has_value(); }
  /// Require a value.
  [[nodiscard]] const T& operator*() const { return value_.value(); }
  [[nodiscard]] const T* operator->() const { return &value_.value(); }
  /// Requires a problem.
  [[nodiscard]] const Problem& problem() const { return problem_.value(); }

 private:
  std::optional<T> value_;
  std::optional<Problem> problem_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  Outcome(Problem problem) : problem_(std::move(problem)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] explicit operator bool() const { return !problem_.has_value(); }
  /// Requires a problem.
  [[nodiscard]] const Problem& problem() const { return problem_.value(); }

 private:
  std::optional<Problem> problem_;
};

template <class S>
concept Sink = std::movable<S> && requires(S& sink, const Batch& batch) {
  { sink.last_shipped() } -> std::same_as<Outcome<rewal::Lsn>>;
  { sink.ship(batch) } -> std::same_as<Outcome<void>>;
};

template <class S>
concept RemembersPayload = Sink<S> && requires(S& sink) {
  { sink.last_payload() } -> std::same_as<Outcome<std::optional<std::string>>>;
};

/// The sink in a few words.
template <Sink S>
[[nodiscard]] std::string description_of(const S& sink) {
  if constexpr (requires {
                  { sink.describe() } -> std::convertible_to<std::string>;
                }) {
    return sink.describe();
  } else {
    return "the target";
  }
}

}  // namespace outbox

#endif  // OUTBOX_SINK_HPP
