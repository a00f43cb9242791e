// SPDX-License-Identifier: MIT

#include <rewal/read/iterator.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;

namespace {

using MappedIterator = detail::Iterator<MappedDisk, NoCompressor>;
static_assert(std::ranges::input_range<MappedIterator>);
static_assert(std::input_iterator<MappedIterator::RangeIterator>);
static_assert(std::same_as<std::ranges::range_value_t<MappedIterator>, Result<BorrowedEvent>>);
static_assert(std::is_nothrow_move_constructible_v<MappedIterator> &&
              std::is_nothrow_move_assignable_v<MappedIterator>);
static_assert(!std::is_copy_constructible_v<MappedIterator> && !std::is_copy_assignable_v<MappedIterator>);

Log three_events() { return Log().event("one").event("two", "meta").event("three"); }

}  // namespace

TEMPLATE_TEST_CASE("An empty log has no events, however often asked", "[iterator]", MappedDisk, ReadDisk) {
  auto iterator = over<TestType>({});
  for (int i = 0; i < 3; ++i) {
    const auto event = iterator.next();
    REQUIRE(event);
    CHECK_FALSE(event->has_value());
  }
  CHECK_FALSE(iterator.err());
}

TEMPLATE_TEST_CASE("Events come in file order with payload, meta and the offset of their frame", "[iterator]",
                   MappedDisk, ReadDisk) {
  Log log;
  log.event("one").batch({{"two", "m2"}, {"", ""}, {"four", ""}}).event("", "only meta");
  auto iterator = over<TestType>(log.image);
  std::vector<std::uint64_t> offsets;
  for (const Event& expected : log.events) {
    const auto event = iterator.next_borrowed();
    REQUIRE(event);
    REQUIRE(event->has_value());
    CHECK((**event).to_owned() == expected);
    CHECK((**event).meta.has_value() == expected.meta.has_value());
    offsets.push_back((**event).offset);
  }
  CHECK(offsets == std::vector<std::uint64_t>{0, 37, 37, 37, 37 + 28 + 6 * 3 + 9});
  CHECK_FALSE(iterator.next_borrowed()->has_value());
}

TEMPLATE_TEST_CASE("Only events from `from` on come, also from the middle of a frame", "[iterator]", MappedDisk,
                   ReadDisk) {
  Log log;
  log.some(3).batch({{"4", ""}, {"5", ""}, {"6", ""}, {"7", ""}}).some(3);
  for (Lsn from = 0; from <= 12; ++from) {
    std::vector<Event> expected;
    for (const auto& event : log.events) {
      if (event.lsn >= from) expected.push_back(event);
    }
    const auto events = read_all(over<TestType>(log.image, from));
    REQUIRE(events);
    CHECK(*events == expected);
  }
  CHECK(read_all(over<TestType>(log.image, UINT64_MAX))->empty());
}

TEST_CASE("In a file whose LSNs are out of order, every event from `from` on comes, in file order", "[iterator]") {
  Log log;
  log.event("1")
      .jump_to(3)
      .event("3")
      .jump_to(2)
      .event("2")
      .jump_to(4)
      .event("4")
      .jump_to(9)
      .event("9")
      .jump_to(5)
      .event("5");
  CHECK(lsns(*read_all(over<MappedDisk>(log.image, 3))) == std::vector<Lsn>{3, 4, 9, 5});
  Log large;
  for (Lsn pair = 0; pair < 3000; ++pair)
    large.jump_to(2 * pair + 2).event(std::string(90, 'x')).jump_to(2 * pair + 1).event("y");
  const auto opened = judge_image<ReadDisk>(large.image).opened;
  for (const Lsn from : std::vector<Lsn>{1, 2, 2999, 3000, 3001, 5999, 6000}) {
    std::vector<Lsn> expected;
    for (const auto& event : large.events) {
      if (event.lsn >= from) expected.push_back(event.lsn);
    }
    CHECK(lsns(*read_all(opened.iterator(from))) == expected);
  }
}

TEST_CASE("A snapshot ends where the log was written when the iterator was made", "[iterator]") {
  Log log = three_events();
  auto shared = unchecked<ReadDisk>(log.image);
  shared->written_end.store(log.places[1].at);
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  shared->written_end.store(log.image.size());
  CHECK(lsns(*read_all(std::move(iterator))) == std::vector<Lsn>{1});
  CHECK(read_all(detail::Iterator<ReadDisk, NoCompressor>(shared, 0))->size() == 3);
}

TEST_CASE("An index that is ahead of the snapshot does not lead beyond it", "[iterator]") {
  Log log = three_events();
  auto shared = unchecked<ReadDisk>(log.image);
  shared->index.frame(0, 3);
  shared->index.frame(std::uint64_t{1} << 20, 500);
  shared->index.frame(std::uint64_t{1} << 21, 1000);
  auto iterator = detail::Iterator<ReadDisk, NoCompressor>(shared, 900);
  const auto event = iterator.next();
  REQUIRE(event);
  CHECK_FALSE(event->has_value());
}

TEST_CASE("As a range it yields every event, and nothing after the end", "[iterator]") {
  const Log log = three_events();
  auto iterator = over<MappedDisk>(log.image);
  std::vector<Event> events;
  for (const auto& event : iterator) {
    REQUIRE(event);
    events.push_back(event->to_owned());
  }
  CHECK(events == log.events);
  CHECK(iterator.begin() == iterator.end());
}

TEST_CASE("A range goes on where next() stopped, and next() where a range was left", "[iterator]") {
  const Log log = three_events();
  auto iterator = over<MappedDisk>(log.image);
  CHECK((**iterator.next()).lsn == 1);
  for (const auto& event : iterator) {
    CHECK(event->lsn == 2);
    break;
  }
  CHECK((**iterator.next()).lsn == 3);
}

TEMPLATE_TEST_CASE("A bounded iterator yields the events between both bounds, each bound included", "[iterator]",
                   MappedDisk, ReadDisk) {
  Log log;
  log.event("one").batch({{"two", ""}, {"three", ""}, {"four", ""}}).event("five");
  for (Lsn from = 0; from <= 6; ++from) {
    for (Lsn to = 0; to <= 7; ++to) {
      CAPTURE(from, to);
      detail::Iterator<TestType, NoCompressor> iterator(unchecked<TestType>(log.image), from, to);
      std::vector<Event> expected;
      for (const Event& event : log.events) {
        if (event.lsn >= from && event.lsn <= to) expected.push_back(event);
      }
      std::vector<Event> seen;
      for (const auto& event : iterator) seen.push_back(event->to_owned());
      CHECK(seen == expected);
      CHECK_FALSE(iterator.next()->has_value());
    }
  }
}
