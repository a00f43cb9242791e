// SPDX-License-Identifier: MIT
//
// Frames that are compressed, with the right compressor, a wrong one, and none.

#include <rewal/read/event_reader.hpp>
#include <rewal/read/iterator.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <support/golden.hpp>
#include <support/log_image.hpp>
#include <support/opening.hpp>
#include <support/test_disk.hpp>

using namespace rewal_test;

namespace {

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

TEMPLATE_TEST_CASE("Compressed frames are decompressed", "[iterator]", MappedDisk, ReadDisk) {
  Log log;
  log.event("plain")
      .add(squeezed(2, {std::string(500, 'a'), "", std::string(40, 'b')}))
      .jump_to(5)
      .event("plain again");
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

TEST_CASE("Compressed frames one after another do not run into each other", "[iterator]") {
  Log log;
  log.add(squeezed(1, {"one", "two"})).add(squeezed(3, {std::string(900, 'x')})).add(squeezed(4, {"four"}));
  const auto events = read_all(over<MappedDisk>(log.image, 0, RunLength()));
  REQUIRE(events);
  CHECK(*events == std::vector<Event>{{1, bytes_of("one"), std::nullopt},
                                      {2, bytes_of("two"), std::nullopt},
                                      {3, bytes_of(std::string(900, 'x')), std::nullopt},
                                      {4, bytes_of("four"), std::nullopt}});
}

TEST_CASE("Calls of the compressor are marked, and may not call their reader", "[iterator]") {
  struct Watching : RunLength {
    Result<void> decompress(Bytes source, std::vector<std::byte>& target, std::size_t most) const {
      watch();
      return RunLength::decompress(source, target, most);
    }
    std::function<void()> watch;
  };
  Log log;
  log.add(squeezed(1, {"one"})).add(squeezed(2, {"two"}));
  auto shared = unchecked<MappedDisk>(log.image, Watching());
  detail::Iterator<MappedDisk, Watching> iterator(shared, 0);
  bool marked = false;
  shared->compressor.watch = [&] {
    marked = detail::PolicyScope::inside(shared.get());
    CHECK(iterator.next().error() == Errc::invalid_state);
    CHECK(iterator.close().error() == Errc::invalid_state);
  };
  static_cast<void>(iterator.next());
  CHECK(marked);
}
