// SPDX-License-Identifier: MIT
//
// G16: producers that wait for room behind a storage that does not move are let go by every way in which a log ends.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <stress/hang_cell.hpp>
#include <stress/troubled_policies.hpp>
#include <string>
#include <support/harness.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;
using rewal_torture::Row;

TEST_CASE("a full queue holds nobody up at the end") {
  // Producers wait for room behind a storage that does not move; close, shutdown and a failed write let them go.
  Row row("G16", "producers blocked on a full queue", "producers");
  for (const std::string end : {"shutdown", "close", "failure", "destructor"}) {
    const CellGuard guard("full queue x " + end);
    auto t = std::make_shared<Trouble>();
    t->where = PolicyCall::write;
    t->what = Misbehaviour::blocks;
    std::optional<UncompressedTroubledWal> wal(must(Wal<>::open("log")
                                                        .queue_bytes(4096)
                                                        .queue_capacity(8)
                                                        .storage(TroubledStorage{t})
                                                        .indexer(TroubledIndexer{t})
                                                        .hooks(TroubledHooks{t})
                                                        .build()));
    t->door.shut();
    t->armed = true;
    std::atomic<int> accepted{0};
    std::atomic<int> left{0};
    std::vector<std::thread> producers;
    for (int producer = 0; producer < 6; ++producer) {
      producers.emplace_back([&, producer] {
        const std::string payload(producer == 0 ? 9000 : producer == 1 ? 2000 : 300, 'p');  // larger than the queue too
        while (wal->append(payload)) ++accepted;
        ++left;
      });
    }
    // Those who flush and wait stand at the same door.
    CHECK(eventually([&] { return accepted > 0; }));  // LSN 1 exists
    auto flush = in_background([&] { return wal->flush(); });
    auto durable = in_background([&] { return wal->wait_durable(1); });
    CHECK(eventually([&] { return t->door.has_caller(); }));
    std::this_thread::sleep_for(5ms);
    CHECK(left == 0);
    if (end == "shutdown" || end == "destructor") {
      CHECK(timed_out(wal->shutdown(5ms)));
      for (auto& producer : producers) producer.join();  // refused at once, although the storage is still blocked
      t->door.open();
      if (end == "shutdown") CHECK(said(wal->shutdown()) == "ok");
      CHECK(said(outcome(flush)) == "ok");
      CHECK(said(outcome(durable)) == "ok");
      wal.reset();
    } else if (end == "close") {
      auto close = in_background([&] { return wal->close(); });
      for (auto& producer : producers) producer.join();
      t->door.open();
      CHECK(said(outcome(close)) == "ok");
      static_cast<void>(outcome(flush));
      static_cast<void>(outcome(durable));
      CHECK(said(wal->shutdown()) == "closed");
      wal.reset();
    } else {
      t->what = Misbehaviour::throws;  // whoever stands at the door goes through, the next write throws
      t->door.open();
      for (auto& producer : producers) producer.join();
      static_cast<void>(outcome(flush));
      static_cast<void>(outcome(durable));
      CHECK(said(wal->shutdown()) == "io");
      wal.reset();
    }
    CHECK(left == 6);
    row.count += 6;
    CHECK(accepted > 0);
  }
}
