// SPDX-License-Identifier: MIT
//
// The engine's runs: a scenario is made, its threads go on as they are chosen, and it is judged in the end.

#include "engine.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace rewal_model {

Explored Engine::explore(const Limits& limits, const Make& make, const Weakenings& weakenings) {
  limits_ = limits;
  survey_.weaken(weakenings);
  random_ = rewal_test::Random(limits.seed * 0x9E3779B97F4A7C15u + 1);
  steps_.clear();
  first_new_ = 0;
  Explored result;
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    run_once(make);
    result.steps += length_;
    if (ending_ == Ending::violation) {
      result.violation = violation_;
      result.schedule = schedule_text();
      return result;
    }
    ++(ending_ == Ending::pruned ? result.pruned : result.interleavings);
    if (!next_schedule()) {
      result.exhausted = limits.search != Limits::Search::random;
      return result;
    }
    const std::uint64_t runs = result.interleavings + result.pruned;
    if (runs >= limits.most_runs) return result;
    if (runs % 64 == 0) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
      if (spent.count() >= limits.seconds) return result;
    }
  }
}

void Engine::complain(const std::string& what) {
  if (ending_ == Ending::violation) return;
  ending_ = Ending::violation;
  violation_ = what;
  if (phase_ == Phase::running) Fiber::leave_for(main_);
}

unsigned Engine::outcome(unsigned n) {
  if (n <= 1) return 0;
  if (limits_.search == Limits::Search::random) {
    const unsigned drawn = varied_ && draw_below(6) == 0 ? 1 + draw_below(n - 1) : 0;
    return drawn;
  }
  Step& step = steps_[length_ - 1];
  if (length_ - 1 >= first_new_ && step.outcomes == 1) {
    const bool vary = step.varied && (limits_.search == Limits::Search::all ||
                                      (spent_ < limits_.deviations && !threads_[current_].stagnant));
    step.outcomes = vary ? static_cast<std::uint16_t>(n) : std::uint16_t{1};
  }
  if (step.outcome != 0) ++spent_;
  return step.outcome;
}

void Engine::fall_asleep(Place place, std::int64_t deadline) {
  Thread& me = threads_[current_];
  me.state = State::sleeping;
  me.spins_left = 0;
  me.sleeps_on = place;
  me.deadline = deadline;
  me.pending = {};
  me.pending.kind = Kind::resume;
  me.pending.has_place = true;
  me.pending.writes = true;
  me.pending.place = place;
  reschedule();
}

void Engine::wake_all(Place place) noexcept {
  for (unsigned i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    if (thread.state != State::sleeping || thread.sleeps_on != place) continue;
    thread.state = State::ready;
    if (thread.early_left != 0) continue;  // it could have woken up before: the two depend on each other
    thread.pending = {};
    thread.pending.kind = Kind::resume;
    const auto& waker = steps_[length_ - 1].clock;  // the wake-up comes before whatever it wakes does
    for (unsigned t = 0; t < most_threads; ++t) thread.clock[t] = (std::max)(thread.clock[t], waker[t]);
  }
}

void Engine::yield(bool is_pause) {
  Thread& me = threads_[current_];
  if (limits_.search == Limits::Search::all) return complain("a scenario for the search of all schedules yields");
  me.stagnant = me.changes_seen == changes_;
  me.changes_seen = changes_;
  me.yielded = true;
  if (me.spins_left != 0) --me.spins_left;
  Operation op;
  op.kind = Kind::yield;
  op.least = is_pause;
  step(op);
  me.yielded = false;
}

void Engine::run_once(const Make& make) {
  phase_ = Phase::alone;
  ending_ = Ending::none;
  memory_.forget_all();
  length_ = 0;
  spent_ = 0;
  changes_ = 1;
  yields_alone_ = 0;
  time_ = 1'000'000;
  varied_ = true;
  lost_bytes_ = 0;
  next_sleep_ = 0;
  notes_.clear();
  races_.clear();
  if (limits_.search == Limits::Search::random) {
    steps_.clear();
    first_new_ = 0;
    switch_odds_ = 2u << (2 * draw_below(4));
  }
  const std::unique_ptr<Scenario> scenario = make();
  scenario_ = scenario.get();
  begin_threads();
  phase_ = Phase::running;
  if (const int first = choose(); first >= 0) {
    current_ = static_cast<unsigned>(first);
    Fiber::jump(main_, threads_[current_].fiber);
  }
  phase_ = Phase::alone;
  if (ending_ == Ending::complete) scenario->finish();
}

void Engine::begin_threads() {
  count_ = scenario_->threads();
  for (unsigned i = 0; i < most_threads; ++i) {
    Thread& thread = threads_[i];
    thread.state = i < count_ ? State::ready : State::finished;
    if (i >= count_) continue;
    if (!thread_made_[i]) thread.fiber.create(&Engine::thread_body);
    thread_made_[i] = true;
    thread.fiber.restart();
    thread.pending = {};
    thread.view = {};
    thread.stale_left = limits_.stale_reads;
    thread.failures_left = limits_.spurious_failures;
    thread.early_left = limits_.early_wake_ups;
    thread.yielded = false;
    thread.spins_left = 0;
    thread.stagnant = false;
    thread.changes_seen = 0;
    thread.sequence = 0;
    thread.clock = {};
  }
  for (unsigned i = 0; i < most_places; ++i) {
    touched_[i].write = -1;
    touched_[i].reads.fill(-1);
  }
}

void Engine::thread_ends() {
  threads_[current_].state = State::finished;
  const int next = choose();
  if (next < 0) Fiber::leave_for(main_);
  current_ = static_cast<unsigned>(next);
  Fiber::leave_for(threads_[current_].fiber);
}

void Engine::reschedule() {
  const int next = choose();
  if (next < 0) Fiber::leave_for(main_);
  const unsigned previous = current_;
  current_ = static_cast<unsigned>(next);
  if (current_ != previous) Fiber::jump(threads_[previous].fiber, threads_[current_].fiber);
}

void Engine::begin_step(unsigned chosen, Mask ready) {
  Thread& thread = threads_[chosen];
  Operation& op = thread.pending;
  const bool early = thread.state == State::sleeping;
  if (early) {
    const bool has_deadline = thread.deadline != INT64_MAX;
    if (thread.early_left != 0 && (ready != 0 || !has_deadline)) --thread.early_left;
    // A timeout, where there is one: then its time has come.
    if (has_deadline) time_ = (std::max)(time_, thread.deadline);
    thread.state = State::ready;
  }
  ++thread.view.clock[chosen];
  notes_.push_back({static_cast<std::uint8_t>(chosen), op.kind, op.place, 0, op.site, early});
  if (limits_.search == Limits::Search::all) order(steps_[length_], thread, chosen, op);
  ++length_;
}

std::string Engine::schedule_text() const {
  static constexpr const char* names[] = {"begin", "load",   "store", "modify", "swap",
                                          "sleep", "resume", "wake",  "yield",  "await"};
  std::string text;
  for (const Note& note : notes_) {
    if (note.kind == Kind::begin) continue;
    const std::string_view path = note.site.file;
    const std::size_t slash = path.rfind('/');
    char line[160];
    std::snprintf(line, sizeof line, "  %u %-6s place %-2u = %#llx%s  %s:%u\n", unsigned{note.thread},
                  names[static_cast<unsigned>(note.kind)], unsigned{note.place},
                  static_cast<unsigned long long>(note.value), note.odd ? " (odd)" : "",
                  slash == std::string_view::npos ? note.site.file : note.site.file + slash + 1, note.site.line);
    text += line;
  }
  return text;
}

Engine& engine() {
  static Engine* const one = new Engine;
  return *one;
}

/// Of every thread: runs its part of the scenario.
void Engine::thread_body() {
  Engine& self = engine();
  self.scenario_->run(self.current_);
  self.thread_ends();
}

}  // namespace rewal_model
