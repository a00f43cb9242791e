// SPDX-License-Identifier: MIT
//
// One answer sheet, filled in by two translation units that were compiled for different processors.

#ifndef REWAL_TESTS_TWO_UNITS_HPP
#define REWAL_TESTS_TWO_UNITS_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "all_headers.hpp"

struct Answers {
  std::vector<std::size_t> sizes;
  std::vector<std::byte> file;
  std::uint64_t replayed = 0;
  std::string error;

  bool operator==(const Answers&) const = default;
};

Answers answers_of_plain();
Answers answers_of_tuned();

// Unlike everything it calls, this is compiled separately for each unit.
namespace {

[[maybe_unused]] Answers answers() {
  Answers sheet;
  sheet.sizes = {sizeof(rewal::Wal<>),          alignof(rewal::Wal<>),         sizeof(rewal::Stats),
                 sizeof(rewal::Batch),          sizeof(rewal::Error),          sizeof(rewal::Event),
                 sizeof(rewal::BorrowedEvent),  sizeof(rewal::RecoveryReport), sizeof(rewal::Result<rewal::Lsn>),
                 sizeof(rewal::Wal<>::Iterator)};

  rewal::MemoryStorage storage;
  auto opened = rewal::Wal<>::open("two units").storage(storage).build();
  if (!opened) {
    sheet.error = opened.error().message();
    return sheet;
  }
  auto wal = std::move(*opened);
  for (std::size_t length = 0; length < 600; length += 7) {
    if (auto lsn = wal.append_with_meta(std::string(length, 'p'), "m"); !lsn) sheet.error = lsn.error().message();
  }
  rewal::Batch batch;
  batch.add("one");
  batch.add("two");
  if (auto lsn = wal.append_batch_durable(batch); !lsn) sheet.error = lsn.error().message();
  auto replayed = wal.replay(1, [](const rewal::BorrowedEvent&) {});
  if (!replayed) sheet.error = replayed.error().message();
  sheet.replayed = replayed.value_or(0);
  if (auto shut = wal.shutdown(); !shut) sheet.error = shut.error().message();
  const auto bytes = storage.bytes();
  sheet.file.assign(bytes.begin(), bytes.end());
  return sheet;
}

}  // namespace

#endif  // REWAL_TESTS_TWO_UNITS_HPP
