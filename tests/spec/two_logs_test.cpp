// SPDX-License-Identifier: MIT
//
// Logs that are used inside the hooks of other logs.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <rewal/wal.hpp>
#include <set>
#include <spec/odd_policies.hpp>
#include <spec/squeezable_events.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <thread>

using namespace rewal_test;

TEST_CASE("a hook of one log appends to another, whose hook is still refused by the first", "[policies]") {
  struct Relay {
    std::shared_ptr<Checkpoint> gate;
    void before_append(const Events&) { gate->pass("before_append"); }
    void after_write(std::size_t) { gate->pass("after_write"); }
  };
  const std::string outer = GENERATE(std::string("before_append"), std::string("after_write"));
  const std::string inner = GENERATE(std::string("before_append"), std::string("after_write"));
  const auto gate_a = std::make_shared<Checkpoint>();
  const auto gate_b = std::make_shared<Checkpoint>();
  auto a = must(Wal<>::open("a").storage(MemoryStorage{}).hooks(Relay{gate_a}).build());
  auto b = must(Wal<>::open("b").storage(MemoryStorage{}).hooks(Relay{gate_b}).build());
  std::set<std::string> said_by_a;
  std::set<std::string> said_by_b;
  std::mutex mutex;
  std::atomic<std::thread::id> inside_a{};
  gate_a->at(outer, [&] {
    inside_a = std::this_thread::get_id();
    const auto lsn = b.append_durable("forwarded");
    const std::lock_guard lock(mutex);
    said_by_b.insert(said(lsn));
    inside_a = std::thread::id{};
  });
  int nested = 0;
  gate_b->at(inner, [&] {
    if (inside_a.load() != std::this_thread::get_id()) return;  // the writer of b may do it instead
    const std::lock_guard lock(mutex);
    ++nested;
    said_by_a.insert(said(a.append("round in a circle")));
    said_by_a.insert(said(a.flush()));
    said_by_a.insert(said(a.shutdown()));
    said_by_a.insert(said(b.append("into oneself")));
    static_cast<void>(a.stats());
  });
  for (int i = 0; i < 20; ++i) must(a.append_durable("x"));
  gate_a->open();
  gate_b->open();
  CHECK(said_by_b == std::set<std::string>{"ok"});
  if (inner == "before_append") CHECK(nested >= 1);
  if (nested > 0) CHECK(said_by_a == std::set<std::string>{"invalid_state"});
  CHECK(a.last_lsn() == 20);
  CHECK(b.last_lsn() >= 1);
  must(a.shutdown());
  must(b.shutdown());
}

TEST_CASE("a log opened, used and destroyed inside another log's hook", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  int lives = 0;
  log.gate->at("after_write", [&] {
    auto inner = must(Wal<>::open("inner").storage(MemoryStorage{}).build());
    must(inner.append_durable("x"));
    ++lives;
  });
  must(wal.append_durable("x"));
  log.gate->open();
  CHECK(lives == 1);
}
