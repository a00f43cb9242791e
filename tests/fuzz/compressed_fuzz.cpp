// SPDX-License-Identifier: MIT
//
// Fuzzes compressed frames with a toy compressor that can shrink, grow, fail, throw and lie: reading frames whose
// compressed bytes are hostile, and writing and reading through a whole log beside a model.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "compare.hpp"
#include "made_log.hpp"
#include "model_recipe.hpp"
#include "recipe.hpp"
#include "run_length.hpp"

namespace {

using namespace rewal_fuzz;

/// Records that are right, and compressed, and then perhaps changed.
Image squeezed_records(Recipe& recipe, std::uint32_t& count) {
  Image region;
  count = static_cast<std::uint32_t>(1 + recipe.below(4));
  for (std::uint32_t i = 0; i < count; ++i) {
    append_record(region, Image(recipe.below(400), std::byte{recipe.byte()}), Image(recipe.below(3), std::byte{1}));
  }
  Image packed;
  run_length_compress(region, packed);
  if (recipe.once_in(2)) packed[recipe.below(packed.size())] = std::byte{recipe.byte()};
  return packed;
}

MadeLog hostile_log(Recipe& recipe) {
  MadeLog log(1);
  for (int frames = 0; frames < 20 && !recipe.empty(); ++frames) {
    std::uint32_t count = 1;
    switch (recipe.byte() % 4) {
      case 0: {
        Image region;
        append_record(region, Image(recipe.below(30), std::byte{0x70}), {});
        log.add(1, region, false);
        break;
      }
      case 1: {
        const View raw = recipe.bytes(recipe.below(60));
        log.add(static_cast<std::uint32_t>(1 + recipe.number(recipe.once_in(2) ? 4 : 1) % 0xFFFF'FFFF), raw, true);
        break;
      }
      default: {
        const Image region = squeezed_records(recipe, count);
        log.add(count, region, true);
      }
    }
  }
  return log;
}

template <class Disk>
void read_hostile(const SecondJudge& judge, Inflate how, std::size_t most, std::uint64_t from) {
  auto shared = std::make_shared<rewal::detail::SharedLog<Disk, RunLength>>(Disk(image_of(judge.file())),
                                                                            RunLength({}, how), most);
  const auto recovered = rewal::detail::recover(*shared, Recovery::strict);
  claim(recovered.has_value(), "opening does not look into compressed frames");
  shared->written_end.store(recovered->report.kept_bytes);
  const ExpectedReading expected =
      expected_reading(judge, from, [&](View region) { return expected_inflate(region, most, how); });
  rewal::detail::Iterator<Disk, RunLength> it(shared, from);
  compare_reading(it, expected);
  compare_replay([&](auto f) { return rewal::detail::replay(shared, from, f); }, expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Recipe recipe(data, size);
  const std::uint8_t choice = recipe.byte();
  const auto inflate = static_cast<Inflate>(recipe.below(7));
  if (choice % 4 == 0) {
    const auto squeeze = static_cast<Squeeze>(recipe.below(6));
    ModelledLog<RunLength> log(RunLength(squeeze, inflate), inflate);
    follow(recipe, log);
    return 0;
  }
  static constexpr std::size_t limits[] = {64, 400, 4096};
  const std::size_t most = limits[choice % 4 - 1];
  const std::uint64_t from = choice / 4;
  const MadeLog log = hostile_log(recipe);
  const SecondJudge judge(log.image);
  read_hostile<MappedDisk>(judge, inflate, most, from);
  read_hostile<ReadDisk>(judge, inflate, most, from);
  return 0;
}
