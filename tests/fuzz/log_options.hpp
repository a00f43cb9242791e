// SPDX-License-Identifier: MIT
//
// LogOptions: the options of a log that a recipe may choose.

#ifndef REWAL_TESTS_FUZZ_LOG_OPTIONS_HPP
#define REWAL_TESTS_FUZZ_LOG_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <rewal/options.hpp>

#include "compare.hpp"
#include "made_log.hpp"
#include "recipe.hpp"

namespace rewal_fuzz {

struct LogOptions {
  rewal::SyncMode sync_mode = rewal::SyncMode::never;
  rewal::Backpressure backpressure = rewal::Backpressure::block;
  Recovery recovery = Recovery::repair;
  std::size_t queue_capacity = 4096;
  std::size_t queue_bytes = 1 << 16;
  std::size_t buffer_capacity = 1 << 16;
  std::size_t max_frame_bytes = 1 << 16;
  std::uint64_t start_lsn = 1;

  static LogOptions from(Recipe& recipe) {
    using namespace std::chrono_literals;
    static constexpr std::size_t sizes[] = {1 << 16, 1, 40, 200, 3000};
    const rewal::SyncMode modes[] = {rewal::SyncMode::never, rewal::SyncMode::batch, rewal::SyncMode::interval(1h),
                                     rewal::SyncMode::interval(1us)};
    LogOptions chosen;
    chosen.sync_mode = modes[recipe.below(4)];
    chosen.backpressure = static_cast<rewal::Backpressure>(recipe.below(3));
    chosen.recovery = policies[recipe.below(3)];
    chosen.queue_capacity = 1 + recipe.below(12);
    chosen.queue_bytes = sizes[recipe.below(5)];
    chosen.buffer_capacity = sizes[recipe.below(5)];
    chosen.max_frame_bytes = 34 + sizes[recipe.below(5)];
    const std::uint64_t starts[] = {1, 2, 1000, highest_lsn - 20};
    chosen.start_lsn = starts[recipe.below(4)];
    return chosen;
  }
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_LOG_OPTIONS_HPP
