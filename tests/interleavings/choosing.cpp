// SPDX-License-Identifier: MIT
//
// The engine's choices: who goes on, by each of the searches.

#include "engine.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace rewal_model {

int Engine::choose() {
  if (length_ >= limits_.most_steps) return end_badly("no end in sight: livelock");
  Mask ready = 0;
  Mask early = 0;
  Mask timed = 0;
  bool all_finished = true;
  for (unsigned i = 0; i < count_; ++i) {
    const Thread& thread = threads_[i];
    if (thread.state == State::finished) continue;
    all_finished = false;
    if (is_ready(thread)) ready |= bit(i);
    if (thread.state != State::sleeping) continue;
    if (thread.early_left != 0) early |= bit(i);
    if (thread.deadline != INT64_MAX) timed |= bit(i);
  }
  if (all_finished) return end(Ending::complete);
  if (ready == 0 && timed == 0) {
    phase_ = Phase::alone;
    const bool may_sleep = scenario_->may_all_sleep();
    phase_ = Phase::running;
    if (may_sleep) return end(Ending::complete);
    return end_badly("all threads sleep: a wake-up is lost");
  }
  int chosen = -1;
  switch (limits_.search) {
    case Limits::Search::all: chosen = choose_of_all(ready, early, timed); break;
    case Limits::Search::deviations: chosen = choose_deviating(ready, early, timed); break;
    case Limits::Search::random: chosen = choose_at_random(ready, early, timed); break;
  }
  if (chosen < 0) return end(Ending::pruned);
  begin_step(static_cast<unsigned>(chosen), ready);
  return chosen;
}

unsigned Engine::earliest(Mask timed) const noexcept {
  unsigned best = lowest(timed);
  for (unsigned i = 0; i < count_; ++i) {
    if ((timed & bit(i)) != 0 && threads_[i].deadline < threads_[best].deadline) best = i;
  }
  return best;
}

int Engine::choose_of_all(Mask ready, Mask early, Mask timed) {
  if (length_ < steps_.size()) {
    Step& step = steps_[length_];
    next_sleep_ = limits_.reduction ? asleep_after(step.sleep, step.thread) : Mask{0};
    return step.thread;
  }
  const Mask enabled = static_cast<Mask>(ready | early | (ready == 0 ? timed : 0));
  Step step;
  step.enabled = enabled;
  step.sleep = next_sleep_;
  step.varied = varied_;
  const auto open = static_cast<Mask>(enabled & ~step.sleep);
  if (open == 0) return -1;
  const Mask preferred = (open & ready) != 0 ? static_cast<Mask>(open & ready) : open;
  step.thread =
      static_cast<std::uint8_t>((preferred & bit(current_)) != 0 && length_ != 0 ? current_ : lowest(preferred));
  step.backtrack = bit(step.thread);
  steps_.push_back(step);
  if (limits_.reduction) {
    next_sleep_ = asleep_after(step.sleep, step.thread);
  } else {
    steps_.back().backtrack = enabled;
  }
  return step.thread;
}

Mask Engine::asleep_after(Mask sleep, unsigned thread) const noexcept {
  Mask left = 0;
  for (unsigned i = 0; i < count_; ++i) {
    if ((sleep & bit(i)) != 0 && i != thread && !depend(threads_[i].pending, threads_[thread].pending)) left |= bit(i);
  }
  return left;
}

bool Engine::depend(const Operation& a, const Operation& b) const noexcept {
  if (!a.has_place || !b.has_place || a.place != b.place) return false;
  return a.writes || b.writes || (a.sc_load && b.sc_load && memory_.is_ambiguous(a.place));
}

unsigned Engine::after_current(Mask mask) const noexcept {
  for (unsigned i = 1; i <= count_; ++i) {
    const unsigned next = (current_ + i) % count_;
    if ((mask & bit(next)) != 0) return next;
  }
  return current_;
}

namespace {

/// Spins that end in sleep must be able to do so while another thread stands still.
constexpr unsigned most_spins = 300;

}  // namespace

bool Engine::will_go_on(Mask ready) const noexcept {
  const Thread& current = threads_[current_];
  return (ready & bit(current_)) != 0 && (!current.yielded || current.spins_left != 0);
}

int Engine::choose_deviating(Mask ready, Mask early, Mask timed) {
  // The usual schedule: on with the current thread, or with the next in turn if it cannot or will not.
  const bool goes_on = will_go_on(ready);
  const auto others = static_cast<Mask>(ready & ~bit(current_));
  unsigned usual = current_;
  bool waits_for_time = false;
  if (!goes_on) {
    if (others != 0) {
      usual = after_current(others);
    } else if (ready == 0 || (timed != 0 && ++yields_alone_ > 400)) {
      usual = earliest(timed);
      waits_for_time = true;
    }
  }
  if (others != 0 || waits_for_time) yields_alone_ = 0;
  if (length_ < steps_.size()) {
    const Step& step = steps_[length_];
    spent_ += step.cost;
    if (!goes_on && others != 0 && step.thread == current_) threads_[current_].spins_left = most_spins;
    return step.thread;
  }
  Step step;
  step.varied = varied_;
  step.thread = static_cast<std::uint8_t>(usual);
  step.enabled = static_cast<Mask>(ready | early);
  if (varied_) {
    const bool blocked = (ready & bit(current_)) == 0;
    const bool futile = goes_on && threads_[current_].stagnant && !threads_[current_].pending.writes;
    if (blocked) step.free = static_cast<Mask>(ready & ~bit(usual));
    step.todo = step.free;
    if (spent_ < limits_.deviations && !futile) step.todo = static_cast<Mask>((ready | early) & ~bit(usual));
  }
  steps_.push_back(step);
  return step.thread;
}

int Engine::choose_at_random(Mask ready, Mask early, Mask timed) {
  Thread& current = threads_[current_];
  if (varied_ && current.yielded && current.spins_left == 0 && draw_below(32) == 0) current.spins_left = most_spins;
  const bool goes_on = will_go_on(ready);
  unsigned chosen = current_;
  if (!varied_ || !goes_on || draw_below(switch_odds_) == 0) {
    auto candidates = static_cast<Mask>(goes_on ? ready : ready & ~bit(current_));
    if (varied_ && draw_below(8) == 0) candidates |= early;
    if (candidates != 0) {
      chosen = varied_ ? pick(candidates) : after_current(candidates);
    } else if (ready == 0 || (timed != 0 && ++yields_alone_ > 400)) {
      chosen = earliest(timed);
      yields_alone_ = 0;
    }
  }
  Step step;
  step.thread = static_cast<std::uint8_t>(chosen);
  steps_.push_back(step);
  return step.thread;
}

unsigned Engine::pick(Mask mask) noexcept {
  for (unsigned skip = draw_below(static_cast<unsigned>(std::popcount(mask))); skip != 0; --skip) {
    mask = static_cast<Mask>(mask & (mask - 1));
  }
  return lowest(mask);
}

}  // namespace rewal_model
