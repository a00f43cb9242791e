// SPDX-License-Identifier: MIT
//
// The Hooks policy: user code told of what the log does, and the guarded way to call it.
// Which thread calls which hook is said at each name below. A hook that throws changes nothing and is called again next
// time; a hook that calls the log is refused.

#ifndef REWAL_POLICY_HOOKS_HPP
#define REWAL_POLICY_HOOKS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <rewal/format/records.hpp>
#include <rewal/lsn.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/policy_scope.hpp>

namespace rewal {

/// The default: nobody is told.
struct NoHooks {};

namespace detail {

// For each hook: whether H has it, callable as the contract says, and whether H has a member of that name at all.
// (An overloaded or templated member cannot be told from none by its name.)
#define REWAL_HOOK(name, ...)                        \
  template <class H>                                 \
  concept has_##name = requires(H & hooks) {         \
    hooks.name(__VA_ARGS__);                         \
  };                                                 \
  template <class H>                                 \
  concept names_##name = has_##name<H> || requires { \
    &H::name;                                        \
  };

REWAL_HOOK(on_start)
REWAL_HOOK(on_shutdown_start)
REWAL_HOOK(on_shutdown_done, std::declval<std::chrono::nanoseconds>())
REWAL_HOOK(before_append, std::declval<const Events&>())
REWAL_HOOK(after_append, std::declval<Lsn>(), std::declval<std::size_t>())
REWAL_HOOK(before_write, std::declval<std::size_t>())
REWAL_HOOK(after_write, std::declval<std::size_t>())
REWAL_HOOK(before_sync)
REWAL_HOOK(after_sync, std::declval<std::chrono::nanoseconds>())
REWAL_HOOK(on_corruption, std::declval<std::uint64_t>())
REWAL_HOOK(on_drop, std::declval<std::size_t>())
REWAL_HOOK(on_durable, std::declval<Lsn>())
#undef REWAL_HOOK

template <class H>
concept HasAnyHook = has_on_start<H> || has_on_shutdown_start<H> || has_on_shutdown_done<H> || has_before_append<H> ||
    has_after_append<H> || has_before_write<H> || has_after_write<H> || has_before_sync<H> || has_after_sync<H> ||
    has_on_corruption<H> || has_on_drop<H> || has_on_durable<H>;

template <class H>
concept EveryHookFits =
    (has_on_start<H> || !names_on_start<H>)&&(has_on_shutdown_start<H> || !names_on_shutdown_start<H>)&&(
        has_on_shutdown_done<H> ||
        !names_on_shutdown_done<
            H>)&&(has_before_append<H> ||
                  !names_before_append<
                      H>)&&(has_after_append<H> ||
                            !names_after_append<
                                H>)&&(has_before_write<H> ||
                                      !names_before_write<
                                          H>)&&(has_after_write<H> ||
                                                !names_after_write<
                                                    H>)&&(has_before_sync<H> ||
                                                          !names_before_sync<
                                                              H>)&&(has_after_sync<H> ||
                                                                    !names_after_sync<
                                                                        H>)&&(has_on_corruption<H> ||
                                                                              !names_on_corruption<
                                                                                  H>)&&(has_on_drop<H> ||
                                                                                        !names_on_drop<
                                                                                            H>)&&(has_on_durable<H> ||
                                                                                                  !names_on_durable<H>);

}  // namespace detail

/// A policy with any of these members, no base class:
///
///   on_start()                                    build(), before it returns
///   on_shutdown_start()                           the first caller of shutdown or the destructor
///   on_shutdown_done(std::chrono::nanoseconds)    after the file is closed; the time since on_shutdown_start
///   before_append(const Events&)                  the appending thread, several at once; also if the append is refused
///   after_append(Lsn last, std::size_t count)     once per frame, after it has been written
///   before_write(std::size_t bytes), after_write(std::size_t bytes)
///   before_sync(), after_sync(std::chrono::nanoseconds)
///   on_corruption(std::uint64_t offset)           build(), where it cut damage
///   on_drop(std::size_t events)                   the appending thread, several at once
///   on_durable(Lsn lsn)                           each time durable_lsn() has advanced, which then is at least `lsn`;
///                                                 lsn never goes back. For those who do not want to wait
///
/// A hook may call another log. Two logs whose hooks wait for each other, by flush() say, deadlock as two mutexes taken in
/// two orders do: let hooks call in one direction only.
///
/// Those of the write path, on_durable among them, run one at a time, on whichever thread writes. A type with none of them is not Hooks,
/// but for NoHooks; nor is one with a right name and a wrong signature, where the compiler can tell.
template <class H>
concept Hooks = std::is_same_v<H, NoHooks> ||(detail::HasAnyHook<H>&& detail::EveryHookFits<H>);

namespace detail {

/// Instantiated by the log: stops the compiler at the hook whose signature is wrong, with its name.
template <class H>
consteval bool require_hooks() {
  static_assert(has_on_start<H> || !names_on_start<H>, "rewal: this hook is void on_start()");
  static_assert(has_on_shutdown_start<H> || !names_on_shutdown_start<H>,
                "rewal: this hook is void on_shutdown_start()");
  static_assert(has_on_shutdown_done<H> || !names_on_shutdown_done<H>,
                "rewal: this hook is void on_shutdown_done(std::chrono::nanoseconds)");
  static_assert(has_before_append<H> || !names_before_append<H>,
                "rewal: this hook is void before_append(const Events&)");
  static_assert(has_after_append<H> || !names_after_append<H>,
                "rewal: this hook is void after_append(Lsn last, std::size_t count)");
  static_assert(has_before_write<H> || !names_before_write<H>,
                "rewal: this hook is void before_write(std::size_t bytes)");
  static_assert(has_after_write<H> || !names_after_write<H>, "rewal: this hook is void after_write(std::size_t bytes)");
  static_assert(has_before_sync<H> || !names_before_sync<H>, "rewal: this hook is void before_sync()");
  static_assert(has_after_sync<H> || !names_after_sync<H>,
                "rewal: this hook is void after_sync(std::chrono::nanoseconds)");
  static_assert(has_on_corruption<H> || !names_on_corruption<H>,
                "rewal: this hook is void on_corruption(std::uint64_t offset)");
  static_assert(has_on_drop<H> || !names_on_drop<H>, "rewal: this hook is void on_drop(std::size_t events)");
  static_assert(has_on_durable<H> || !names_on_durable<H>, "rewal: this hook is void on_durable(Lsn)");
  static_assert(
      std::is_same_v<H, NoHooks> || HasAnyHook<H>,
      "rewal: Hooks need one of the members that <rewal/policy/hooks.hpp> lists, on_durable(Lsn) for example");
  return true;
}

/// Owns the hooks and calls them: nothing escapes, and while one runs the log refuses this thread's calls.
/// A hook that H does not have is an empty function.
template <class H>
class HookCalls {
 public:
  static constexpr bool sees_frames = has_after_append<H>;
  static constexpr bool any = HasAnyHook<H>;

  /// `log` is the token of the log's PolicyScope.
  HookCalls(H hooks, const PolicyMarks* log) : hooks_(std::move(hooks)), log_(log) {}

  void on_start() noexcept {
    if constexpr (has_on_start<H>) guarded([&] { hooks_.on_start(); });
  }
  void on_shutdown_start() noexcept {
    if constexpr (has_on_shutdown_start<H>) guarded([&] { hooks_.on_shutdown_start(); });
  }
  void on_shutdown_done([[maybe_unused]] std::chrono::nanoseconds elapsed) noexcept {
    if constexpr (has_on_shutdown_done<H>) guarded([&] { hooks_.on_shutdown_done(elapsed); });
  }
  void before_append([[maybe_unused]] const Events& events) noexcept {
    if constexpr (has_before_append<H>) guarded([&] { hooks_.before_append(events); });
  }
  void after_append([[maybe_unused]] Lsn last, [[maybe_unused]] std::size_t count) noexcept {
    if constexpr (has_after_append<H>) guarded([&] { hooks_.after_append(last, count); });
  }
  void before_write([[maybe_unused]] std::size_t bytes) noexcept {
    if constexpr (has_before_write<H>) guarded([&] { hooks_.before_write(bytes); });
  }
  void after_write([[maybe_unused]] std::size_t bytes) noexcept {
    if constexpr (has_after_write<H>) guarded([&] { hooks_.after_write(bytes); });
  }
  void before_sync() noexcept {
    if constexpr (has_before_sync<H>) guarded([&] { hooks_.before_sync(); });
  }
  void after_sync([[maybe_unused]] std::chrono::nanoseconds elapsed) noexcept {
    if constexpr (has_after_sync<H>) guarded([&] { hooks_.after_sync(elapsed); });
  }
  void on_corruption([[maybe_unused]] std::uint64_t offset) noexcept {
    if constexpr (has_on_corruption<H>) guarded([&] { hooks_.on_corruption(offset); });
  }
  void on_drop([[maybe_unused]] std::size_t events) noexcept {
    if constexpr (has_on_drop<H>) guarded([&] { hooks_.on_drop(events); });
  }
  void on_durable([[maybe_unused]] Lsn lsn) noexcept {
    if constexpr (has_on_durable<H>) guarded([&] { hooks_.on_durable(lsn); });
  }

 private:
  template <class F>
  void guarded(F&& call) noexcept {
    const PolicyScope scope(log_);
    REWAL_TRY { call(); }
    REWAL_CATCH_ALL {}
  }

  [[no_unique_address]] H hooks_;
  const PolicyMarks* log_;
};

}  // namespace detail
}  // namespace rewal

#endif  // REWAL_POLICY_HOOKS_HPP
