// SPDX-License-Identifier: MIT
//
// What is a hook type and what is not; a subset of hooks, one that is moved, and calls that swallow what is thrown.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <policy/timeline.hpp>
#include <ranges>
#include <rewal/policy/hooks.hpp>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/recording_storage.hpp>
#include <type_traits>
#include <utility>

using namespace rewal_test;
using rewal::detail::HookCalls;
using std::chrono::nanoseconds;

namespace {

// clang-format off
struct JustOnStart { void on_start(); };
struct JustOnShutdownStart { void on_shutdown_start(); };
struct JustOnShutdownDone { void on_shutdown_done(nanoseconds); };
struct JustBeforeAppend { void before_append(const Events&); };
struct JustAfterAppend { void after_append(Lsn, std::size_t); };
struct JustBeforeWrite { void before_write(std::size_t); };
struct JustAfterWrite { void after_write(std::size_t); };
struct JustBeforeSync { void before_sync(); };
struct JustAfterSync { void after_sync(nanoseconds); };
struct JustOnCorruption { void on_corruption(std::uint64_t); };
struct JustOnDrop { void on_drop(std::size_t); };
struct JustOnDurable { void on_durable(Lsn); };
// clang-format on

static_assert(Hooks<JustOnStart> && Hooks<JustOnShutdownStart> && Hooks<JustOnShutdownDone> &&
              Hooks<JustBeforeAppend> && Hooks<JustAfterAppend> && Hooks<JustBeforeWrite> && Hooks<JustAfterWrite> &&
              Hooks<JustBeforeSync> && Hooks<JustAfterSync> && Hooks<JustOnCorruption> && Hooks<JustOnDrop> &&
              Hooks<JustOnDurable>);

struct ConstAndStatic {
  void on_start() const;
  static void on_drop(std::size_t);
};
struct Generic {
  void before_append(const auto& events);
  void after_append(auto last, auto count);
};
struct Inherited : JustOnStart {};
struct MoveOnly {
  std::unique_ptr<int> state;
  void on_start();
};
struct TakesWider {
  void on_shutdown_done(std::chrono::duration<double>);
};
static_assert(Hooks<ConstAndStatic> && Hooks<Generic> && Hooks<Inherited> && Hooks<MoveOnly> && Hooks<TakesWider>);

struct Empty {};
struct OtherNames {
  void on_begin();
  void after_flush(std::size_t);
};
static_assert(!Hooks<Empty> && !Hooks<OtherNames> && Hooks<rewal::NoHooks> && !Hooks<int>);

// A right name with a wrong signature, alone and beside a right one.
template <class Wrong>
struct BesideARightOne : Wrong {
  void on_start();
};
template <class Wrong>
constexpr bool refused = !Hooks<Wrong> && !Hooks<BesideARightOne<Wrong>>;

struct WrongOnStart {
  void on_start(int);
};
struct WrongOnShutdownStart {
  void on_shutdown_start(nanoseconds);
};
struct WrongOnShutdownDone {
  void on_shutdown_done();
};
struct WrongBeforeAppend {
  void before_append(Events&);
};
struct WrongAfterAppend {
  void after_append(Lsn);
};
struct WrongBeforeWrite {
  void before_write();
};
struct WrongAfterWrite {
  void after_write(std::string);
};
struct WrongBeforeSync {
  void before_sync(Lsn);
};
struct WrongAfterSync {
  void after_sync(std::uint64_t);
};
struct WrongOnCorruption {
  void on_corruption(Error);
};
struct WrongOnDrop {
  void on_drop();
};
struct NoFunction {
  int before_sync = 0;
};
struct OnlyOnTemporaries {
  void before_sync() &&;
};
static_assert(!Hooks<WrongOnStart> && refused<WrongOnShutdownStart> && refused<WrongOnShutdownDone> &&
              refused<WrongBeforeAppend> && refused<WrongAfterAppend> && refused<WrongBeforeWrite> &&
              refused<WrongAfterWrite> && refused<WrongBeforeSync> && refused<WrongAfterSync> &&
              refused<WrongOnCorruption> && refused<WrongOnDrop> && refused<NoFunction> && refused<OnlyOnTemporaries>);

template <class H>
concept BuilderTakes = requires(H hooks) {
  Wal<>::open("p").hooks(std::move(hooks));
};
static_assert(BuilderTakes<JustOnDrop> && BuilderTakes<MoveOnly> && BuilderTakes<rewal::NoHooks>);
static_assert(!BuilderTakes<Empty> && !BuilderTakes<BesideARightOne<WrongOnDrop>>);

static_assert(std::forward_iterator<Events::iterator> && std::ranges::forward_range<const Events> &&
              std::ranges::sized_range<const Events>);
static_assert(std::is_same_v<std::ranges::range_value_t<Events>, BorrowedEvent>);

}  // namespace

TEST_CASE("a subset of hooks is called, and nothing else is asked for", "[hooks]") {
  struct Two {
    std::shared_ptr<Timeline> line;
    void before_sync() { line->add("before_sync"); }
    void on_start() { line->add("on_start"); }
  };
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(Two{line}).build());
  must(wal.append_durable("x"));
  must(wal.shutdown());
  CHECK(line->all() == Entries{"on_start", "before_sync"});
}

TEST_CASE("a move-only hook type is moved into the log", "[hooks]") {
  struct Owning {
    std::unique_ptr<std::shared_ptr<Timeline>> line;
    void after_write(std::size_t bytes) { (*line)->add(number(bytes)); }
  };
  static_assert(!std::is_copy_constructible_v<Owning>);
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log")
                      .storage(MemoryStorage{})
                      .hooks(Owning{std::make_unique<std::shared_ptr<Timeline>>(line)})
                      .build());
  auto moved = std::move(wal);
  must(moved.append("x"));
  must(moved.flush());
  CHECK(line->all() == Entries{"35"});
}

TEST_CASE("guarded calls swallow whatever is thrown, and call again", "[hooks]") {
  struct Throwing {
    std::shared_ptr<int> calls;
    void before_sync() {
      if (++*calls % 2 == 0) throw std::runtime_error("even");
      throw 42;
    }
  };
  const auto calls = std::make_shared<int>(0);
  const rewal::detail::PolicyMarks log;
  HookCalls<Throwing> hooks(Throwing{calls}, &log);
  for (int i = 1; i <= 4; ++i) {
    hooks.before_sync();
    CHECK(*calls == i);
    CHECK(!rewal::detail::PolicyScope::inside(&log));
  }
  hooks.on_start();  // which it does not have
  static_assert(!HookCalls<Throwing>::sees_frames && HookCalls<Throwing>::any);
  static_assert(!HookCalls<rewal::NoHooks>::any);
}
