// SPDX-License-Identifier: MIT

#include <rewal/read/replay.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <support/golden.hpp>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using detail::replay;

namespace {

template <class Disk = MappedDisk>
auto side_with(const Image& image) {
  auto shared = shared_log_of(Disk(image));
  shared->written_end.store(image.size());
  return shared;
}

Log five_events() { return Log().event("1").batch({{"2", "m"}, {"3", ""}, {"4", ""}}).event("5"); }

struct CountsOnly {
  void operator()(const BorrowedEvent&) { ++borrowed; }
  void operator()(Event&&) { ++owned; }
  int borrowed = 0;
  int owned = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("Replay hands over every event from `from` on, in file order, and counts them", "[replay]",
                   MappedDisk, ReadDisk) {
  const Log log = five_events();
  for (Lsn from = 0; from <= 6; ++from) {
    std::vector<Event> seen;
    const auto count = replay(side_with<TestType>(log.image), from,
                              [&](const BorrowedEvent& event) { seen.push_back(event.to_owned()); });
    REQUIRE(count);
    CHECK(*count == seen.size());
    const std::size_t skipped = from == 0 ? 0 : static_cast<std::size_t>(from - 1);
    CHECK(seen == std::vector<Event>(log.events.begin() + std::ptrdiff_t(skipped), log.events.end()));
  }
}

TEST_CASE("The view is preferred, by generic lambdas too, else the event is owned", "[replay]") {
  const auto shared = side_with(five_events().image);
  CountsOnly counts;
  CHECK(*replay(shared, 1, counts) == 5);
  CHECK(counts.borrowed == 5);
  CHECK(counts.owned == 0);
  CHECK(*replay(shared, 1,
                [](const auto& event) { static_assert(std::is_same_v<decltype(event), const BorrowedEvent&>); }) == 5);
  CHECK(*replay(shared, 1, [](auto event) { static_assert(std::is_same_v<decltype(event), BorrowedEvent>); }) == 5);
  std::vector<Event> kept;
  CHECK(*replay(shared, 1, [&](Event&& event) { kept.push_back(std::move(event)); }) == 5);
  CHECK(*replay(shared, 1, [&](Event event) { kept.push_back(std::move(event)); }) == 5);
  CHECK(*replay(shared, 1, [&](const Event& event) { kept.push_back(event); }) == 5);
  CHECK(kept.size() == 15);
  CHECK(kept[1] == five_events().events[1]);
}

TEST_CASE("False stops the replay, and the event that said so counts", "[replay]") {
  const auto shared = side_with(five_events().image);
  CHECK(*replay(shared, 2, [](const BorrowedEvent& event) { return event.lsn < 4; }) == 3);
  CHECK(*replay(shared, 2, [](Event&& event) { return event.lsn < 4; }) == 3);
  CHECK(*replay(shared, 1, [](const BorrowedEvent&) { return true; }) == 5);
}

TEST_CASE("An error stops the replay and is what it returns", "[replay]") {
  const auto shared = side_with(five_events().image);
  Lsn last = 0;
  const auto count = replay(shared, 1, [&](const BorrowedEvent& event) -> Result<void> {
    last = event.lsn;
    return event.lsn == 3 ? Result<void>(Error(Errc::queue_full).at_lsn(3)) : Result<void>();
  });
  CHECK(count.error() == Error(Errc::queue_full).at_lsn(3));
  CHECK(last == 3);
  CHECK(*replay(shared, 1, [](const BorrowedEvent&) { return Result<void>(); }) == 5);
}

TEST_CASE("What the function throws comes through, and nothing is left behind", "[replay]") {
  const auto shared = side_with(five_events().image);
  CHECK_THROWS_AS(static_cast<void>(replay(shared, 1, [](const BorrowedEvent&) { throw std::runtime_error("mine"); })),
                  std::runtime_error);
  CHECK(shared->storage.state->live_mappings == 0);
  CHECK(shared.use_count() == 1);
}

TEST_CASE("The function is not a policy: it may call the log", "[replay]") {
  const auto shared = side_with<ReadDisk>(five_events().image);
  bool marked = false;
  CHECK(replay(shared, 1, [&](const BorrowedEvent&) { marked = marked || detail::PolicyScope::inside(shared.get()); }));
  CHECK_FALSE(marked);
}

TEMPLATE_TEST_CASE("Damage ends the replay with its error, after the events before it", "[replay]", MappedDisk,
                   ReadDisk) {
  Log log = five_events();
  log.image[log.places[2].at + 25] ^= std::byte{1};
  std::size_t seen = 0;
  const auto count = replay(side_with<TestType>(log.image), 1, [&](const BorrowedEvent&) { ++seen; });
  CHECK(count.error() == Errc::corrupted);
  CHECK(count.error().offset() == log.places[2].at);
  CHECK(seen == 4);
}

TEST_CASE("A log closed meanwhile ends the replay with closed", "[replay]") {
  const auto shared = side_with(five_events().image);
  std::size_t seen = 0;
  const auto count = replay(shared, 1, [&](const BorrowedEvent& event) {
    ++seen;
    if (event.lsn == 3) shared->closed.store(true);
  });
  CHECK(count.error() == Errc::closed);
  CHECK(seen == 3);
}

TEST_CASE("Functions of every kind", "[replay]") {
  struct Store {
    void keep(const BorrowedEvent&) { ++kept; }
    int kept = 0;
  } store;
  const auto shared = side_with(five_events().image);
  static int called = 0;
  void (*pointer)(const BorrowedEvent&) = [](const BorrowedEvent&) { ++called; };
  CHECK(replay(shared, 1, pointer));
  CHECK(replay(shared, 1, [&store](const BorrowedEvent& event) mutable { store.keep(event); }));
  CHECK(replay(shared, 1, [owner = std::make_unique<int>(1)](const BorrowedEvent&) { ++called; }));
  CHECK(called == 10);
  CHECK(store.kept == 5);
}
