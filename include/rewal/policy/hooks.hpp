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

// The hooks: name, what a wrong one is told, and the arguments.
// clang-format off
#define REWAL_HOOKS(X)                                                                                                     \
  X(on_start, on_start_takes_nothing, "void on_start()")                                                                   \
  X(on_shutdown_start, on_shutdown_start_takes_nothing, "void on_shutdown_start()")                                        \
  X(on_shutdown_done, on_shutdown_done_takes_nanoseconds, "void on_shutdown_done(std::chrono::nanoseconds)",               \
    std::declval<std::chrono::nanoseconds>())                                                                              \
  X(before_append, before_append_takes_const_Events, "void before_append(const Events&)", std::declval<const Events&>())   \
  X(after_append, after_append_takes_Lsn_and_size_t, "void after_append(Lsn last, std::size_t count)",                     \
    std::declval<Lsn>(), std::declval<std::size_t>())                                                                      \
  X(before_write, before_write_takes_size_t, "void before_write(std::size_t bytes)", std::declval<std::size_t>())          \
  X(after_write, after_write_takes_size_t, "void after_write(std::size_t bytes)", std::declval<std::size_t>())             \
  X(before_sync, before_sync_takes_nothing, "void before_sync()")                                                          \
  X(after_sync, after_sync_takes_nanoseconds, "void after_sync(std::chrono::nanoseconds)",                                 \
    std::declval<std::chrono::nanoseconds>())                                                                              \
  X(on_corruption, on_corruption_takes_uint64_t, "void on_corruption(std::uint64_t offset)",                               \
    std::declval<std::uint64_t>())                                                                                         \
  X(on_drop, on_drop_takes_size_t, "void on_drop(std::size_t events)", std::declval<std::size_t>())                        \
  X(on_durable, on_durable_takes_Lsn, "void on_durable(Lsn)", std::declval<Lsn>())

// For each: whether H has it, callable as the contract says, and whether H has no other member of that name.
// (An overloaded or templated member cannot be told from none by its name.)
#define REWAL_HOOK(name, mistake, text, ...)                                         \
  template <class H>                                                                 \
  concept has_##name = requires(H& hooks) { hooks.name(__VA_ARGS__); };              \
  template <class H>                                                                 \
  concept fits_##name = has_##name<H> || !requires { &H::name; };
REWAL_HOOKS(REWAL_HOOK)
#undef REWAL_HOOK

#define REWAL_OR_HAS(name, ...) || has_##name<H>
template <class H>
concept HasAnyHook = false REWAL_HOOKS(REWAL_OR_HAS);
#undef REWAL_OR_HAS

#define REWAL_AND_FITS(name, ...) && fits_##name<H>
template <class H>
concept EveryHookFits = true REWAL_HOOKS(REWAL_AND_FITS);
#undef REWAL_AND_FITS
// clang-format on

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
#define REWAL_REQUIRE_HOOK(name, mistake, text, ...) static_assert(fits_##name<H>, "rewal: this hook is " text);
  REWAL_HOOKS(REWAL_REQUIRE_HOOK)
#undef REWAL_REQUIRE_HOOK
  static_assert(
      std::is_same_v<H, NoHooks> || HasAnyHook<H>,
      "rewal: Hooks need one of the members that <rewal/policy/hooks.hpp> lists, on_durable(Lsn) for example");
  return true;
}

// The first mistake of H, as a type whose name says it: a compiler shows it where the builder refuses the hooks.
#define REWAL_HOOK_MISTAKE(name, mistake, ...) struct mistake;
REWAL_HOOKS(REWAL_HOOK_MISTAKE)
#undef REWAL_HOOK_MISTAKE
struct none_of_the_hooks_is_there;

template <class H>
auto mistake_in_hooks() {
#define REWAL_FIND_MISTAKE(name, mistake, ...) \
  if constexpr (!fits_##name<H>) {             \
    return static_cast<mistake*>(nullptr);     \
  } else
  REWAL_HOOKS(REWAL_FIND_MISTAKE) { return static_cast<none_of_the_hooks_is_there*>(nullptr); }
#undef REWAL_FIND_MISTAKE
}
template <class H>
using MistakeInHooks = std::remove_pointer_t<decltype(mistake_in_hooks<H>())>;
#undef REWAL_HOOKS

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
