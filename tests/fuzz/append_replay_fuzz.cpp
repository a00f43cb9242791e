// SPDX-License-Identifier: MIT
//
// Fuzzes the whole log: the input is a recipe of options and calls, from append to reopening, held against a model.

#include <cstddef>
#include <cstdint>

#include "model_recipe.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rewal_fuzz;
  Recipe recipe(data, size);
  ModelledLog<rewal::NoCompressor> log;
  follow(recipe, log);
  return 0;
}
