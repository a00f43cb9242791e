// SPDX-License-Identifier: MIT
//
// Engine: the one object that runs a scenario again and again, and everything that the scheduler's functions do. Here is
// what it knows; engine.cpp runs the threads, choosing.cpp chooses who goes on, and races.cpp finds the schedules that
// are left. See scheduler.hpp for what is promised.

#ifndef REWAL_TESTS_INTERLEAVINGS_ENGINE_HPP
#define REWAL_TESTS_INTERLEAVINGS_ENGINE_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../support/random.hpp"
#include "fiber.hpp"
#include "memory.hpp"
#include "order_survey.hpp"
#include "scheduler.hpp"
#include "step.hpp"

namespace rewal_model {

class Engine {
 public:
  Explored explore(const Limits& limits, const Make& make, const Weakenings& weakenings);

  // ---- from inside a scenario

  void complain(const std::string& what);

  [[nodiscard]] bool is_running() const noexcept { return phase_ == Phase::running; }
  [[nodiscard]] unsigned current() const noexcept { return current_; }
  void vary_from_here() noexcept { varied_ = true; }
  void lose_wake_ups(const void* begin, std::size_t bytes) noexcept {
    lost_from_ = static_cast<const std::byte*>(begin);
    lost_bytes_ = bytes;
  }
  [[nodiscard]] bool loses_wake_ups(const void* at) const noexcept {
    const auto* const byte = static_cast<const std::byte*>(at);
    return lost_bytes_ != 0 && byte >= lost_from_ && byte < lost_from_ + lost_bytes_;
  }
  Memory& memory() noexcept { return memory_; }
  View& view() noexcept { return threads_[current_].view; }

  /// A scheduling point; returns when it is this thread's turn to do `next`.
  void step(const Operation& next) {
    threads_[current_].pending = next;
    reschedule();
  }
  /// One of `n` outcomes of the operation whose turn it is. The first is the usual one.
  [[nodiscard]] unsigned outcome(unsigned n);

  [[nodiscard]] unsigned ages_allowed(unsigned readable) noexcept {
    return threads_[current_].stale_left == 0 ? 1 : readable;
  }
  void took_age(unsigned age) noexcept {
    if (age != 0) {
      --threads_[current_].stale_left;
      notes_.back().odd = true;
    }
  }
  [[nodiscard]] bool may_fail_spuriously() noexcept { return threads_[current_].failures_left != 0; }
  void failed_spuriously() noexcept { --threads_[current_].failures_left; }

  void note_value(std::uint64_t value) noexcept { notes_.back().value = value; }
  void note_odd() noexcept { notes_.back().odd = true; }
  void changed_something() noexcept {
    ++changes_;
    threads_[current_].stagnant = false;
  }

  void fall_asleep(Place place, std::int64_t deadline);
  void wake_all(Place place) noexcept;
  void yield(bool is_pause);
  [[nodiscard]] std::int64_t now() noexcept { return time_ += 1000; }

  /// The order of an operation of the code under test, as the weakening wants it.
  [[nodiscard]] std::memory_order weakened(std::memory_order order, const Operation& op) {
    return order == std::memory_order_relaxed ? order : survey_.order_of(order, op);
  }
  [[nodiscard]] std::vector<Ordered> take_survey() { return survey_.take(); }

  [[nodiscard]] Place place_of(Atom& atom) {
    if (atom.place == Atom::no_place) atom.place = memory_.add(atom.alone);
    return atom.place;
  }
  [[nodiscard]] std::uint64_t alone(const Atom& atom) const noexcept {
    return atom.place == Atom::no_place ? atom.alone : memory_.newest(atom.place);
  }
  void set_alone(Atom& atom, std::uint64_t value) noexcept {
    if (atom.place == Atom::no_place) {
      atom.alone = value;
    } else {
      memory_.set_only(atom.place, value);
    }
  }

 private:
  enum class Phase : std::uint8_t { alone, running };
  enum class State : std::uint8_t { ready, sleeping, finished };
  enum class Ending : std::uint8_t { none, complete, pruned, violation };

  struct Thread {
    Fiber fiber;
    State state = State::finished;
    Operation pending;
    View view;
    Place sleeps_on = 0;
    std::int64_t deadline = 0;
    unsigned stale_left = 0;
    unsigned failures_left = 0;
    unsigned early_left = 0;
    // Search::deviations
    bool yielded = false;
    unsigned spins_left = 0;  // yields and pauses left at which it goes on all the same
    bool stagnant = false;    // since its last yield nothing at all has changed
    std::uint64_t changes_seen = 0;
    // Search::all
    std::uint16_t sequence = 0;
    std::array<std::uint16_t, most_threads> clock{};
  };

  /// Who touched a place last, for the order of dependent operations.
  struct Touched {
    std::ptrdiff_t write = -1;
    std::array<std::ptrdiff_t, most_threads> reads{};
  };

  // ---- running, in engine.cpp

  void run_once(const Make& make);
  void begin_threads();
  static void thread_body();
  void thread_ends();
  void reschedule();

  void begin_step(unsigned chosen, Mask ready);
  [[nodiscard]] std::string schedule_text() const;

  // ---- choosing, in choosing.cpp

  [[nodiscard]] bool is_ready(const Thread& thread) const noexcept {
    return thread.state == State::ready &&
           (thread.pending.kind != Kind::await || memory_.newest(thread.pending.place) >= thread.pending.least);
  }
  /// Who goes on, or -1 at the end of the run. Begins its step.
  [[nodiscard]] int choose();
  [[nodiscard]] int end(Ending how) noexcept {
    ending_ = how;
    return -1;
  }
  [[nodiscard]] int end_badly(const char* what) {
    violation_ = what;
    return end(Ending::violation);
  }
  [[nodiscard]] unsigned earliest(Mask timed) const noexcept;
  [[nodiscard]] int choose_of_all(Mask ready, Mask early, Mask timed);
  /// Of those explored already, whom the operation that `thread` is about to do does not concern.
  [[nodiscard]] Mask asleep_after(Mask sleep, unsigned thread) const noexcept;
  [[nodiscard]] bool depend(const Operation& a, const Operation& b) const noexcept;
  [[nodiscard]] unsigned after_current(Mask mask) const noexcept;
  [[nodiscard]] bool will_go_on(Mask ready) const noexcept;
  [[nodiscard]] int choose_deviating(Mask ready, Mask early, Mask timed);
  [[nodiscard]] int choose_at_random(Mask ready, Mask early, Mask timed);
  [[nodiscard]] unsigned pick(Mask mask) noexcept;
  [[nodiscard]] unsigned draw_below(unsigned n) noexcept { return static_cast<unsigned>(random_.below(n)); }

  // ---- what depends on what, and the next schedule, in races.cpp

  /// Which earlier operations this one depends on, and which of them could have come after it.
  void order(Step& step, Thread& thread, unsigned self, const Operation& op);
  void collect_races(const Thread& thread, unsigned self);
  [[nodiscard]] bool next_schedule();
  /// Sees to it that a schedule is explored in which the later operation of the race comes first.
  void turn_round(const Race& race);
  static void join(std::array<std::uint16_t, most_threads>& to, const std::array<std::uint16_t, most_threads>& from) {
    for (unsigned i = 0; i < most_threads; ++i) to[i] = (std::max)(to[i], from[i]);
  }
  [[nodiscard]] bool before(std::size_t earlier, const std::array<std::uint16_t, most_threads>& clock) const noexcept {
    return clock[steps_[earlier].thread] >= steps_[earlier].sequence;
  }

  Limits limits_;
  Memory memory_;
  std::array<Thread, most_threads> threads_;
  std::array<bool, most_threads> thread_made_{};
  Fiber main_;
  unsigned count_ = 0;
  unsigned current_ = 0;
  Phase phase_ = Phase::alone;
  Ending ending_ = Ending::none;
  Scenario* scenario_ = nullptr;
  std::string violation_;
  bool varied_ = true;
  const std::byte* lost_from_ = nullptr;
  std::size_t lost_bytes_ = 0;
  std::int64_t time_ = 0;
  std::uint64_t changes_ = 0;
  unsigned yields_alone_ = 0;
  rewal_test::Random random_{0};
  unsigned switch_odds_ = 2;

  std::vector<Step> steps_;  // of the run: those below length_ have been done
  std::size_t length_ = 0;
  std::size_t first_new_ = 0;  // what comes before is as in the run before
  unsigned spent_ = 0;         // deviations
  Mask next_sleep_ = 0;
  std::array<Touched, most_places> touched_;
  std::vector<std::size_t> candidates_;
  std::vector<std::size_t> between_;
  std::vector<Race> races_;
  std::vector<Note> notes_;
  OrderSurvey survey_;
};

/// There is one.
Engine& engine();

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_ENGINE_HPP
