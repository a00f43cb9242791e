// SPDX-License-Identifier: MIT
//
// Where an outbox goes on: after crashes of either side, refusals, lost tails, gaps.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <memory>
#include <outbox/fake_target.hpp>
#include <string>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>

namespace rewal_test {
namespace {

std::shared_ptr<FakeTarget> new_target() { return std::make_shared<FakeTarget>(); }

TEST_CASE("what is in the log is shipped, and what comes", "[outbox]") {
  auto wal = log_of(5);
  const auto target = new_target();
  Shipping shipping(wal, target);
  REQUIRE(eventually([&] { return target->size() == 5; }));
  const auto last = must(wal.append_with_meta("six", "meta"));
  REQUIRE(eventually([&] { return target->size() == last; }));
  CHECK(is_copy(wal, *target));
  CHECK(shipping.stopped() == "ok");
}

TEST_CASE("a second run begins behind what the target holds", "[outbox]") {
  auto wal = log_of(5);
  const auto target = new_target();
  for (int run = 0; run < 3; ++run) {
    Shipping shipping(wal, target);
    const auto last = must(wal.append("more"));
    REQUIRE(eventually([&] { return target->size() == last; }));
    CHECK(shipping.stopped() == "ok");
    CHECK(shipping.box().progress().events == (run == 0 ? 6 : 1));
  }
  CHECK(is_copy(wal, *target));
}

TEST_CASE("a batch that failed half-way is gone on with where the target stands", "[outbox]") {
  const auto trouble = GENERATE(Trouble::away, Trouble::full, Trouble::refused, Trouble::overtaken);
  const std::size_t taken = GENERATE(0U, 3U, 10U);  // 10: it held all of it, and its answer was lost
  auto wal = log_of(10);
  const auto target = new_target();
  target->failed_shipments.push_back({{trouble, "no"}, taken});
  Shipping shipping(wal, target);
  REQUIRE(eventually([&] { return shipping.box().progress().shipped_lsn == 10; }));
  CHECK(is_copy(wal, *target));
  const auto done = shipping.box().progress();
  CHECK(done.failures[static_cast<std::size_t>(trouble)] == 1);
  CHECK(done.events == 10 - taken);
  CHECK(done.rewinds == 0);
}

TEST_CASE("a target that was overtaken is asked again without a pause", "[outbox]") {
  auto options = quick();
  options.least_pause = options.most_pause = std::chrono::hours(1);
  auto wal = log_of(10);
  const auto target = new_target();
  target->failed_shipments.push_back({{Trouble::overtaken, "no"}, 4});
  Shipping shipping(wal, target, options);
  CHECK(eventually([&] { return target->size() == 10; }));
  CHECK(is_copy(wal, *target));
}

TEST_CASE("a tail that the target has lost is shipped again", "[outbox]") {
  const Lsn kept = GENERATE(0U, 1U, 7U);
  auto wal = log_of(10);
  const auto target = new_target();
  Shipping shipping(wal, target);
  REQUIRE(eventually([&] { return shipping.box().progress().shipped_lsn == 10; }));
  SECTION("noticed though nothing new comes") {}
  SECTION("noticed when it comes back") {
    target->away(true);
    REQUIRE(eventually([&] { return !shipping.box().progress().connected; }));
  }
  target->lose_tail(kept);
  target->away(false);
  REQUIRE(eventually([&] { return target->size() == 10; }));
  CHECK(is_copy(wal, *target));
  CHECK(shipping.said("has lost its tail"));
  CHECK(eventually([&] { return shipping.box().progress().rewinds == 1; }));
}

TEST_CASE("a lost tail that the next batch meets is shipped before it", "[outbox]") {
  auto options = quick();
  options.look_every = std::chrono::hours(1);
  auto wal = log_of(10);
  const auto target = new_target();
  Shipping shipping(wal, target, options);
  REQUIRE(eventually([&] { return shipping.box().progress().shipped_lsn == 10; }));
  target->lose_tail(4);
  must(wal.append("eleven"));
  REQUIRE(eventually([&] { return target->size() == 11; }));
  CHECK(is_copy(wal, *target));
}

TEST_CASE("gaps of LSNs in an old log are shipped as they are", "[outbox]") {
  const TempDir folder;
  Log image;
  image.some(3).jump_to(100).some(2).jump_to(5000).some(1);
  folder.write("gaps.wal", as_text(image.image));
  auto wal = must(Wal<>::open((folder / "gaps.wal").string()).build());
  const auto target = new_target();
  Shipping shipping(wal, target);
  REQUIRE(eventually([&] { return target->size() == 6; }));
  CHECK(target->lsns() == std::vector<Lsn>{1, 2, 3, 100, 101, 5000});
  target->lose_tail(50);
  REQUIRE(eventually([&] { return target->size() == 6; }));
  CHECK(is_copy(wal, *target));
}

TEST_CASE("batches hold no more than they are told to", "[outbox]") {
  auto options = quick();
  auto wal = log_of(10);
  const auto target = new_target();
  SECTION("events") {
    options.batch_events = 4;
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return target->size() == 10; }));
    CHECK(target->batches == std::vector<std::size_t>{4, 4, 2});
  }
  SECTION("bytes, but for an event that is larger") {
    must(wal.append(std::string(100, 'x')));
    must(wal.append_durable("last"));
    options.batch_bytes = 50;
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return target->size() == 12; }));
    CHECK(target->batches == std::vector<std::size_t>{8, 3, 1});
  }
  CHECK(is_copy(wal, *target));
}

TEST_CASE("a target that is away is tried until it is there", "[outbox]") {
  auto wal = log_of(3);
  const auto target = new_target();
  target->away(true);
  Shipping shipping(wal, target);
  REQUIRE(eventually([&] { return shipping.box().progress().failures[0] >= 5; }));
  CHECK(shipping.said("fake: gone; trying again in 0.1 s"));
  CHECK(shipping.box().progress().lag == 3);
  target->away(false);
  REQUIRE(eventually([&] { return shipping.box().progress().lag == 0; }));
  CHECK(shipping.said("connected to fake, which holds events up to 0"));
  CHECK(is_copy(wal, *target));
}

TEST_CASE("a log that begins later", "[outbox]") {
  auto wal = log_of(5, 101);
  const auto target = new_target();
  auto options = quick();
  SECTION("fills an empty target from where it begins") {
    Shipping shipping(wal, target, options);
    CHECK(eventually([&] { return target->size() == 5; }));
  }
  SECTION("goes on behind its predecessor") {
    target->events.push_back({100, "before", ""});
    Shipping shipping(wal, target, options);
    CHECK(eventually([&] { return target->size() == 6; }));
  }
  SECTION("leaves no hole behind its predecessor") {
    target->events.push_back({90, "before", ""});
    Shipping shipping(wal, target, options);
    CHECK(shipping.ended() == "missing");
    CHECK(target->size() == 1);
  }
  SECTION("leaves one if it is allowed to") {
    target->events.push_back({90, "before", ""});
    options.skip_missing = true;
    Shipping shipping(wal, target, options);
    CHECK(eventually([&] { return target->size() == 6; }));
  }
  SECTION("cannot refill a target that has lost more than that") {
    target->events.push_back({100, "before", ""});
    Shipping shipping(wal, target, options);
    REQUIRE(eventually([&] { return shipping.box().progress().shipped_lsn == 105; }));
    target->lose_tail(0);
    CHECK(shipping.ended() == "missing");
  }
}

TEST_CASE("an empty log is judged by its first event", "[outbox]") {
  auto wal = log_of(0, 101);
  const auto target = new_target();
  Lsn held = 0;
  std::string end;
  SECTION("which follows the target's last") { held = 100, end = "ok"; }
  SECTION("which does not") { held = 90, end = "missing"; }
  SECTION("which the target is ahead of") { held = 500, end = "ahead"; }
  target->events.push_back({held, "before", ""});
  Shipping shipping(wal, target);
  CHECK(shipping.is_running());
  must(wal.append_durable("first"));
  if (end == "ok") {
    CHECK(eventually([&] { return target->size() == 2; }));
    CHECK(shipping.stopped() == "ok");
  } else {
    CHECK(shipping.ended() == end);
    CHECK(target->size() == 1);
  }
}

}  // namespace
}  // namespace rewal_test
