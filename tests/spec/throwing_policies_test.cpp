// SPDX-License-Identifier: MIT
//
// Policies that throw or fail, in each of their members, and what the log makes of it.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <rewal/wal.hpp>
#include <spec/odd_policies.hpp>
#include <spec/squeezable_events.hpp>
#include <stdexcept>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <vector>

using namespace rewal_test;

TEST_CASE("hooks and indexers that throw change nothing, and are called again next time", "[policies]") {
  const SyncMode mode = mode_of(GENERATE(0, 1, 2));
  auto places = hook_places;
  places.emplace_back("index");
  for (const std::string& place : places) {
    INFO(place);
    const OddLog log;
    std::atomic<int> thrown{0};
    log.gate->at(place, [&] {
      if (++thrown % 2 == 0) throw std::runtime_error("even");
      throw thrown.load();
    });
    OddWal wal = log.open(mode);
    live(log, wal);
    CHECK(thrown == log.gate->passed(place));
    const int expected_at_least = place == "on_start" || place.starts_with("on_shutdown") ? 1
                                  : place == "on_corruption" || place == "on_drop"        ? 0
                                  : place.ends_with("sync")                               ? 2
                                                                                          : 3;
    CHECK(log.gate->passed(place) >= expected_at_least);
    log.gate->open();
    CHECK(must(read_all_of(must(log.builder().build()))) == 10);
  }
}

TEST_CASE("on_corruption and on_drop may throw", "[policies]") {
  const auto gate = std::make_shared<Checkpoint>();
  gate->at("on_corruption", [] { throw 1; });
  Log image;
  image.event("one").text("tear");
  auto torn = must(Wal<>::open("torn").storage(OddStorage(gate, image.image)).hooks(OddHooks{gate}).build());
  CHECK(gate->passed("on_corruption") == 1);
  CHECK(must(torn.append_durable("x")) == 2);

  FullOddLog full;
  OddWal& wal = full.wal;
  full.log.gate->at("on_drop", [] { throw 1; });
  CHECK(must(wal.append("dropped")) == 0);
  CHECK(must(wal.append_batch(batch_of(2))) == 0);
  full.go_on = true;
  CHECK(full.log.gate->passed("on_drop") == 2);
  must(wal.shutdown());
}

TEST_CASE("a storage that throws while the log runs is an io error, the first one final, and nothing hangs",
          "[policies]") {
  const SyncMode mode = mode_of(GENERATE(0, 1, 2));
  for (const char* const place : {"write", "sync"}) {
    INFO(place);
    const OddLog log;
    OddWal wal = log.open(mode);
    must(wal.append_durable("before"));
    log.gate->at(place, [] { throw std::runtime_error("the storage is broken"); });
    const auto first = wal.append_durable("x");
    CHECK(said(first) == "io");
    CHECK(first.error().message().find("threw") != std::string::npos);
    log.gate->open();
    for (const std::string& later :
         {said(wal.append("x")), said(wal.append_batch(batch_of(2))), said(wal.append_durable("x")), said(wal.flush()),
          said(wal.sync()), said(wal.wait_durable(2))}) {
      CHECK(later == "io");
    }
    CHECK(said(wal.wait_durable(1)) == "ok");
    CHECK(wal.durable_lsn() == 1);
    CHECK(must(read_all_of(wal)) >= 1);  // reading still works
    CHECK(said(wal.shutdown()) == "io");
    CHECK(wal.state() == State::closed);
    CHECK(said(wal.shutdown(1s)) == "io");
    CHECK(said(wal.close()) == "ok");
  }
}

TEST_CASE("a storage whose close throws is an error of shutdown, once and for all", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  must(wal.append("x"));
  log.gate->at("close", [] { throw 1; });
  CHECK(said(wal.shutdown()) == "io");
  CHECK(wal.state() == State::closed);
  CHECK(wal.durable_lsn() == 1);
  CHECK(said(wal.shutdown()) == "io");
  CHECK(log.gate->passed("close") == 1);
}

TEST_CASE("a preallocation or mapping that throws is no error", "[policies]") {
  for (const char* const place : {"preallocate", "map"}) {
    const OddLog log;
    log.gate->at(place, [] { throw 1; });
    OddWal wal = log.open();
    live(log, wal);
    CHECK(log.gate->passed(place) >= 1);
  }
}

TEST_CASE("a storage that throws while a log is opened fails build()", "[policies]") {
  for (const char* const place : {"size", "read_at", "truncate", "preserve", "sync"}) {
    INFO(place);
    const auto gate = std::make_shared<Checkpoint>();
    Log image;
    image.event("one").event("torn").event("valid behind it");
    image.image[image.places[1].at + 30] ^= std::byte{1};
    OddStorage storage(gate, image.image);
    gate->at(place, [] { throw 1; });
    const auto built = Wal<>::open("torn").storage(storage).build();
    CHECK(said(built) == "io");
    CHECK(gate->passed(place) >= 1);
    gate->open();
    auto again = must(Wal<>::open("torn").storage(storage).build());
    CHECK(payloads(again) == std::vector<std::string>{"one"});
  }
}

TEST_CASE("a read that throws is an error of that reader alone", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  must(wal.append(squeezable()));
  must(wal.flush());
  for (const char* const place : {"read_at", "decompress"}) {
    INFO(place);
    log.gate->at(place, [] { throw std::runtime_error("not now"); });
    const std::string expected = std::string(place) == "read_at" ? "io" : "corrupted";
    CHECK(said(read_all_of(wal)) == expected);
    auto it = must(wal.iterator(1));
    CHECK(said(it.next_borrowed()) == expected);
    log.gate->open();
    CHECK(said(it.next_borrowed()) == expected);  // the same again
    CHECK(must(read_all_of(wal)) == 1);
  }
  CHECK(must(wal.append_durable("the log goes on")) == 2);
}

TEST_CASE("a compressor that throws or fails loses that append alone, in every form", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  const Batch batch = batch_of(3);
  log.gate->at("compress", [] { throw std::runtime_error("no"); });
  CHECK(said(wal.append("x")) == "invalid_record");
  CHECK(said(wal.append_with_meta("x", "m")) == "invalid_record");
  CHECK(said(wal.append_batch(batch)) == "invalid_record");
  CHECK(said(wal.append_durable("x")) == "invalid_record");
  CHECK(said(wal.append_batch_durable(batch)) == "invalid_record");
  must(wal.flush());
  must(wal.sync());
  log.gate->open();
  CHECK(must(wal.append_batch(batch)) == 3);
  must(wal.shutdown());
  CHECK(wal.last_lsn() == 3);
}
