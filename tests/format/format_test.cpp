// SPDX-License-Identifier: MIT

#include <rewal/format/format.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <support/log_image.hpp>

using namespace rewal_test;
namespace format = rewal::detail::format;
using format::Validity;

namespace {

Image one_record(std::string_view payload = "payload", std::string_view meta = "") {
  Image region;
  put_record(region, bytes_of(payload), bytes_of(meta));
  return region;
}

Frame good() { return {.first_lsn = 9, .count = 1, .region = one_record()}; }

/// The frame with one field changed, and its CRC right again.
Validity with(const std::function<void(Image&)>& change, bool sealed = true) {
  Image frame = good().image();
  change(frame);
  if (sealed) reseal(frame, 0, frame.size());
  return format::check_frame(frame).validity;
}

}  // namespace

TEST_CASE("The header is stored and loaded at the offsets of the format", "[format]") {
  const format::Header header{.flags = 3, .count = 0x01020304, .first_lsn = 0x1112131415161718, .size = 0xA1A2A3A4};
  Image stored(24);
  format::store_header(stored.data(), header);
  Image expected = bytes_of("EWAL");
  put(expected, 2, 2);
  put(expected, 3, 2);
  put(expected, 0x01020304, 4);
  put(expected, 0x1112131415161718, 8);
  put(expected, 0xA1A2A3A4, 4);
  CHECK(stored == expected);
  const format::Header loaded = format::load_header(stored.data());
  CHECK(loaded.magic == 0x4C415745);
  CHECK(loaded.version == 2);
  CHECK(loaded.flags == 3);
  CHECK(loaded.count == header.count);
  CHECK(loaded.first_lsn == header.first_lsn);
  CHECK(loaded.size == header.size);
  CHECK(loaded.compressed());
  CHECK(loaded.synced_before());
  CHECK(loaded.last_lsn() == header.first_lsn + header.count - 1);
}

TEST_CASE("A whole frame is valid, alone and with anything behind it", "[format]") {
  Image image = good().image();
  CHECK(format::check_frame(image).validity == Validity::valid);
  append(image, bytes_of("and more"));
  CHECK(format::check_frame(image).validity == Validity::valid);
}

TEST_CASE("Every shorter piece of a frame is torn", "[format]") {
  const Image whole = good().image();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Image piece(whole.begin(), whole.begin() + std::ptrdiff_t(size));  // a block of its own: no byte behind it
    CHECK(format::check_frame(piece).validity == Validity::torn);
  }
}

TEST_CASE("A wrong magic or an impossible size is torn, whatever the CRC", "[format]") {
  const std::size_t size = good().image().size();
  CHECK(with([](Image& f) { f[0] = std::byte{'e'}; }) == Validity::torn);
  for (const std::size_t wrong : Sizes{0, 1, 27, size + 1, 0xFFFFFFFF}) {
    CHECK(with([&](Image& f) { poke(f, At::size, wrong, 4); }) == Validity::torn);
  }
  CHECK(with([&](Image& f) { poke(f, At::size, 28, 4); }) == Validity::bad_crc);
  CHECK(with([&](Image& f) { poke(f, At::size, size - 1, 4); }) == Validity::bad_crc);
}

TEST_CASE("A frame of 28 bytes has no room for the one record it needs", "[format]") {
  CHECK(format::check_frame(Frame{.count = 1}.image()).validity == Validity::malformed);
  CHECK(format::check_frame(Frame{.count = 0}.image()).validity == Validity::malformed);
  CHECK(format::check_frame(Frame{.count = 1, .flags = compressed}.image()).validity == Validity::valid);
}

TEST_CASE("Any flipped bit of a frame is noticed", "[format]") {
  const Image whole = good().image();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Image image = whole;
    image[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    const Validity validity = format::check_frame(image).validity;
    CHECK((validity == Validity::torn || validity == Validity::bad_crc));
  }
}

TEST_CASE("The rules are looked at in their order: CRC, then version and flags, then content", "[format]") {
  CHECK(with([](Image& f) { poke(f, At::version, 3, 2); }, false) == Validity::bad_crc);
  CHECK(with([](Image& f) { poke(f, At::version, 3, 2); }) == Validity::unknown);
  CHECK(with([](Image& f) { poke(f, At::flags, 4, 2); }) == Validity::unknown);
  CHECK(with([](Image& f) {
          poke(f, At::flags, 0x8000, 2);
          poke(f, At::count, 0, 4);
        }) == Validity::unknown);
  CHECK(with([](Image& f) { poke(f, At::count, 0, 4); }) == Validity::malformed);
  CHECK(with([](Image& f) { poke(f, At::flags, 2, 2); }) == Validity::valid);
}

TEST_CASE("LSNs from 1 to 2^64 - 2 are possible, and the last record's too", "[format]") {
  const auto lsn = [](Lsn first, std::uint32_t count) {
    return format::check_frame(
               Frame{.first_lsn = first, .count = count, .region = Image(6 * std::size_t{count})}.image())
        .validity;
  };
  CHECK(lsn(0, 1) == Validity::malformed);
  CHECK(lsn(1, 1) == Validity::valid);
  CHECK(lsn(UINT64_MAX - 1, 1) == Validity::valid);
  CHECK(lsn(UINT64_MAX, 1) == Validity::malformed);
  CHECK(lsn(UINT64_MAX - 3, 3) == Validity::valid);
  CHECK(lsn(UINT64_MAX - 2, 3) == Validity::malformed);
  CHECK(lsn(UINT64_MAX - 1, 2) == Validity::malformed);
}

TEST_CASE("Records fill their region exactly, no more and no fewer than counted", "[format]") {
  Image region = one_record("a", "m");
  append(region, one_record("", ""));
  append(region, one_record("ccc", "mm"));
  for (std::uint32_t count = 0; count < 6; ++count) CHECK(format::holds_records(region, count) == (count == 3));
  Image longer = region;
  longer.push_back(std::byte{0});
  CHECK_FALSE(format::holds_records(longer, 3));
  for (std::size_t size = 0; size < region.size(); ++size) {
    CHECK_FALSE(format::holds_records(Image(region.begin(), region.begin() + std::ptrdiff_t(size)), 3));
  }
  CHECK_FALSE(format::holds_records(region, 0xFFFF'FFFF));
  CHECK(format::holds_records({}, 0));
}

TEST_CASE("Lengths that overflow are no way out of the region", "[format]") {
  Image region(12);
  for (const std::uint64_t length : {0xFFFF'FFFFull, 0xFFFF'FFFAull, 0xFFFF'0006ull, 0xFFFF'0007ull, 7ull}) {
    poke(region, 0, length, 4);
    poke(region, 4, 0xFFFF, 2);
    CHECK_FALSE(format::holds_records(region, 1));
    CHECK_FALSE(format::holds_records(region, 2));
  }
}

TEST_CASE("Random regions: the walk stays inside and agrees with a slow one", "[format]") {
  std::mt19937 random(3);
  const auto slow = [](const Image& region, std::uint32_t count) {
    std::uint64_t at = 0;
    for (; count > 0; --count) {
      if (at + 6 > region.size()) return false;
      std::uint64_t length = 0;
      for (std::size_t i = 4; i-- > 0;)
        length = length << 8 | std::to_integer<std::uint64_t>(region[static_cast<std::size_t>(at) + i]);
      length += std::to_integer<std::uint64_t>(region[static_cast<std::size_t>(at) + 4]) |
                std::to_integer<std::uint64_t>(region[static_cast<std::size_t>(at) + 5]) << 8;
      at += 6 + length;
    }
    return at == region.size();
  };
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    Image region(random() % 40);
    for (auto& byte : region) byte = static_cast<std::byte>(random() % 5 == 0 ? random() % 8 : 0);
    const auto count = static_cast<std::uint32_t>(random() % 6);
    const bool held = format::holds_records(region, count);
    CHECK(held == slow(region, count));
    accepted += held ? 1 : 0;
  }
  CHECK(accepted > 100);
}

TEST_CASE("Where no header fits its fields are 0; where one fits they are shown as they stand", "[format]") {
  Image header;
  for (std::uint8_t byte = 1; byte <= 24; ++byte) header.push_back(std::byte{byte});
  const format::Checked whole = format::check_frame(header);
  CHECK(whole.validity == Validity::torn);
  CHECK(whole.header.magic == 0x04030201);
  CHECK(whole.header.first_lsn == 0x14131211100F0E0D);
  const format::Header none = format::check_frame(cut(header, 23)).header;
  CHECK(none.magic == 0);
  CHECK((none.flags == 0 && none.count == 0 && none.first_lsn == 0 && none.size == 0));
}

TEST_CASE("A frame is synced before, or compressed, by its own flag alone", "[format]") {
  format::Header header;
  CHECK_FALSE(header.synced_before());
  CHECK_FALSE(header.compressed());
  header.flags = synced_before;
  CHECK(header.synced_before());
  CHECK_FALSE(header.compressed());
  header.flags = compressed;
  CHECK_FALSE(header.synced_before());
  CHECK(header.compressed());
}
