// SPDX-License-Identifier: MIT
//
// The engine's order of dependent operations: which of them could have come in another order, and the schedules in which
// they do.

#include "engine.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace rewal_model {

void Engine::order(Step& step, Thread& thread, unsigned self, const Operation& op) {
  step.writes = op.writes || (op.sc_load && memory_.is_ambiguous(op.place));
  step.sequence = ++thread.sequence;
  if (op.has_place) {
    Touched& touched = touched_[op.place];
    candidates_.clear();
    bool read_since = false;
    if (step.writes) {
      for (unsigned i = 0; i < count_; ++i) {
        if (touched.reads[i] < 0) continue;
        read_since = true;
        if (i != self) candidates_.push_back(static_cast<std::size_t>(touched.reads[i]));
      }
    }
    if (touched.write >= 0 && !read_since) candidates_.push_back(static_cast<std::size_t>(touched.write));
    if (length_ >= first_new_) collect_races(thread, self);
    for (const std::size_t earlier : candidates_) join(thread.clock, steps_[earlier].clock);
    if (touched.write >= 0) join(thread.clock, steps_[static_cast<std::size_t>(touched.write)].clock);
    if (step.writes) {
      touched.write = static_cast<std::ptrdiff_t>(length_);
      touched.reads.fill(-1);
    } else {
      touched.reads[self] = static_cast<std::ptrdiff_t>(length_);
    }
  }
  thread.clock[self] = step.sequence;
  step.clock = thread.clock;
}

void Engine::collect_races(const Thread& thread, unsigned self) {
  for (const std::size_t earlier : candidates_) {
    if (steps_[earlier].thread == self || before(earlier, thread.clock)) continue;
    bool hidden = false;
    for (const std::size_t other : candidates_) {
      hidden = hidden || (other != earlier && before(earlier, steps_[other].clock));
    }
    if (!hidden) races_.push_back({earlier, length_});
  }
}

bool Engine::next_schedule() {
  if (limits_.search == Limits::Search::random) return true;
  steps_.resize(length_);
  if (limits_.search == Limits::Search::all) {
    for (const Race& race : races_) turn_round(race);
  }
  while (!steps_.empty()) {
    Step& step = steps_.back();
    first_new_ = steps_.size() - 1;
    if (step.outcome + 1 < step.outcomes) {
      ++step.outcome;
      return true;
    }
    if (limits_.search == Limits::Search::all) {
      step.sleep |= bit(step.thread);
      const auto left = static_cast<Mask>(step.varied ? step.backtrack & step.enabled & ~step.sleep : 0);
      if (left != 0) {
        step.thread = static_cast<std::uint8_t>(lowest(left));
        step.outcome = 0;
        step.outcomes = 1;
        return true;
      }
    } else if (step.todo != 0) {
      step.thread = static_cast<std::uint8_t>(lowest(step.todo));
      step.todo = static_cast<Mask>(step.todo & (step.todo - 1));
      step.cost = (step.free & bit(step.thread)) != 0 ? 0 : 1;
      step.outcome = 0;
      step.outcomes = 1;
      return true;
    }
    steps_.pop_back();
  }
  return false;
}

void Engine::turn_round(const Race& race) {
  Step& earlier = steps_[race.earlier];
  Mask seen = 0;
  Mask initials = 0;
  between_.clear();
  for (std::size_t i = race.earlier + 1; i <= race.later; ++i) {
    const Step& step = steps_[i];
    if (i != race.later && before(race.earlier, step.clock)) continue;
    if ((seen & bit(step.thread)) == 0) {
      bool first = true;
      for (const std::size_t other : between_) first = first && !before(other, step.clock);
      if (first) initials |= bit(step.thread);
      seen |= bit(step.thread);
    }
    between_.push_back(i);
  }
  if ((initials & earlier.backtrack) != 0) return;
  const std::uint8_t self = steps_[race.later].thread;
  const auto possible = static_cast<Mask>(initials & earlier.enabled);
  if (possible == 0) {
    earlier.backtrack |= earlier.enabled;
  } else {
    earlier.backtrack |= (possible & bit(self)) != 0 ? bit(self) : bit(lowest(possible));
  }
}

}  // namespace rewal_model
