// SPDX-License-Identifier: MIT
//
// G24: a forked child can neither harm nor hang: each call on a log that its parent opened is not_running, destruction
// and exit return at once, and no lock is kept. The parent notices nothing.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <chrono>
#include <fork/child.hpp>
#include <functional>
#include <optional>
#include <rewal/cursor.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;

/// What a result must be in a child; the complaint if it is not.
template <class T>
std::string refused(const char* call, const Result<T>& result) {
  if (result) return std::string(call) + " succeeded; ";
  if (result.error() != Errc::not_running) return std::string(call) + ": " + result.error().message() + "; ";
  if (result.error().message().find("forked") == std::string::npos) return std::string(call) + " does not say why; ";
  return "";
}

template <class Log>
std::string refused_by_all_calls(Log& wal) {
  Batch batch;
  batch.add("one");
  const auto nothing = [](const BorrowedEvent&) {};
  return refused("append", wal.append("x")) + refused("append_with_meta", wal.append_with_meta("x", "m")) +
         refused("append_batch", wal.append_batch(batch)) + refused("append_durable", wal.append_durable("x")) +
         refused("append_durable_with_meta", wal.append_durable_with_meta("x", "m")) +
         refused("append_batch_durable", wal.append_batch_durable(batch)) + refused("flush", wal.flush()) +
         refused("sync", wal.sync()) + refused("wait_durable", wal.wait_durable(1)) +
         refused("replay", wal.replay(1, nothing)) + refused("bounded replay", wal.replay(1, 2, nothing)) +
         refused("iterator", wal.iterator(1)) + refused("bounded iterator", wal.iterator(1, 2)) +
         refused("follow", wal.follow(1)) + refused("copy_to", wal.copy_to("a copy")) +
         refused("shutdown", wal.shutdown()) + refused("shutdown with a timeout", wal.shutdown(1s)) +
         refused("close", wal.close());
}

template <class Log>
std::string shows_what_was(Log& wal, Lsn last) {
  const bool right = wal.last_lsn() == last && wal.durable_lsn() == last && wal.first_lsn() == 1 &&
                     wal.state() == State::running && wal.stats().last_lsn == last && !wal.error() &&
                     wal.recovery().cut_bytes == 0;
  return right ? "" : "the observers show something else; ";
}

Wal<> log_in(const TempDir& dir) { return must(Wal<>::open(dir.file("log")).build()); }

std::vector<Lsn> events_of(const TempDir& dir) {
  std::vector<Lsn> found;
  Wal<> wal = log_in(dir);
  must(wal.replay(1, [&](const BorrowedEvent& e) { found.push_back(e.lsn); }));
  return found;
}

}  // namespace

TEST_CASE("in a forked child every call of a log is not_running, and says why") {
  TempDir dir;
  Row row("G24", "every call in a child", "children");
  Wal<> wal = log_in(dir);
  must(wal.append_durable("parent's"));
  const std::string before = dir.read("log");
  CHECK(Child([&] { return shows_what_was(wal, 1) + refused_by_all_calls(wal) + shows_what_was(wal, 1); }).ended() ==
        "");
  CHECK(dir.read("log") == before);
  CHECK(must(wal.append_durable("goes on")) == 2);
  must(wal.shutdown());
  row.count = 1;
  CHECK(events_of(dir) == std::vector<Lsn>{1, 2});
}

TEST_CASE("in a forked child a log in memory, or with policies, is not_running as well") {
  struct Counting {
    std::shared_ptr<int> calls = std::make_shared<int>(0);
    void before_append(const Events&) { ++*calls; }
    void on_shutdown_start() { ++*calls; }
  };
  Row row("G24", "every call in a child", "children");
  Counting hooks;
  auto wal = must(Wal<>::open("a name").storage(MemoryStorage{}).hooks(hooks).build());
  must(wal.append_durable("parent's"));
  CHECK(Child([&] {
          return refused_by_all_calls(wal) + shows_what_was(wal, 1) + (*hooks.calls == 1 ? "" : "a hook was called");
        }).ended() == "");
  row.count = 1;
  must(wal.shutdown());
}

TEST_CASE("in a forked child iterators and followers are not_running, and views stay what they were") {
  TempDir dir;
  Row row("G24", "every call in a child", "children");
  Wal<> wal = log_in(dir);
  must(wal.append_durable("first"));
  must(wal.append_durable("second"));
  auto iterator = must(wal.iterator(1));
  auto follower = must(wal.follow(1));
  const auto view = must(iterator.next_borrowed());
  must(follower.next_borrowed());
  CHECK(Child([&] {
          std::string said = as_text(view->payload) == "first" ? "" : "the view has changed; ";
          said += refused("next_borrowed", iterator.next_borrowed()) + refused("next", iterator.next()) +
                  refused("follower's next", follower.next()) + refused("follower's timed next", follower.next(1s)) +
                  refused("seek", follower.seek(1));
          follower.stop();
          must(iterator.close());
          return said;
        }).ended() == "");
  CHECK(must(iterator.next_borrowed())->lsn == 2);
  CHECK(must(follower.next_borrowed()).lsn == 2);
  row.count = 1;
}

TEST_CASE("in a forked child a log is destroyed and assigned to at once, and leaves the parent's as it is") {
  TempDir dir;
  Row row("G24", "destruction, assignment and exit in a child", "children");
  std::optional<Wal<>> wal(log_in(dir));
  must(wal->append("not yet written"));
  CHECK(Child([&] {
          wal.reset();
          return std::string();
        }).ended() == "");
  CHECK(Child([&] {
          *wal = Wal<>();
          return std::string(wal->state() == State::init ? "" : "not assigned");
        }).ended() == "");
  CHECK(must(wal->append_durable("goes on")) == 2);
  must(wal->shutdown());
  row.count = 2;
}

TEST_CASE("a forked child exits at once where the log is a static object") {
  static std::optional<Wal<>> wal;  // destroyed by exit()
  TempDir dir;
  Row row("G24", "destruction, assignment and exit in a child", "children");
  wal = log_in(dir);
  must(wal->append("not yet written"));
  CHECK(Child([] { return std::string(); }, [] { std::exit(0); }).ended() == "");
  CHECK(must(wal->append_durable("goes on")) == 2);
  must(wal->shutdown());
  wal.reset();
  row.count = 1;
}

TEST_CASE("a forked child opens a log of its own, and its own child in turn is refused") {
  if (REWAL_TSAN) SKIP("ThreadSanitizer starts no thread in a child of many");
  TempDir dir;
  Row row("G24", "logs that a child opens itself", "children");
  Wal<> wal = log_in(dir);
  const std::string ended = Child([&] {
                              auto own = must(Wal<>::open(dir.file("own")).build());
                              must(own.append_durable("child's"));
                              auto taken = Wal<>::open(dir.file("log")).build();
                              std::string said = taken.has_value() ? "the parent's log was opened; " : "";
                              said +=
                                  Child([&] { return refused_by_all_calls(own) + refused_by_all_calls(wal); }).ended();
                              must(own.append_durable("child's"));
                              must(own.shutdown());
                              return said;
                            }).ended();
  CHECK(ended == "");
  row.count = 2;
}

TEST_CASE("a child that lives on does not keep the log locked after its parent is gone") {
  if (REWAL_TSAN) SKIP("ThreadSanitizer starts no thread in a child of many");
  TempDir dir;
  Row row("G24", "children that outlive the parent", "children");
  int hold[2];
  REQUIRE(::pipe(hold) == 0);
  const bool maps = GENERATE(false, true);
  Child parent([&]() -> std::string {
    auto wal = std::make_unique<Wal<>>(log_in(dir));
    must(wal->append_durable("x"));
    std::optional<Wal<>::Iterator> reader;
    if (maps) must((reader = must(wal->iterator(1)))->next_borrowed());
    auto cursor = must(Cursor::open(dir.file("cursor")));
    must(cursor.commit(1));
    if (::fork() == 0) {
      char byte = 0;
      ::close(hold[1]);
      static_cast<void>(!::read(hold[0], &byte, 1));  // until the test is over
      ::_exit(0);
    }
    ::_exit(0);
  });
  ::close(hold[0]);
  CHECK(parent.exit() == "");
  // As soon as the grandchild has run at all.
  CHECK(eventually([&] { return Wal<>::open(dir.file("log")).build().has_value(); }));
  CHECK(eventually([&] { return Cursor::open(dir.file("cursor")).has_value(); }));
  ::close(hold[1]);
  row.count = 1;
}

TEST_CASE("a cursor in a forked child is not_running, and the parent's goes on") {
  TempDir dir;
  Row row("G24", "every call in a child", "children");
  auto cursor = must(Cursor::open(dir.file("cursor")));
  must(cursor.commit(7));
  CHECK(Child([&] {
          std::string said = refused("commit", cursor.commit(8));
          if (said.find("does not say why") != std::string::npos) said.clear();
          must(cursor.close());
          return said + (cursor.lsn() == 7 ? "" : "another LSN");
        }).ended() == "");
  must(cursor.commit(9));
  CHECK(!Cursor::open(dir.file("cursor")).has_value());
  row.count = 1;
}

namespace {

/// Forks once in the hook of that name; the child comes out of the hook as the parent does.
struct ForksInside {
  struct State {
    std::string where;
    ::pid_t child = -1;
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  void here(const char* name) {
    if (state->where != name) return;
    state->where.clear();
    state->child = ::fork();
    if (state->child == 0) ::alarm(most_seconds_of_a_child);
  }
  void before_append(const Events&) { here("before_append"); }
  void after_append(Lsn, std::size_t) { here("after_append"); }
  void before_write(std::size_t) { here("before_write"); }
  void after_write(std::size_t) { here("after_write"); }
  void before_sync() { here("before_sync"); }
  void after_sync(std::chrono::nanoseconds) { here("after_sync"); }
  void on_durable(Lsn) { here("on_durable"); }
  void on_shutdown_start() { here("on_shutdown_start"); }
};

}  // namespace

TEST_CASE("a child that was forked inside a hook comes out of the call with not_running and has written nothing") {
  const char* const where = GENERATE("before_append", "after_append", "before_write", "after_write", "before_sync",
                                     "after_sync", "on_durable", "on_shutdown_start");
  CAPTURE(where);
  TempDir dir;
  Row row("G24", "forks inside a hook", "children");
  ForksInside hooks;
  auto wal = must(Wal<>::open(dir.file("log")).sync_mode(SyncMode::never).hooks(hooks).build());
  hooks.state->where = where;
  const bool at_end = std::string(where) == "on_shutdown_start";
  const std::string said =
      at_end ? refused("shutdown", wal.shutdown()) : refused("append_durable", wal.append_durable("x"));
  if (hooks.state->child == 0) ::_exit(said.empty() && refused_by_all_calls(wal).empty() ? 0 : 1);
  if (hooks.state->child > 0) {
    int status = 0;
    ::waitpid(hooks.state->child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(said.find("succeeded") != std::string::npos);
  row.count = 1;
  if (!at_end) must(wal.shutdown());
}

#endif  // REWAL_POSIX
