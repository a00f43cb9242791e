// SPDX-License-Identifier: MIT
//
// replay: hands every event of a snapshot to a function.
// Runs on the calling thread, beside the writer. The function is the caller's, not a policy: it may call the log, and
// its exceptions propagate. What is read and in which order is decided by EventReader.

#ifndef REWAL_READ_REPLAY_HPP
#define REWAL_READ_REPLAY_HPP

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/format/event.hpp>
#include <rewal/lsn.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/read/event_reader.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/result.hpp>

namespace rewal::detail {

/// What a replay function is called with: the view if it takes one, else the owned event.
template <class F>
using ReplayArgument = std::conditional_t<std::is_invocable_v<F&, const BorrowedEvent&>, const BorrowedEvent&, Event&&>;

template <class F>
concept ReplayFunction = std::is_invocable_v<F&, ReplayArgument<F>>;

/// A copy of `event`, or none where there is no memory for it.
[[nodiscard]] inline std::optional<Event> own(const BorrowedEvent& event) noexcept {
  REWAL_TRY { return event.to_owned(); }
  REWAL_CATCH_ALL { return std::nullopt; }
}

/// Calls `f` for each event with `from <= lsn <= to`, in file order. `f` returns void, bool (false stops) or Result<void> (an
/// error stops and is returned). Returns how many events `f` was given. Requires a `shared` that is not null.
template <class S, class C, ReplayFunction F>
[[nodiscard]] Result<std::uint64_t> replay(std::shared_ptr<SharedLog<S, C>> shared, Lsn from, Lsn to, F&& f) {
  using Returned = std::remove_cvref_t<std::invoke_result_t<F&, ReplayArgument<F>>>;
  static_assert(std::is_void_v<Returned> || std::is_same_v<Returned, bool> || std::is_same_v<Returned, Result<void>>,
                "a replay function returns void, bool (false stops) or rewal::Result<void> (an error stops)");
  EventReader<S, C> reader(std::move(shared), from, to);
  BorrowedEvent event;
  std::uint64_t handed = 0;
  std::optional<Error> refused;  // by f
  const auto hand_over = [&](auto&& argument) -> bool {
    ++handed;
    auto call = [&]() -> decltype(auto) { return std::invoke(f, std::forward<decltype(argument)>(argument)); };
    if constexpr (std::is_void_v<Returned>) {
      call();
      return true;
    } else if constexpr (std::is_same_v<Returned, bool>) {
      return call();
    } else {
      const Result<void> done = call();
      if (!done) refused = done.error();
      return done.has_value();
    }
  };
  for (;;) {
    const Read read = reader.next(event);
    if (REWAL_UNLIKELY(read == Read::end)) return handed;
    if (REWAL_UNLIKELY(read == Read::failed)) return *reader.error();
    bool go_on = true;
    if constexpr (std::is_same_v<ReplayArgument<F>, Event&&>) {
      std::optional<Event> owned = own(event);
      if (!owned) return not_enough_memory().at_offset(event.offset).at_lsn(event.lsn);
      go_on = hand_over(std::move(*owned));
    } else {
      go_on = hand_over(std::as_const(event));
    }
    if (!go_on) return refused ? Result<std::uint64_t>(*refused) : Result<std::uint64_t>(handed);
  }
}
/// The same without an upper bound.
template <class S, class C, ReplayFunction F>
[[nodiscard]] Result<std::uint64_t> replay(std::shared_ptr<SharedLog<S, C>> shared, Lsn from, F&& f) {
  return replay(std::move(shared), from, max_lsn, std::forward<F>(f));
}

}  // namespace rewal::detail

#endif  // REWAL_READ_REPLAY_HPP
