// SPDX-License-Identifier: MIT
//
// A length that no memory has, as a -1 that was passed on.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <limits>
#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

using namespace rewal_test;

namespace {

/// One byte that claims to be so many.
BytesArg claiming(std::size_t size) {
  static const char byte = 'x';
  return {&byte, size};
}

constexpr std::size_t lengths[] = {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() - 5,
                                   std::numeric_limits<std::size_t>::max() - 33,
                                   std::numeric_limits<std::size_t>::max() / 2};

}  // namespace

TEST_CASE("an append of an absurd length is invalid_record, reads nothing and takes no LSN") {
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).build());
  for (const std::size_t length : lengths) {
    CAPTURE(length);
    CHECK(wal.append(claiming(length)).error() == Errc::invalid_record);
    CHECK(wal.append_durable(claiming(length)).error() == Errc::invalid_record);
    CHECK(wal.append_with_meta("payload", claiming(length)).error() == Errc::invalid_record);
    CHECK(wal.append_with_meta(claiming(length), claiming(length)).error() == Errc::invalid_record);
    CHECK(wal.append_durable_with_meta(claiming(length), "meta").error() == Errc::invalid_record);
  }
  CHECK(must(wal.append("event")) == 1);
}

TEST_CASE("a record of an absurd length spoils its batch, which is usable again once cleared") {
  auto wal = must(Wal<>::open("log").storage(RecordingStorage()).build());
  for (const std::size_t length : lengths) {
    CAPTURE(length);
    Batch batch;
    batch.add("whole");
    batch.add(claiming(length));
    CHECK(wal.append_batch(batch).error() == Errc::invalid_record);
    batch.clear();
    batch.add_with_meta("payload", claiming(length));
    CHECK(wal.append_batch_durable(batch).error() == Errc::invalid_record);
    batch.clear();
    batch.add("event");
    CHECK(wal.append_batch(batch));
  }
}
