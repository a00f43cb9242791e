// SPDX-License-Identifier: MIT
//
// Reading meets damage, failing storages and closed logs; seen through the iterator that is made of it.

#include <rewal/read/event_reader.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;

namespace {

Log three_events() { return Log().event("one").event("two", "meta").event("three"); }

}  // namespace

TEMPLATE_TEST_CASE("Damage is corrupted at its offset, each time, and the last element of the range", "[iterator]",
                   MappedDisk, ReadDisk) {
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

TEMPLATE_TEST_CASE("Whatever byte below the written end is changed, reading ends in an error", "[iterator]", MappedDisk,
                   ReadDisk) {
  Log log;
  log.some(3).batch({{"a", "b"}, {"c", "d"}}).some(2);
  for (std::size_t at = 0; at < log.image.size(); ++at) {
    Image image = log.image;
    image[at] ^= std::byte{0x21};
    auto shared = unchecked<TestType>(image);
    const auto events = read_all(detail::Iterator<TestType, NoCompressor>(shared, 0));
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

TEMPLATE_TEST_CASE("A closed log: views stay, the next call is closed, the storage is left alone", "[iterator]",
                   MappedDisk, ReadDisk) {
  const Log log = three_events();
  TestType disk(log.image);
  auto shared = shared_log_of(disk);
  shared->written_end.store(log.image.size());
  detail::Iterator<TestType, NoCompressor> iterator(shared, 0);
  const auto view = iterator.next_borrowed();
  const std::weak_ptr watched = shared;
  shared->closed.store(true);
  shared.reset();  // the log is gone
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
  auto shared = unchecked<ReadDisk>({});
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  CHECK(iterator.next());
  shared->closed.store(true);
  CHECK(iterator.next().error() == Errc::closed);
}

TEST_CASE("An iterator that met damage is closed once its log is, and lets go of it", "[iterator]") {
  const MappedDisk disk(bytes_of("no frame at all, but long enough"));
  auto shared = shared_log_of(disk);
  shared->written_end.store(disk.state->content.size());
  detail::Iterator<MappedDisk, NoCompressor> iterator(shared, 0);
  CHECK(iterator.next().error() == Errc::corrupted);
  CHECK(iterator.next().error() == Errc::corrupted);
  shared->closed.store(true);
  CHECK(iterator.next().error() == Errc::closed);
  CHECK(iterator.err() == Errc::closed);
  CHECK(disk.state->live_mappings == 0);
}

TEST_CASE("An iterator made on a closed log does not touch its storage", "[iterator]") {
  auto shared = unchecked<MappedDisk>(three_events().image);
  shared->closed.store(true);
  detail::Iterator<MappedDisk, NoCompressor> iterator(shared, 0);
  CHECK(iterator.next().error() == Errc::closed);
  CHECK(shared->storage.state->calls == 0);
}

TEST_CASE("A read that fails because the log is being closed is closed, not an error of the storage", "[iterator]") {
  auto shared = unchecked<ReadDisk>(three_events().image);
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  shared->storage.state->before_call = [raw = shared.get()](const char*) {
    raw->closed.store(true);
    return Result<void>(io_error(EBADF));
  };
  CHECK(iterator.next().error() == Errc::closed);
}

TEST_CASE("A storage that closes the log and reads on, from inside a read, is told closed, and the read ends so") {
  auto shared = unchecked<ReadDisk>(three_events().image);
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  std::optional<Error> inner;
  shared->storage.state->before_call = [&, raw = shared.get()](const char*) {
    raw->closed.store(true);
    if (!inner) {
      inner = Error(Errc::io);
      inner = iterator.next().error();
    }
    return Result<void>(io_error(EBADF));
  };
  CHECK(iterator.next().error() == Errc::closed);
  CHECK(inner == Errc::closed);
  CHECK(iterator.next().error() == Errc::closed);
}

TEST_CASE("A storage that reads on, from inside a read, is refused, and its own failure ends the read") {
  auto shared = unchecked<ReadDisk>(three_events().image);
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  std::optional<Error> inner;
  shared->storage.state->before_call = [&](const char*) {
    if (!inner) {
      inner = Error(Errc::io);
      inner = iterator.next().error();
    }
    return Result<void>(io_error(EBADF));
  };
  CHECK(iterator.next().error() == Errc::io);
  CHECK(inner == Errc::invalid_state);
  CHECK(iterator.next().error() == Errc::io);
}

TEST_CASE("Assigning to an iterator gives up what it held", "[iterator]") {
  const Log log = three_events();
  MappedDisk first(log.image), second(log.image);
  auto iterator = detail::Iterator<MappedDisk, NoCompressor>(shared_log_of(first), 0);
  auto shared = shared_log_of(second);
  shared->written_end.store(log.image.size());
  iterator = detail::Iterator<MappedDisk, NoCompressor>(shared, 2);
  CHECK(first.state.use_count() == 1);
  CHECK(lsns(*read_all(std::move(iterator))) == std::vector<Lsn>{2, 3});
}

TEST_CASE("An iterator assigned to itself goes on", "[iterator]") {
  auto iterator = over<MappedDisk>(three_events().image);
  CHECK((**iterator.next()).lsn == 1);
  auto& same = iterator;
  iterator = std::move(same);
  CHECK((**iterator.next()).lsn == 2);
}

TEST_CASE("A storage that fails, throws, or claims nonsense ends the reading with an error", "[iterator]") {
  const Log log = three_events();
  const auto first_error = [&](auto answer) {
    auto shared = unchecked<ReadDisk>(log.image);
    detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
    shared->storage.state->before_call = answer;
    const auto event = iterator.next();
    REQUIRE_FALSE(event);
    CHECK(iterator.next().error() == event.error());
    return event.error();
  };
  const Error failed = first_error([](const char*) { return Result<void>(io_error(EIO)); });
  CHECK(failed == Errc::io);
  CHECK(failed.system().value() == EIO);
  CHECK(first_error([](const char*) -> Result<void> { throw std::runtime_error("read_at"); }) == Errc::io);
  auto shared = unchecked<ReadDisk>(log.image);
  shared->storage.state->content.resize(log.image.size() - 1);  // shorter than what was written
  CHECK(read_all(detail::Iterator<ReadDisk, NoCompressor>(shared, 0)).error() == Errc::corrupted);
}

TEST_CASE("A frame larger than the buffer is read whole, and its memory is given back", "[iterator]") {
  Log log;
  log.event("before").event(std::string(3 << 20, 'x')).some(50).event(std::string(100000, 'y'));
  ReadDisk disk(log.image);
  auto shared = shared_log_of(disk);
  shared->written_end.store(log.image.size());
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  for (const Event& expected : log.events) {
    disk.state->largest_read = 0;
    CHECK(*iterator.next() == expected);
    if (expected.payload.size() < 1000) CHECK(disk.state->largest_read <= 64 * 1024);
  }
  CHECK_FALSE(iterator.next()->has_value());
}

TEST_CASE("Policy calls of a reader are marked: what they call back is refused", "[iterator]") {
  auto shared = unchecked<ReadDisk>(three_events().image);
  detail::Iterator<ReadDisk, NoCompressor> iterator(shared, 0);
  bool marked = false;
  std::optional<Errc> inner_next, inner_close;
  shared->storage.state->before_call = [&](const char*) {
    marked = detail::PolicyScope::inside(shared.get());
    inner_next = iterator.next().error().code();
    inner_close = iterator.close().error().code();
    return Result<void>();
  };
  static_cast<void>(iterator.next());
  CHECK(marked);
  CHECK(inner_next == Errc::invalid_state);
  CHECK(inner_close == Errc::invalid_state);
}
