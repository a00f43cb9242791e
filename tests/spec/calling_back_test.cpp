// SPDX-License-Identifier: MIT
//
// Policies that call back into their log: every hook, the indexer, the compressor and each member of the storage,
// against every call of the log.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <rewal/wal.hpp>
#include <set>
#include <spec/odd_policies.hpp>
#include <spec/squeezable_events.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>

using namespace rewal_test;

namespace {

/// Makes every call on the log; what each of them said, and what the observers saw.
struct Inquiry {
  std::set<std::string> said_by_calls;
  int rounds = 0;
  bool observers_agree = true;

  void ask(OddWal& wal) {
    ++rounds;
    const auto hear = [&](const auto& result) { said_by_calls.insert(said(result)); };
    const Batch batch = batch_of(2);
    hear(wal.append("x"));
    hear(wal.append_with_meta("x", "m"));
    hear(wal.append_batch(batch));
    hear(wal.append_batch(Batch{}));
    hear(wal.append_durable("x"));
    hear(wal.append_durable_with_meta("x", "m"));
    hear(wal.append_batch_durable(batch));
    hear(wal.flush());
    hear(wal.sync());
    hear(wal.wait_durable(1));
    hear(wal.wait_durable(0));
    hear(wal.replay(1, [](const BorrowedEvent&) {}));
    hear(wal.iterator(1));
    hear(wal.shutdown());
    hear(wal.shutdown(1h));
    hear(wal.shutdown(0s));
    hear(wal.close());
    const Stats stats = wal.stats();
    const Lsn durable = wal.durable_lsn();  // before the other: both may grow meanwhile
    observers_agree = observers_agree && stats.durable_lsn <= stats.last_lsn && durable <= wal.last_lsn() &&
                      wal.state() != State::init && wal.recovery().frames == 0;
  }
};

/// Runs `life` on a log that is asked everything at `place`; the place must have been passed.
template <class F>
void expect_refused_inside(const std::string& place, SyncMode mode, F life) {
  INFO("inside " << place);
  Inquiry inquiry;
  std::mutex mutex;
  const OddLog log;
  OddWal wal = log.open(mode);
  log.gate->at(place, [&] {
    const std::lock_guard lock(mutex);
    inquiry.ask(wal);
  });
  life(log, wal);
  log.gate->open();
  const std::lock_guard lock(mutex);
  CHECK(inquiry.rounds > 0);
  CHECK(inquiry.said_by_calls == std::set<std::string>{"invalid_state"});
  CHECK(inquiry.observers_agree);
}

}  // namespace

TEST_CASE("calling the log from inside any of its policies is refused, and the log lives on", "[policies]") {
  const SyncMode mode = mode_of(GENERATE(0, 1, 2));
  for (const char* const place : {"before_append", "after_append", "before_write", "after_write", "before_sync",
                                  "after_sync", "on_shutdown_start", "on_shutdown_done", "index", "compress",
                                  "decompress", "write", "sync", "close", "read_at", "preallocate", "map"}) {
    expect_refused_inside(place, mode, live);
  }
}

TEST_CASE("calling the log from inside on_drop is refused", "[policies]") {
  Inquiry inquiry;
  FullOddLog full;
  OddWal& wal = full.wal;
  full.log.gate->at("on_drop", [&] { inquiry.ask(wal); });
  CHECK(must(wal.append("dropped")) == 0);
  full.go_on = true;
  full.log.gate->open();
  CHECK(inquiry.rounds == 1);
  CHECK(inquiry.said_by_calls == std::set<std::string>{"invalid_state"});
  CHECK(wal.stats().drops == 1);  // the calls inside were refused, not dropped
}

TEST_CASE("calling the log from inside the truncate of a closing storage is refused", "[policies]") {
  std::atomic<int> writes{0};
  const OddLog log;
  OddWal wal = log.open();
  must(wal.append("whole"));
  must(wal.flush());
  const std::size_t whole = log.storage.bytes().size();
  log.storage.set_most_per_write(7);
  log.gate->at("write", [&] {
    if (++writes == 2) (void)eventually([&] { return wal.state() != State::running; });
  });
  must(wal.append("half-written when the log is closed"));
  REQUIRE(eventually([&] { return writes == 2; }));
  Inquiry inquiry;
  log.gate->at("truncate", [&] { inquiry.ask(wal); });
  must(wal.close());
  log.gate->open();
  CHECK(inquiry.rounds == 1);
  CHECK(inquiry.said_by_calls == std::set<std::string>{"invalid_state"});
  CHECK(log.storage.bytes().size() == whole);
}

TEST_CASE("an iterator is not called from the storage or compressor that it is calling", "[policies]") {
  for (const char* const place : {"read_at", "decompress"}) {
    INFO(place);
    const OddLog log;
    OddWal wal = log.open();
    must(wal.append(squeezable()));
    must(wal.flush());
    auto it = must(wal.iterator(1));
    std::set<std::string> heard;
    log.gate->at(place, [&] {
      heard.insert(said(it.close()));
      heard.insert(said(it.next()));
    });
    static_cast<void>(it.next());  // what it says after such a call is its own affair
    log.gate->open();
    CHECK(heard == std::set<std::string>{"invalid_state"});
    CHECK(must(read_all_of(wal)) == 1);
  }
}

TEST_CASE("another thread calls the log while a policy runs", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  std::string heard;
  log.gate->at("before_append", [&] {
    log.gate->open();
    auto other = in_background([&] { return said(wal.append_durable("from another thread")); });
    heard = outcome(other);
  });
  CHECK(must(wal.append("x")) == 2);
  CHECK(heard == "ok");
}
