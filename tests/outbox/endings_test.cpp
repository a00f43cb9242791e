// SPDX-License-Identifier: MIT
//
// How an outbox ends: told to, at the end of its log, or because of what trying again does not mend.

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <memory>
#include <outbox/fake_target.hpp>
#include <support/recording_storage.hpp>

namespace rewal_test {
namespace {

TEST_CASE("stop ends an outbox", "[outbox]") {
  auto wal = log_of(3);
  const auto target = std::make_shared<FakeTarget>();
  auto options = quick();
  SECTION("that waits for events") {
    options.look_every = std::chrono::hours(1);
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return target->size() == 3; }));
    CHECK(shipping.stopped() == "ok");
  }
  SECTION("that waits for its next try") {
    options.least_pause = options.most_pause = std::chrono::hours(1);
    target->away(true);
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return shipping.box().progress().failures[0] == 1; }));
    CHECK(shipping.stopped() == "ok");
  }
  SECTION("that has not begun") {
    outbox::Outbox box(wal, FakeSink(target), options);
    box.stop();
    CHECK(box.run());
    CHECK(target->questions == 0);
  }
}

TEST_CASE("finish ends an outbox once everything up to there is shipped", "[outbox]") {
  auto wal = log_of(3);
  const auto target = std::make_shared<FakeTarget>();
  auto options = quick();
  options.look_every = std::chrono::hours(1);
  SECTION("which it is") {
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return target->size() == 3; }));
    shipping.box().finish(3);
    CHECK(shipping.ended() == "ok");
  }
  SECTION("which is still to come") {
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return target->size() == 3; }));
    shipping.box().finish(5);
    must(wal.append("four"));
    must(wal.append("five"));
    CHECK(shipping.ended() == "ok");
  }
  SECTION("when the target is back") {
    target->away(true);
    Shipping shipping(wal, target, options);
    shipping.box().finish(3);
    CHECK(shipping.is_running());
    target->away(false);
    CHECK(shipping.ended() == "ok");
  }
  CHECK(is_copy(wal, *target));
}

TEST_CASE("after a shutdown of the log the rest is shipped", "[outbox]") {
  auto wal = log_of(10);
  const auto target = std::make_shared<FakeTarget>();
  auto options = quick();
  options.batch_events = 3;
  target->away(true);
  Shipping shipping(wal, target, options);
  REQUIRE(eventually([&] { return shipping.box().progress().failures[0] >= 1; }));
  must(wal.shutdown());
  {
    const std::lock_guard lock(target->mutex);
    target->failed_shipments.push_back({{Trouble::full, "no"}, 2});
    target->is_away = false;
  }
  CHECK(shipping.ended() == "ok");
  CHECK(target->size() == 10);
}

TEST_CASE("a target that holds more than the log is left alone", "[outbox]") {
  auto wal = log_of(3);
  const auto target = std::make_shared<FakeTarget>();
  target->events.push_back({4, "of another log", ""});
  Shipping shipping(wal, target);
  CHECK(shipping.ended() == "ahead");
  CHECK(target->size() == 1);
}

TEST_CASE("a target of another log is told by its last event", "[outbox]") {
  auto wal = log_of(3);
  const auto target = std::make_shared<FakeTarget>();
  target->events.push_back({1, "event 1", ""});
  target->events.push_back({2, "of another log", ""});
  SECTION("if it still has it") {
    Shipping shipping(wal, target);
    CHECK(shipping.ended() == "foreign");
    CHECK(target->size() == 2);
  }
  SECTION("else it is taken for the log's") {
    target->is_emptied = true;
    Shipping shipping(wal, target);
    CHECK(eventually([&] { return target->size() == 3; }));
  }
}

TEST_CASE("what trying again does not mend ends an outbox", "[outbox]") {
  auto wal = log_of(3);
  const auto target = std::make_shared<FakeTarget>();
  SECTION("found in the answer to its question") {
    target->refused_questions.push_back({Trouble::foreign, "no"});
    Shipping shipping(wal, target);
    CHECK(shipping.ended() == "foreign");
  }
  SECTION("found by a batch") {
    target->failed_shipments.push_back({{Trouble::unfit, "no"}, 1});
    Shipping shipping(wal, target);
    CHECK(shipping.ended() == "unfit");
    CHECK(target->size() == 1);
  }
}

TEST_CASE("a log that fails ends an outbox, once what is durable is shipped", "[outbox]") {
  RecordingStorage storage;
  auto wal = must(Wal<>::open("log").storage(storage).build());
  const auto target = std::make_shared<FakeTarget>();
  must(wal.append_durable("one"));
  Shipping shipping(wal, target);
  REQUIRE(eventually([&] { return target->size() == 1; }));
  storage.fail(Op::sync, 1, EIO);
  CHECK(must(wal.append("two")) == 2);
  CHECK(shipping.ended() == "log");
  CHECK(target->size() == 1);
}

}  // namespace
}  // namespace rewal_test
