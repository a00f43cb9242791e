// SPDX-License-Identifier: MIT
//
// Turns a recipe into calls of a modelled log.

#ifndef REWAL_TESTS_FUZZ_MODEL_RECIPE_HPP
#define REWAL_TESTS_FUZZ_MODEL_RECIPE_HPP

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "modelled_log.hpp"
#include "recipe.hpp"

namespace rewal_fuzz {

/// Bytes that differ from place to place, or in long runs.
inline Image some_bytes(Recipe& recipe, std::size_t size) {
  Image bytes(size);
  const std::uint8_t kind = recipe.byte();
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(kind % 2 == 0 ? kind : kind + i * 7);
  return bytes;
}

inline Image some_meta(Recipe& recipe) {
  static constexpr std::size_t sizes[] = {0, 0, 0, 1, 9, 300, 65535, 65536, 70000};
  const std::size_t which = recipe.below(64);
  return Image(sizes[which < 9 ? which : which % 5], std::byte{0x6D});
}

inline std::size_t some_size(Recipe& recipe) { return recipe.once_in(8) ? recipe.below(9000) : recipe.below(70); }

inline std::vector<std::pair<Image, Image>> some_records(Recipe& recipe) {
  std::vector<std::pair<Image, Image>> records(recipe.below(7));
  for (auto& [payload, meta] : records) {
    payload = some_bytes(recipe, some_size(recipe));
    meta = some_meta(recipe);
  }
  return records;
}

template <class Log>
std::uint64_t some_lsn(Recipe& recipe, const Log& log) {
  const std::uint64_t last = log.last_lsn();
  const std::size_t back = recipe.below(40);
  return back == 39 ? recipe.number(8) : last + 2 - (back < last + 2 ? back : last + 2);
}

template <class Log>
void one_call(Recipe& recipe, Log& log) {
  switch (recipe.byte() % 16) {
    case 0: log.append_batch(some_records(recipe), false); break;
    case 1: log.append_batch(some_records(recipe), true); break;
    case 2: log.append(some_bytes(recipe, some_size(recipe)), some_meta(recipe), true); break;
    case 3: log.flush(); break;
    case 4: log.sync(); break;
    case 5: log.wait_durable(some_lsn(recipe, log)); break;
    case 6: log.read(some_lsn(recipe, log)); break;
    case 7: log.replay_some(some_lsn(recipe, log), 1 + recipe.below(5)); break;
    case 8: log.begin_reading(some_lsn(recipe, log)); break;
    case 9: log.go_on_reading(recipe.below(9)); break;
    case 10:
      log.shut_down();
      log.open(LogOptions::from(recipe));
      break;
    case 11:
      log.close();
      log.open(LogOptions::from(recipe));
      break;
    case 12:
      for (std::size_t left = recipe.below(30); left > 0; --left) log.append(Image(1500, std::byte{0x4D}), {}, false);
      break;
    default: log.append(some_bytes(recipe, some_size(recipe)), some_meta(recipe), false); break;
  }
}

template <class Log>
void follow(Recipe& recipe, Log& log) {
  constexpr std::size_t most_bytes = 150'000;
  log.open(LogOptions::from(recipe));
  for (int calls = 0; calls < 50 && !recipe.empty() && log.file_bytes() < most_bytes; ++calls) one_call(recipe, log);
  log.read(0);
  log.shut_down();
}

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_MODEL_RECIPE_HPP
