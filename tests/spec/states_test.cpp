// SPDX-License-Identifier: MIT
//
// Every call in every state, as one table. Each cell is a log of its own that is brought into the state and asked once.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <sstream>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/errno.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

using Disk = Blocking<RecordingStorage>;
using Log = Wal<Disk>;

/// LSN 1 is durable in every state, LSN 2 is written and not fsynced where the state allows that.
class Situation {
 public:
  explicit Situation(const std::string& state) {
    must(wal_.append_durable("durable"));
    if (state == "init") {
      elsewhere_ = std::move(wal_);
      return;
    }
    if (state == "running") {
      must(wal_.append("written"));
      must(wal_.flush());
    }
    if (state == "draining") drain();
    if (state == "shut_down" || state == "closed") must(wal_.append_durable("written"));
    if (state == "shut_down") must(wal_.shutdown());
    if (state == "closed") must(wal_.close());
    if (state.starts_with("write_failed")) fail(Op::write);
    if (state.starts_with("sync_failed")) fail(Op::sync);
    if (state.ends_with("shut_down_after")) static_cast<void>(wal_.shutdown());
    if (state.ends_with("closed_after")) must(wal_.close());
  }

  /// What the call says; a call that waits for the fsync that `draining` holds up is let go.
  std::string ask(const std::function<std::string(Log&)>& call) {
    auto answer = in_background([&] { return call(wal_); });
    if (answer.wait_for(100ms) != std::future_status::ready && hold_) {
      hold_->release();
      return "waits, " + outcome(answer);
    }
    return outcome(answer);
  }

 private:
  void drain() {
    must(wal_.append("written"));
    hold_.emplace(disk_.syncs());
    if (!timed_out(wal_.shutdown(0s))) throw std::runtime_error("the log should be draining");
    hold_->await_caller();
  }
  void fail(Op op) {
    disk_.disk().fail(op, 1, EDQUOT, Fault::for_ever);
    if (wal_.append_durable("written")) throw std::runtime_error("the log should have failed");
  }

  Disk disk_;
  Log wal_ = must(Wal<>::open("log").storage(disk_).build());
  Log elsewhere_;
  std::optional<Hold> hold_;
};

template <class T>
std::string told(const Result<T>& result) {
  if (timed_out(result)) return "timed_out";
  return errno_of(result) == EDQUOT ? "edquot" : said(result);
}

Batch two() {
  Batch batch;
  batch.add("one");
  batch.add("two");
  return batch;
}

const std::map<std::string, std::function<std::string(Log&)>> calls{
    {"append", [](Log& w) { return told(w.append("x")); }},
    {"append_with_meta", [](Log& w) { return told(w.append_with_meta("x", "m")); }},
    {"append_batch", [](Log& w) { return told(w.append_batch(two())); }},
    {"append_durable", [](Log& w) { return told(w.append_durable("x")); }},
    {"append_durable_with_meta", [](Log& w) { return told(w.append_durable_with_meta("x", "m")); }},
    {"append_batch_durable", [](Log& w) { return told(w.append_batch_durable(two())); }},
    {"flush", [](Log& w) { return told(w.flush()); }},
    {"sync", [](Log& w) { return told(w.sync()); }},
    {"wait_durable_of_0", [](Log& w) { return told(w.wait_durable(0)); }},
    {"wait_durable_of_durable", [](Log& w) { return told(w.wait_durable(1)); }},
    {"wait_durable_of_written", [](Log& w) { return told(w.wait_durable(2)); }},
    {"wait_durable_of_unknown", [](Log& w) { return told(w.wait_durable(99)); }},
    {"replay", [](Log& w) { return told(w.replay(1, [](const BorrowedEvent&) {})); }},
    {"iterator", [](Log& w) { return told(w.iterator(1)); }},
    {"shutdown", [](Log& w) { return told(w.shutdown()); }},
    {"shutdown_of_0", [](Log& w) { return told(w.shutdown(0s)); }},
    {"close", [](Log& w) { return told(w.close()); }},
};

struct Row {
  std::string state;
  std::string appends;
  std::string flush;
  std::string sync;
  std::string wait_for_0;
  std::string wait_for_durable;
  std::string wait_for_written;
  std::string reading;
  std::string shutdown;
  std::string shutdown_of_0;  // "" where it is a matter of time
  std::string close;
};

const std::vector<Row> table{
    // state           appends        flush          sync           wait: 0  <=durable      written        reading
    // shutdown       (0)            close
    {"init", "not_running", "not_running", "not_running", "ok", "not_running", "not_running", "not_running",
     "not_running", "not_running", "not_running"},
    {"running", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "", "ok"},
    {"draining", "draining", "ok", "waits, ok", "ok", "ok", "waits, ok", "ok", "waits, ok", "timed_out", "waits, ok"},
    {"shut_down", "closed", "closed", "closed", "ok", "ok", "ok", "closed", "ok", "ok", "ok"},
    {"closed", "closed", "closed", "closed", "ok", "ok", "ok", "closed", "closed", "closed", "ok"},
    {"write_failed", "edquot", "edquot", "edquot", "ok", "ok", "edquot", "ok", "edquot", "", "ok"},
    {"sync_failed", "edquot", "edquot", "edquot", "ok", "ok", "edquot", "ok", "edquot", "", "ok"},
    {"write_failed, shut_down_after", "edquot", "edquot", "edquot", "ok", "ok", "edquot", "closed", "edquot", "edquot",
     "ok"},
    {"write_failed, closed_after", "edquot", "edquot", "edquot", "ok", "ok", "edquot", "closed", "edquot", "edquot",
     "ok"},
    {"sync_failed, shut_down_after", "edquot", "edquot", "edquot", "ok", "ok", "edquot", "closed", "edquot", "edquot",
     "ok"},
    {"sync_failed, closed_after", "edquot", "edquot", "edquot", "ok", "ok", "edquot", "closed", "edquot", "edquot",
     "ok"},
};

void check(const Row& row, const std::string& call, const std::string& expected) {
  if (expected.empty()) return;
  INFO(row.state << ": " << call);
  CHECK(Situation(row.state).ask(calls.at(call)) == expected);
}

}  // namespace

TEST_CASE("every call says in every state what the table says") {
  for (const Row& row : table) {
    for (const char* append : {"append", "append_with_meta", "append_batch", "append_durable",
                               "append_durable_with_meta", "append_batch_durable"}) {
      check(row, append, row.appends);
    }
    check(row, "flush", row.flush);
    check(row, "sync", row.sync);
    check(row, "wait_durable_of_0", row.wait_for_0);
    check(row, "wait_durable_of_durable", row.wait_for_durable);
    check(row, "wait_durable_of_written", row.wait_for_written);
    check(row, "replay", row.reading);
    check(row, "iterator", row.reading);
    check(row, "shutdown", row.shutdown);
    check(row, "shutdown_of_0", row.shutdown_of_0);
    check(row, "close", row.close);
  }
}

TEST_CASE("an LSN that was never assigned is invalid, whatever is waited for, while the log is whole") {
  CHECK(Situation("running").ask(calls.at("wait_durable_of_unknown")) == "invalid_lsn");
  CHECK(Situation("draining").ask(calls.at("wait_durable_of_unknown")) == "invalid_lsn");
}

TEST_CASE("the state is told in every state") {
  const std::map<std::string, std::string> states{{"init", "init"},
                                                  {"running", "running"},
                                                  {"draining", "draining"},
                                                  {"shut_down", "closed"},
                                                  {"closed", "closed"},
                                                  {"write_failed, shut_down_after", "closed"},
                                                  {"sync_failed, closed_after", "closed"}};
  for (const auto& [name, expected] : states) {
    INFO(name);
    CHECK(Situation(name).ask([](Log& w) {
      std::ostringstream out;
      out << w.state() << (w.state() == w.stats().state ? "" : ", but stats differ");
      return out.str();
    }) == expected);
  }
}

TEST_CASE("observers work in every state and agree with one another") {
  for (const Row& row : table) {
    INFO(row.state);
    const bool moved_from = row.state == "init";
    CHECK(Situation(row.state).ask([&](Log& w) -> std::string {
      const Stats stats = w.stats();
      if (w.durable_lsn() > w.last_lsn() || stats.durable_lsn > stats.last_lsn) return "durable before last";
      if (w.recovery().events != 0) return "recovered what was not there";
      if (moved_from) return w.last_lsn() == 0 && stats.events_written == 0 ? "agree" : "a moved-from log has events";
      return stats.last_lsn == w.last_lsn() && w.durable_lsn() >= 1 ? "agree" : "differ";
    }) == "agree");
  }
}

namespace {

/// Calls the log back from inside a hook, once it is told which.
struct CallingHook {
  struct Shared {
    std::function<void()> call;
    std::atomic<bool> armed{false};
  };
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  void after_write(std::size_t) {
    if (shared->armed.exchange(false)) shared->call();
  }
};

using HookedLog = Wal<MemoryStorage, NoCompressor, NoIndexer, CallingHook>;

const std::map<std::string, std::function<std::string(HookedLog&)>> calls_from_inside{
    {"append", [](HookedLog& w) { return said(w.append("x")); }},
    {"append_with_meta", [](HookedLog& w) { return said(w.append_with_meta("x", "m")); }},
    {"append_batch", [](HookedLog& w) { return said(w.append_batch(two())); }},
    {"append_durable", [](HookedLog& w) { return said(w.append_durable("x")); }},
    {"append_durable_with_meta", [](HookedLog& w) { return said(w.append_durable_with_meta("x", "m")); }},
    {"append_batch_durable", [](HookedLog& w) { return said(w.append_batch_durable(two())); }},
    {"flush", [](HookedLog& w) { return said(w.flush()); }},
    {"sync", [](HookedLog& w) { return said(w.sync()); }},
    {"wait_durable", [](HookedLog& w) { return said(w.wait_durable(1)); }},
    {"replay", [](HookedLog& w) { return said(w.replay(1, [](const BorrowedEvent&) {})); }},
    {"iterator", [](HookedLog& w) { return said(w.iterator(1)); }},
    {"shutdown", [](HookedLog& w) { return said(w.shutdown()); }},
    {"shutdown_of_0", [](HookedLog& w) { return said(w.shutdown(0s)); }},
    {"close", [](HookedLog& w) { return said(w.close()); }},
};

}  // namespace

TEST_CASE("every call on a thread that is inside a policy of the log is refused") {
  const CallingHook hook;
  HookedLog wal = must(Wal<>::open("log").storage(MemoryStorage()).hooks(hook).build());
  for (const auto& [name, call] : calls_from_inside) {
    std::string answer;
    hook.shared->call = [&, &made = call] { answer = made(wal); };
    hook.shared->armed = true;
    must(wal.append("event"));
    must(wal.flush());
    INFO(name);
    CHECK(answer == "invalid_state");
  }
  CHECK(wal.state() == State::running);
  CHECK(wal.shutdown());
}

TEST_CASE("observers work inside a policy") {
  const CallingHook hook;
  HookedLog wal = must(Wal<>::open("log").storage(MemoryStorage()).hooks(hook).build());
  bool sound = false;
  hook.shared->call = [&] {
    const Stats stats = wal.stats();
    sound = stats.state == wal.state() && wal.durable_lsn() <= wal.last_lsn() && wal.recovery().events == 0;
  };
  hook.shared->armed = true;
  must(wal.append("event"));
  must(wal.flush());
  CHECK(sound);
}
