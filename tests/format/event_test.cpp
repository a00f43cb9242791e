// SPDX-License-Identifier: MIT

#include <rewal/format/event.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/log_image.hpp>

using namespace rewal_test;

TEST_CASE("An owned event is a copy of all the view shows", "[event]") {
  Image payload = bytes_of("payload"), meta = bytes_of("meta");
  const BorrowedEvent view{7, payload, Bytes(meta), 100};
  const Event event = view.to_owned();
  payload[0] = meta[0] = std::byte{0};
  CHECK(event == Event{7, bytes_of("payload"), bytes_of("meta")});
}

TEST_CASE("An event without meta stays without", "[event]") {
  CHECK(BorrowedEvent{1, {}, std::nullopt, 0}.to_owned() == Event{1, {}, std::nullopt});
}

TEST_CASE("Events differ in any of their parts", "[event]") {
  const Event event{1, bytes_of("p"), bytes_of("m")};
  CHECK(event == Event{1, bytes_of("p"), bytes_of("m")});
  CHECK(event != Event{2, bytes_of("p"), bytes_of("m")});
  CHECK(event != Event{1, bytes_of("q"), bytes_of("m")});
  CHECK(event != Event{1, bytes_of("p"), bytes_of("n")});
  CHECK(event != Event{1, bytes_of("p"), std::nullopt});
}

TEST_CASE("An event of which nothing was said has LSN 0 and offset 0", "[event]") {
  CHECK(BorrowedEvent{}.lsn == 0);
  CHECK(BorrowedEvent{}.offset == 0);
}
