// SPDX-License-Identifier: MIT

#include <rewal/read/frame_cursor.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <string>

#include <support/log_image.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;
using detail::FrameCursor;
using detail::Source;
using detail::Walk;
using detail::format::Validity;

namespace {

template <class Disk>
FrameCursor<Disk> cursor_over(Disk& disk, std::uint64_t from = 0) {
  return {Source<Disk>(disk, nullptr, disk.state->content.size()), from};
}

}  // namespace

TEMPLATE_TEST_CASE("Frames one after another, then the end, again and again", "[frame_cursor]", MappedDisk, ReadDisk) {
  Log log;
  log.some(300).event(std::string(200000, 'x')).batch({{"a", "m"}, {"b", ""}}, synced_before);
  TestType disk(log.image);
  auto cursor = cursor_over(disk);
  for (const auto& place : log.places) {
    REQUIRE(cursor.next() == Walk::frame);
    CHECK(cursor.offset() == place.at);
    CHECK(cursor.header().first_lsn == place.first_lsn);
    CHECK(cursor.header().count == place.count);
    CHECK(cursor.header().flags == place.flags);
    CHECK(cursor.region().size() == place.size - 28);
  }
  CHECK(cursor.next() == Walk::end);
  CHECK(cursor.next() == Walk::end);
  CHECK(cursor.offset() == log.image.size());
}

TEMPLATE_TEST_CASE("It begins wherever a frame does", "[frame_cursor]", MappedDisk, ReadDisk) {
  Log log;
  log.some(5);
  TestType disk(log.image);
  for (const auto& place : log.places) {
    auto cursor = cursor_over(disk, place.at);
    REQUIRE(cursor.next() == Walk::frame);
    CHECK(cursor.header().first_lsn == place.first_lsn);
  }
  CHECK(cursor_over(disk, log.image.size()).next() == Walk::end);
}

TEMPLATE_TEST_CASE("Bad bytes stop it, say why, and are never skipped", "[frame_cursor]", MappedDisk, ReadDisk) {
  const auto stops = [](const Image& image) {
    TestType disk(image);
    auto cursor = cursor_over(disk);
    REQUIRE(cursor.next() == Walk::frame);
    REQUIRE(cursor.next() == Walk::bad);
    REQUIRE(cursor.next() == Walk::bad);
    CHECK(cursor.offset() == 35);
    return cursor.validity();
  };
  const auto begun = [] { return Log().event("x"); };
  CHECK(stops(begun().text("E").image) == Validity::torn);
  CHECK(stops(begun().text("long enough to be a header of a frame").image) == Validity::torn);
  CHECK(stops(begun().zeros(100).image) == Validity::torn);
  Log damaged = begun().event("y").event("z");
  damaged.image[40] ^= std::byte{1};
  CHECK(stops(damaged.image) == Validity::bad_crc);
  CHECK(stops(begun().add({.first_lsn = 2, .version = 1, .region = Image(6)}).image) == Validity::unknown);
  CHECK(stops(begun().add({.first_lsn = 2, .count = 3, .region = Image(6)}).image) == Validity::malformed);
}

TEST_CASE("A storage that fails is a fourth answer", "[frame_cursor]") {
  Log log;
  log.some(3);
  ReadDisk disk(log.image);
  fail_call(*disk.state, 1);
  auto cursor = cursor_over(disk);
  CHECK(cursor.next() == Walk::failed);
  CHECK(cursor.error().system().value() == EIO);
}

TEST_CASE("What a reader says: unknown frames are invalid_record, all other bad bytes corrupted", "[frame_cursor]") {
  for (const auto validity : {Validity::torn, Validity::bad_crc, Validity::malformed}) {
    CHECK(detail::damage_at(7, validity) == Errc::corrupted);
    CHECK(detail::damage_at(7, validity).offset() == 7);
  }
  CHECK(detail::damage_at(7, Validity::unknown) == Errc::invalid_record);
}
