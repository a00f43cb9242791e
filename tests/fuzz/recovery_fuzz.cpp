// SPDX-License-Identifier: MIT
//
// Fuzzes opening and reading with arbitrary bytes as the file. The first byte chooses the log's start_lsn and where
// reading begins; the rest is the file.

#include <cstddef>
#include <cstdint>

#include "compare.hpp"
#include "public_log.hpp"
#include "recipe.hpp"

#ifdef REWAL_FUZZ_LIBFUZZER
#include "resealing.hpp"

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return rewal_fuzz::mutate_log(data, size, most, seed, 1);
}
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rewal_fuzz;
  Recipe recipe(data, size);
  const std::uint8_t choice = recipe.byte();
  const std::uint64_t starts[] = {1, 2, 1000, highest_lsn};
  const std::uint64_t start_lsn = starts[choice % 4];
  const std::uint64_t read_from = choice / 4 == 63 ? highest_lsn : choice / 4;
  const Image file = image_of(recipe.bytes(size));
  const SecondJudge judge(file, start_lsn);
  compare_all_openings(judge, start_lsn, read_from);
  compare_raw_reading<MappedDisk>(judge, read_from);
  compare_raw_reading<ReadDisk>(judge, read_from);
  if (choice % 8 == 0) compare_public_log(judge, policies[choice / 8 % 3], start_lsn);
  return 0;
}
