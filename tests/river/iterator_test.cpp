// SPDX-License-Identifier: MIT

#include <rewal/river/iterator.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include <support/golden.hpp>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;

namespace {

using MappedIterator = detail::Iterator<MappedDisk, NoCompressor>;
static_assert(std::ranges::input_range<MappedIterator>);
static_assert(std::input_iterator<MappedIterator::RangeIterator>);
static_assert(std::same_as<std::ranges::range_value_t<MappedIterator>, Result<BorrowedEvent>>);
static_assert(std::is_nothrow_move_constructible_v<MappedIterator> && std::is_nothrow_move_assignable_v<MappedIterator>);
static_assert(!std::is_copy_constructible_v<MappedIterator> && !std::is_copy_assignable_v<MappedIterator>);

Log three_events() { return Log().event("one").event("two", "meta").event("three"); }

/// A side that is written up to the end of `image`, without recovery looking at it first.
template <class Disk, class C = NoCompressor>
auto unchecked(const Image& image, C compressor = {}, std::uint64_t max_frame_bytes = 1 << 30) {
  auto side = side_of(Disk(image), std::move(compressor), max_frame_bytes);
  side->written_end.store(image.size());
  return side;
}

template <class Disk, class C = NoCompressor>
detail::Iterator<Disk, C> over(const Image& image, Lsn from = 0, C compressor = {}, std::uint64_t max_frame_bytes = 1 << 30) {
  return {unchecked<Disk>(image, std::move(compressor), max_frame_bytes), from};
}

std::vector<Lsn> lsns(const std::vector<Event>& events) {
  std::vector<Lsn> result;
  for (const auto& event : events) result.push_back(event.lsn);
  return result;
}

/// One compressed frame of these records.
Frame squeezed(Lsn first, const std::vector<std::string>& payloads) {
  Image region;
  for (const auto& payload : payloads) put_record(region, bytes_of(payload));
  Frame frame{.first_lsn = first, .count = static_cast<std::uint32_t>(payloads.size()), .flags = compressed};
  REQUIRE(RunLength().compress(region, frame.region));
  return frame;
}

struct Rude {
  Result<void> compress(Bytes, std::vector<std::byte>&) const { return Errc::io; }
  Result<void> decompress(Bytes, std::vector<std::byte>& target) const {
    if (mode == 0) throw std::runtime_error("decompress");
    if (mode == 1) return Error(Errc::crc_mismatch);
    if (mode == 2) target.assign(1000, std::byte{0});
    return {};
  }
  int mode = 0;
};

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

TEMPLATE_TEST_CASE("Events come in file order with payload, meta and the offset of their frame", "[iterator]", MappedDisk, ReadDisk) {
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

TEMPLATE_TEST_CASE("Only events from `from` on come, also from the middle of a frame", "[iterator]", MappedDisk, ReadDisk) {
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
  log.event("1").jump_to(3).event("3").jump_to(2).event("2").jump_to(4).event("4").jump_to(9).event("9").jump_to(5).event("5");
  CHECK(lsns(*read_all(over<MappedDisk>(log.image, 3))) == std::vector<Lsn>{3, 4, 9, 5});
  Log large;
  for (Lsn pair = 0; pair < 3000; ++pair) large.jump_to(2 * pair + 2).event(std::string(90, 'x')).jump_to(2 * pair + 1).event("y");
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
  auto side = unchecked<ReadDisk>(log.image);
  side->written_end.store(log.places[1].at);
  detail::Iterator<ReadDisk, NoCompressor> iterator(side, 0);
  side->written_end.store(log.image.size());
  CHECK(lsns(*read_all(std::move(iterator))) == std::vector<Lsn>{1});
  CHECK(read_all(detail::Iterator<ReadDisk, NoCompressor>(side, 0))->size() == 3);
}

TEST_CASE("An index that is ahead of the snapshot does not lead beyond it", "[iterator]") {
  Log log = three_events();
  auto side = unchecked<ReadDisk>(log.image);
  side->index.frame(0, 3);
  side->index.frame(std::uint64_t{1} << 20, 500);
  side->index.frame(std::uint64_t{1} << 21, 1000);
  auto iterator = detail::Iterator<ReadDisk, NoCompressor>(side, 900);
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

TEMPLATE_TEST_CASE("Damage is corrupted at its offset, each time, and the last element of the range", "[iterator]", MappedDisk, ReadDisk) {
  Log log = three_events();
  log.image[log.places[1].at + 31] ^= std::byte{1};
  auto iterator = over<TestType>(log.image);
  CHECK((**iterator.next()).lsn == 1);
  CHECK_FALSE(iterator.err());
  for (int i = 0; i < 3; ++i) {
    const auto event = iterator.next();
    REQUIRE_FALSE(event);
    CHECK(event.error() == Errc::corrupted);
    CHECK(event.error().offset() == log.places[1].at);
    CHECK(iterator.err() == event.error());
  }
  auto range = over<TestType>(log.image);
  std::vector<bool> good;
  for (const auto& event : range) good.push_back(event.has_value());
  CHECK(good == std::vector<bool>{true, false});
  CHECK(range.err() == Errc::corrupted);
}

TEMPLATE_TEST_CASE("Whatever byte below the written end is changed, reading ends in an error", "[iterator]", MappedDisk, ReadDisk) {
  Log log;
  log.some(3).batch({{"a", "b"}, {"c", "d"}}).some(2);
  for (std::size_t at = 0; at < log.image.size(); ++at) {
    Image image = log.image;
    image[at] ^= std::byte{0x21};
    auto side = unchecked<TestType>(image);
    const auto events = read_all(detail::Iterator<TestType, NoCompressor>(side, 0));
    REQUIRE_FALSE(events);
    CHECK(events.error() == Errc::corrupted);
  }
  for (std::size_t size = 1; size < log.image.size(); ++size) {
    const Image image(log.image.begin(), log.image.begin() + std::ptrdiff_t(size));
    bool boundary = false;
    for (const auto& place : log.places) boundary = boundary || place.at == size;
    CHECK(read_all(over<TestType>(image)).has_value() == boundary);
  }
}

TEST_CASE("Frames with unknown flags or versions are invalid_record to a reader", "[iterator]") {
  for (const Frame& frame : {Frame{.flags = 4, .region = Image(6)}, Frame{.version = 3, .region = Image(6)}}) {
    CHECK(read_all(over<MappedDisk>(frame.image())).error() == Errc::invalid_record);
  }
}

TEST_CASE("After close, and after a move, there is nothing but closed", "[iterator]") {
  const Log log = three_events();
  auto iterator = over<MappedDisk>(log.image);
  auto moved = std::move(iterator);
  CHECK(iterator.next().error() == Errc::closed);
  CHECK((**moved.next()).lsn == 1);
  CHECK(moved.close());
  CHECK_FALSE(moved.err());
  CHECK(moved.next().error() == Errc::closed);
  CHECK(moved.next_borrowed().error() == Errc::closed);
  CHECK(moved.err() == Errc::closed);
  std::size_t elements = 0;
  for (const auto& event : moved) {
    ++elements;
    CHECK(event.error() == Errc::closed);
  }
  CHECK(elements == 1);
  CHECK(moved.close());
}

TEST_CASE("Closing after damage is closed as well", "[iterator]") {
  auto iterator = over<MappedDisk>(bytes_of("no frame at all, but long enough"));
  CHECK(iterator.next().error() == Errc::corrupted);
  CHECK(iterator.close());
  CHECK(iterator.next().error() == Errc::closed);
}

TEMPLATE_TEST_CASE("A closed log: views stay, the next call is closed, the storage is left alone", "[iterator]", MappedDisk, ReadDisk) {
  const Log log = three_events();
  TestType disk(log.image);
  auto side = side_of(disk);
  side->written_end.store(log.image.size());
  detail::Iterator<TestType, NoCompressor> iterator(side, 0);
  const auto view = iterator.next_borrowed();
  const std::weak_ptr watched = side;
  side->closed.store(true);
  side.reset();  // the log is gone
  disk.state->before_call = [](const char*) -> Result<void> { throw std::logic_error("touched"); };
  CHECK((**view).to_owned() == log.events[0]);
  CHECK_FALSE(watched.expired());
  const std::size_t calls = disk.state->calls;
  CHECK(iterator.next().error() == Errc::closed);
  CHECK(watched.expired());
  CHECK(disk.state->live_mappings == 0);
  CHECK(iterator.next_borrowed().error() == Errc::closed);
  CHECK(disk.state->calls == calls);
}

TEST_CASE("Reading at the end of a closed log is closed too", "[iterator]") {
  auto side = unchecked<ReadDisk>({});
  detail::Iterator<ReadDisk, NoCompressor> iterator(side, 0);
  CHECK(iterator.next());
  side->closed.store(true);
  CHECK(iterator.next().error() == Errc::closed);
}

TEST_CASE("An iterator made on a closed log does not touch its storage", "[iterator]") {
  auto side = unchecked<MappedDisk>(three_events().image);
  side->closed.store(true);
  detail::Iterator<MappedDisk, NoCompressor> iterator(side, 0);
  CHECK(iterator.next().error() == Errc::closed);
  CHECK(side->storage.state->calls == 0);
}

TEST_CASE("A read that fails because the log is being closed is closed, not an error of the storage", "[iterator]") {
  auto side = unchecked<ReadDisk>(three_events().image);
  detail::Iterator<ReadDisk, NoCompressor> iterator(side, 0);
  side->storage.state->before_call = [raw = side.get()](const char*) {
    raw->closed.store(true);
    return Result<void>(io_error(EBADF));
  };
  CHECK(iterator.next().error() == Errc::closed);
}

TEST_CASE("Assigning to an iterator gives up what it held", "[iterator]") {
  const Log log = three_events();
  MappedDisk first(log.image), second(log.image);
  auto iterator = detail::Iterator<MappedDisk, NoCompressor>(side_of(first), 0);
  auto side = side_of(second);
  side->written_end.store(log.image.size());
  iterator = detail::Iterator<MappedDisk, NoCompressor>(side, 2);
  CHECK(first.state.use_count() == 1);
  CHECK(lsns(*read_all(std::move(iterator))) == std::vector<Lsn>{2, 3});
}

TEST_CASE("A storage that fails, throws, or claims nonsense ends the reading with an error", "[iterator]") {
  const Log log = three_events();
  const auto first_error = [&](auto answer) {
    auto side = unchecked<ReadDisk>(log.image);
    detail::Iterator<ReadDisk, NoCompressor> iterator(side, 0);
    side->storage.state->before_call = answer;
    const auto event = iterator.next();
    REQUIRE_FALSE(event);
    CHECK(iterator.next().error() == event.error());
    return event.error();
  };
  const Error failed = first_error([](const char*) { return Result<void>(io_error(EIO)); });
  CHECK(failed == Errc::io);
  CHECK(failed.system().value() == EIO);
  CHECK(first_error([](const char*) -> Result<void> { throw std::runtime_error("read_at"); }) == Errc::io);
  auto side = unchecked<ReadDisk>(log.image);
  side->storage.state->content.resize(log.image.size() - 1);  // shorter than what was written
  CHECK(read_all(detail::Iterator<ReadDisk, NoCompressor>(side, 0)).error() == Errc::corrupted);
}

TEST_CASE("A frame larger than the buffer is read whole, and its memory is given back", "[iterator]") {
  Log log;
  log.event("before").event(std::string(3 << 20, 'x')).some(50).event(std::string(100000, 'y'));
  ReadDisk disk(log.image);
  auto side = side_of(disk);
  side->written_end.store(log.image.size());
  detail::Iterator<ReadDisk, NoCompressor> iterator(side, 0);
  for (const Event& expected : log.events) {
    disk.state->largest_read = 0;
    CHECK(*iterator.next() == expected);
    if (expected.payload.size() < 1000) CHECK(disk.state->largest_read <= 64 * 1024);
  }
  CHECK_FALSE(iterator.next()->has_value());
}

TEMPLATE_TEST_CASE("Compressed frames are decompressed", "[iterator]", MappedDisk, ReadDisk) {
  Log log;
  log.event("plain").add(squeezed(2, {std::string(500, 'a'), "", std::string(40, 'b')})).jump_to(5).event("plain again");
  auto iterator = over<TestType>(log.image, 3, RunLength());
  CHECK((**iterator.next()) == Event{3, {}, std::nullopt});
  CHECK((**iterator.next()) == Event{4, bytes_of(std::string(40, 'b')), std::nullopt});
  CHECK((**iterator.next()) == Event{5, bytes_of("plain again"), std::nullopt});
  CHECK_FALSE(iterator.next()->has_value());
}

TEST_CASE("Without the compressor: compressor_required when one of its events is wanted, not before", "[iterator]") {
  Log log;
  log.event("1").add(squeezed(2, {"2", "3"})).jump_to(4).event("4");
  auto iterator = over<MappedDisk>(log.image, 0);
  CHECK((**iterator.next()).lsn == 1);
  const auto event = iterator.next();
  CHECK(event.error() == Errc::compressor_required);
  CHECK(event.error().offset() == log.places[1].at);
  CHECK(event.error().lsn() == 2);
  CHECK(iterator.next().error() == event.error());
  CHECK(read_all(over<MappedDisk>(log.image, 3)).error().lsn() == 3);
  CHECK(lsns(*read_all(over<MappedDisk>(log.image, 4))) == std::vector<Lsn>{4});
}

TEST_CASE("A frame that decompresses to anything but its records is corrupted", "[iterator]") {
  Log log;
  log.event("1").add(squeezed(2, {std::string(1000, 'x')}));
  const auto error_of = [&](auto compressor, std::uint64_t most = 1 << 20) {
    const auto events = read_all(over<MappedDisk>(log.image, 0, compressor, most));
    REQUIRE_FALSE(events);
    CHECK(events.error().offset() == log.places[1].at);
    CHECK(events.error().lsn() == 2);
    return events.error().code();
  };
  CHECK(error_of(Rude{0}) == Errc::corrupted);
  CHECK(error_of(Rude{1}) == Errc::crc_mismatch);
  CHECK(error_of(Rude{2}) == Errc::corrupted);
  CHECK(error_of(Rude{3}) == Errc::corrupted);
  CHECK(error_of(RunLength(), 1005) == Errc::corrupted);
  CHECK(read_all(over<MappedDisk>(log.image, 0, RunLength(), 1006))->size() == 2);
  Frame odd = squeezed(2, {"odd"});
  odd.count = 2;
  log.image.resize(log.places[1].at);
  append(log.image, odd.image());
  CHECK(error_of(RunLength()) == Errc::corrupted);
}

TEST_CASE("Policy calls of a reader are marked: what they call back is refused", "[iterator]") {
  auto side = unchecked<ReadDisk>(three_events().image);
  detail::Iterator<ReadDisk, NoCompressor> iterator(side, 0);
  bool marked = false;
  std::optional<Errc> inner_next, inner_close;
  side->storage.state->before_call = [&](const char*) {
    marked = detail::PolicyScope::inside(side.get());
    inner_next = iterator.next().error().code();
    inner_close = iterator.close().error().code();
    return Result<void>();
  };
  static_cast<void>(iterator.next());
  CHECK(marked);
  CHECK(inner_next == Errc::invalid_state);
  CHECK(inner_close == Errc::invalid_state);
}
