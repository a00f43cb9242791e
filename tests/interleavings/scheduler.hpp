// SPDX-License-Identifier: MIT
//
// Scheduler: runs the logical threads of a scenario one operation at a time, again and again, until every schedule of
// the chosen search has been seen. Each atomic operation, sleep, wake-up, yield and pause is a point where another
// thread may go on; which store a load returns, whether a weak compare-and-swap fails for no reason and whether a
// sleeper wakes up early are choices too.
// One thread of the system; all calls below `explore` are made from inside a scenario. What is right and what is wrong
// is left to the scenarios.
//
// SEARCHES
//   all         every schedule, up to the order of operations that do not depend on one another: depth first, by source
//               sets and sleep sets (Abdulla, Aronsson, Jonsson, Sagonas: Optimal dynamic partial order reduction).
//               For scenarios without yield and pause. With `reduction` off, really every schedule.
//   deviations  every schedule that leaves at most `deviations` times the one in which each thread runs until it
//               sleeps, yields or ends, every load returns the newest store, and nobody wakes up early; to spin on
//               through many yields, up to the sleep behind them, is one deviation
//   random      runs drawn at random, each from its own seed
//
// A run in which nobody can go on and somebody has not ended is a lost wake-up, unless the scenario says that all may
// sleep. Spurious wake-ups are never counted on to avoid it; timeouts are.

#ifndef REWAL_TESTS_INTERLEAVINGS_SCHEDULER_HPP
#define REWAL_TESTS_INTERLEAVINGS_SCHEDULER_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "memory.hpp"

namespace rewal_model {

/// Where in the sources an operation stands.
struct Site {
  const char* file;
  unsigned line;
  friend bool operator==(const Site&, const Site&) = default;
};

enum class Kind : std::uint8_t { begin, load, store, modify, swap, sleep, resume, wake, yield, await };

/// Weakens operations of the code under test: where the order at `site` is `from`, it is replaced.
struct Weakening {
  Site site{nullptr, 0};
  std::memory_order from = std::memory_order_relaxed;
  std::memory_order to = std::memory_order_relaxed;
};
using Weakenings = std::vector<Weakening>;

struct Limits {
  enum class Search : std::uint8_t { all, deviations, random };

  Search search = Search::all;
  bool reduction = true;           // Search::all
  unsigned deviations = 2;         // Search::deviations
  unsigned stale_reads = 1000;     // of each thread: loads that return another store than the newest
  unsigned spurious_failures = 1;  // of each thread: weak compare-and-swaps that fail for no reason
  unsigned early_wake_ups = 1;     // of each thread: sleeps that end before anything has happened
  std::uint64_t most_steps = 500'000;
  std::uint64_t most_runs = UINT64_MAX;
  double seconds = 1e9;
  std::uint64_t seed = 1;  // Search::random
};

/// What several threads do. Made anew for each run; constructor and finish() run alone, before and after.
class Scenario {
 public:
  virtual ~Scenario() = default;
  [[nodiscard]] virtual unsigned threads() const = 0;
  virtual void run(unsigned thread) = 0;
  virtual void finish() {}
  /// Nobody can go on. Whether that is as it should be.
  [[nodiscard]] virtual bool may_all_sleep() { return false; }
};
using Make = std::function<std::unique_ptr<Scenario>()>;

struct Explored {
  std::uint64_t interleavings = 0;  // runs to their end
  std::uint64_t pruned = 0;         // runs given up: what follows has been seen in another order
  std::uint64_t steps = 0;
  bool exhausted = false;  // the search has seen all there is in it
  std::string violation;   // empty: none
  std::string schedule;    // that led to it
};

[[nodiscard]] Explored explore(const Limits& limits, const Make& make, const Weakenings& weakenings = {});

// ---- from inside a scenario ---------------------------------------------------------------------------------------

/// Ends the run as a violation. Does not return while threads run.
void complain(const std::string& what);
inline void check(bool right, const char* what) {
  if (!right) complain(what);
}

/// Of the thread that runs.
[[nodiscard]] unsigned current_thread() noexcept;

/// Schedules before this call are not varied.
void vary_from_here() noexcept;

/// Draws a value below `n` as part of the schedule: all are tried.
[[nodiscard]] unsigned any_below(unsigned n);

/// An atomic of the model. It takes a place in the memory when threads first use it.
struct Atom {
  static constexpr Place no_place = 255;

  std::uint64_t alone = 0;  // its value until then
  Place place = no_place;
};

/// From here on, for this run, the wake-ups of atomics are lost in [begin, begin + bytes).
void lose_wake_ups(const void* begin, std::size_t bytes) noexcept;

/// Operations of the model's atomics.
namespace operation {
[[nodiscard]] std::uint64_t load(Atom& atom, std::memory_order order, Site site);
void store(Atom& atom, std::uint64_t value, std::memory_order order, Site site);
/// Reads the newest; `finish_modify` follows before anything else.
[[nodiscard]] std::uint64_t begin_modify(Atom& atom, Site site);
void finish_modify(Atom& atom, std::uint64_t value, std::memory_order order, Site site);
/// False with `expected` replaced, where another value is there or a weak one fails for no reason.
[[nodiscard]] bool swap(Atom& atom, std::uint64_t& expected, std::uint64_t desired, std::memory_order success,
                        std::memory_order failure, bool weak, Site site);
void sleep(Atom& atom, std::uint64_t expected, std::int64_t deadline);  // INT64_MAX: none
void wake_all(Atom& atom);
void yield(bool is_pause);
/// Blocks until the newest value is at least `least`. Orders nothing.
void await(Atom& atom, std::uint64_t least);
[[nodiscard]] std::int64_t now() noexcept;
}  // namespace operation

/// An operation of the code under test whose order could be weaker.
struct Ordered {
  Site site;
  Kind kind;
  std::memory_order order;
};
/// All that have been run since the last call.
[[nodiscard]] std::vector<Ordered> take_survey();

/// Plain memory whose accesses must be ordered by happens-before: `cells` of them.
class Shadow {
 public:
  explicit Shadow(std::size_t cells) : cells_(new Cell[cells]), size_(cells) {}

  void read(std::size_t at, std::size_t count = 1) { touch(at, count, false); }
  void write(std::size_t at, std::size_t count = 1) { touch(at, count, true); }

 private:
  struct Cell {
    std::uint8_t writer = 0;
    std::uint32_t written = 0;  // the writer's clock, 0: never
    std::uint32_t reads[most_threads]{};
  };
  void touch(std::size_t at, std::size_t count, bool writes);

  std::unique_ptr<Cell[]> cells_;
  std::size_t size_;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_SCHEDULER_HPP
