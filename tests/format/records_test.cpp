// SPDX-License-Identifier: MIT

#include <rewal/format/records.hpp>

#include <catch2/catch_test_macros.hpp>

#include <iterator>
#include <string>
#include <vector>

#include <support/log_image.hpp>

using namespace rewal_test;

static_assert(std::forward_iterator<Events::iterator>);

namespace {

Image three_records() {
  Image region;
  put_record(region, bytes_of("first"), bytes_of("m"));
  put_record(region, {});
  put_record(region, bytes_of("third"));
  return region;
}

}  // namespace

TEST_CASE("A stored record header is the format's, and loads back", "[records]") {
  const Image payload = bytes_of("payload"), meta = bytes_of("meta");
  Image record(6);
  detail::store_record_header(record.data(), payload, meta);
  Image expected;
  put(expected, 7, 4);
  put(expected, 4, 2);
  CHECK(record == expected);
  CHECK(detail::record_bytes(payload, meta) == 17);
  append(record, meta);
  append(record, payload);
  const BorrowedEvent event = detail::load_record(record.data());
  CHECK(as_text(event.payload) == "payload");
  CHECK(as_text(*event.meta) == "meta");
  CHECK(detail::end_of(event) == record.data() + record.size());
}

TEST_CASE("No meta and empty meta are the same", "[records]") {
  CHECK_FALSE(detail::meta_or_none({}).has_value());
  CHECK(detail::meta_or_none(bytes_of("m")).has_value());
  Image record;
  put_record(record, bytes_of("x"));
  CHECK_FALSE(detail::load_record(record.data()).meta.has_value());
}

TEST_CASE("Loading into an event that had meta forgets it", "[records]") {
  const Image region = three_records();
  BorrowedEvent event;
  detail::load_record(region.data(), event);
  CHECK(event.meta.has_value());
  detail::load_record(detail::end_of(event), event);
  CHECK_FALSE(event.meta.has_value());
  CHECK(event.payload.empty());
  detail::load_record(detail::end_of(event), event);
  CHECK(as_text(event.payload) == "third");
}

TEST_CASE("Lengths of any byte order load from any alignment", "[records]") {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Image bytes(shift);
    put_record(bytes, Image(0x0102), Image(0x0304));
    const BorrowedEvent event = detail::load_record(bytes.data() + shift);
    CHECK(event.payload.size() == 0x0102);
    CHECK(event.meta->size() == 0x0304);
  }
}

TEST_CASE("Events of one append: a sized forward range, lsn 0", "[records]") {
  const Image region = three_records();
  const Events events(region, 3);
  CHECK(events.size() == 3);
  CHECK_FALSE(events.empty());
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<std::string> payloads;
    for (const BorrowedEvent& event : events) {
      payloads.emplace_back(as_text(event.payload));
      CHECK(event.lsn == 0);
    }
    CHECK(payloads == std::vector<std::string>{"first", "", "third"});
  }
  CHECK(std::distance(events.begin(), events.end()) == 3);
}

TEST_CASE("A single event is such a range too", "[records]") {
  const Image payload = bytes_of("p"), meta = bytes_of("m");
  const Events events(payload, meta);
  REQUIRE(events.size() == 1);
  auto it = events.begin();
  CHECK(as_text((*it).payload) == "p");
  CHECK(as_text(*(*it).meta) == "m");
  CHECK(it++ == events.begin());
  CHECK(it == events.end());
  CHECK_FALSE((*Events(payload, Bytes()).begin()).meta.has_value());
  CHECK(Events(Bytes(), std::size_t{0}).empty());
}

TEST_CASE("An iterator over events that is advanced behind the value gives what it stood at", "[records]") {
  Image region;
  put_record(region, bytes_of("one"));
  put_record(region, bytes_of("two"));
  const rewal::Events events(region, 2);
  auto at = events.begin();
  const auto before = at++;
  CHECK(before == events.begin());
  const Bytes first = (*before).payload, second = (*at).payload;
  CHECK(Image(first.begin(), first.end()) == bytes_of("one"));
  CHECK(Image(second.begin(), second.end()) == bytes_of("two"));
}
