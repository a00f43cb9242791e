// SPDX-License-Identifier: MIT
//
// Are the defaults well chosen? One row an option: the log with its default beside the log with other values, on the
// work that the option is for. Ratios are of the default to the other value, so above 1 the other would be faster.

#include <functional>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::uint64_t KiB = 1024;

enum class Option { queue_bytes, queue_capacity, buffer_capacity, preallocate };

auto configured(Option option, std::uint64_t value) {
  return [=](auto builder) {
    switch (option) {
      case Option::queue_bytes: return std::move(builder).queue_bytes(value);
      case Option::queue_capacity: return std::move(builder).queue_capacity(value);
      case Option::buffer_capacity: return std::move(builder).buffer_capacity(value);
      default: return std::move(builder).preallocate(value);
    }
  };
}

/// Nanoseconds an append, flush included.
template <class Configure>
double append(Configure configure, unsigned threads, std::uint64_t events) {
  auto log = fresh_log("log", configure);
  const std::uint64_t each = events / threads;
  double elapsed = on_threads(threads, [&](unsigned) {
    for (std::uint64_t i = 0; i < each; ++i) must(log->append(payload));
  });
  const auto begin = Clock::now();
  must(log->flush());
  elapsed += nanoseconds_since(begin);
  must_be(log->last_lsn() == each * threads, "every append has its LSN");
  return elapsed / static_cast<double>(each * threads);
}

/// Nanoseconds a durable append of 4 KiB, steps of preallocation included.
template <class Configure>
double append_durable(Configure configure, std::uint64_t events) {
  auto log = fresh_log("log", configure);
  const std::string page(4096, 'd');
  must(log->append_durable(page));
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < events; ++i) must(log->append_durable(page));
  return nanoseconds_since(begin) / static_cast<double>(events);
}

std::string in_words(std::uint64_t value) {
  if (value >= KiB * KiB) return std::to_string(value / (KiB * KiB)) + "Mi";
  return value >= KiB ? std::to_string(value / KiB) + "Ki" : std::to_string(value);
}

template <class Work>
void ask_for(const std::string& row, const std::string& what, Option option, const std::vector<std::uint64_t>& values,
             Work work) {
  ask({.row = "defaults/" + row, .what = what, .unit = "ns"}, [=](Notes&) {
    std::vector<Side> sides{{"default", [=] { return work(std::identity{}); }}};
    for (const std::uint64_t value : values) {
      sides.push_back({in_words(value), [=] { return work(configured(option, value)); }});
    }
    return sides;
  });
}

}  // namespace

void bench::questions() {
  const std::uint64_t events = setting().count(500000);
  for (const unsigned threads : {1u, 4u}) {
    const auto sustained = [=](auto configure) { return append(configure, threads, events); };
    const std::string by = " B by " + std::to_string(threads) + " threads, flush included, for ";
    const std::string row = "/threads:" + std::to_string(threads);
    ask_for("queue_bytes" + row, "append of 128" + by + "queue_bytes", Option::queue_bytes,
            {64 * KiB, 128 * KiB, 256 * KiB, 512 * KiB, 1024 * KiB, 2048 * KiB, 4096 * KiB}, sustained);
    ask_for("queue_capacity" + row, "append of 128" + by + "queue_capacity", Option::queue_capacity,
            {256, 1024, 4 * KiB, 16 * KiB}, sustained);
    ask_for("buffer_capacity" + row, "append of 128" + by + "buffer_capacity", Option::buffer_capacity,
            {16 * KiB, 32 * KiB, 64 * KiB, 128 * KiB, 256 * KiB}, sustained);
    ask_for("preallocate" + row, "append of 128" + by + "preallocate", Option::preallocate,
            {0, 256 * KiB, 1024 * KiB, 4096 * KiB, 16384 * KiB, 65536 * KiB}, sustained);
  }
  const std::uint64_t commits = setting().count(1500);
  ask_for("preallocate/durable", "append_durable of 4 KiB, one thread, for preallocate", Option::preallocate,
          {0, 256 * KiB, 1024 * KiB, 4096 * KiB, 16384 * KiB, 65536 * KiB},
          [=](auto configure) { return append_durable(configure, commits); });
}
