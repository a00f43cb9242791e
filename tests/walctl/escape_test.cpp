// SPDX-License-Identifier: MIT
//
// Bytes as text that harms no terminal.

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <walctl/escape.hpp>
#include <walctl/numbers.hpp>

using walctl::escaped;
using walctl::printable;

TEST_CASE("text stays as it is, control characters and bytes that are no text become escapes") {
  CHECK(escaped("plain, gr\xC3\xBCn, \xE2\x82\xAC, \xF0\x9F\x98\x80") ==
        "plain, gr\xC3\xBCn, \xE2\x82\xAC, \xF0\x9F\x98\x80");
  CHECK(escaped("a\nb\tc\rd\\e") == "a\\nb\\tc\\rd\\\\e");
  CHECK(escaped(std::string("\0\x1b[31m\x7f", 7)) == "\\x00\\x1b[31m\\x7f");
  CHECK(escaped("\xff\xfe") == "\\xff\\xfe");
}

TEST_CASE("characters that a terminal obeys are escaped in whatever encoding they come") {
  CHECK(escaped("\xC2\x9B") == "\\xc2\\x9b");           // CSI in one character
  CHECK(escaped("\xE2\x80\xAE") == "\\xe2\\x80\\xae");  // text from right to left
  CHECK(escaped("\xE2\x81\xA6") == "\\xe2\\x81\\xa6");
  CHECK(escaped("\xE2\x80\xA8") == "\\xe2\\x80\\xa8");  // line separator
  CHECK(escaped("\xC0\x9B") == "\\xc0\\x9b");           // overlong
  CHECK(escaped("\xED\xA0\x80") == "\\xed\\xa0\\x80");  // half of a surrogate pair
}

TEST_CASE("every byte alone is escaped or harmless") {
  for (int c = 0; c < 256; ++c) {
    const std::string text = escaped(std::string(1, static_cast<char>(c)));
    for (const char shown : text) CHECK((shown >= 0x20 && shown < 0x7F));
  }
}

TEST_CASE("a name in a message keeps its backslashes and loses what harms") {
  CHECK(printable("a\\b\x1b") == "a\\b\\x1b");
}

TEST_CASE("numbers are grouped, sizes have a unit") {
  CHECK(walctl::grouped(0) == "0");
  CHECK(walctl::grouped(999) == "999");
  CHECK(walctl::grouped(1234567) == "1,234,567");
  CHECK(walctl::counted(1, "event") == "1 event");
  CHECK(walctl::counted(1000, "event") == "1,000 events");
  CHECK(walctl::sized(std::uint64_t{999}) == "999 B");
  CHECK(walctl::sized(std::uint64_t{1500}) == "1.5 KB");
  CHECK(walctl::sized(std::uint64_t{1700000000}) == "1.7 GB");
}

TEST_CASE("a long sentence is broken between words") {
  CHECK(walctl::wrapped("one two three", 8, 2) == "one two\n  three");
  CHECK(walctl::wrapped("short", 8, 2) == "short");
  CHECK(walctl::wrapped("averylongword and", 8, 2) == "averylongword and");
}
