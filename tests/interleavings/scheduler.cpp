// SPDX-License-Identifier: MIT
//
// The scheduler's engine: one object for the run that is going on. See scheduler.hpp for what it does.

#include "scheduler.hpp"

#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "fiber.hpp"

namespace rewal_model {
namespace {

[[nodiscard]] constexpr Mask bit(unsigned thread) noexcept { return static_cast<Mask>(1u << thread); }
[[nodiscard]] unsigned lowest(Mask mask) noexcept { return static_cast<unsigned>(std::countr_zero(mask)); }

/// What a thread does next, as far as others must know.
struct Operation {
  Kind kind = Kind::begin;
  bool has_place = false;
  bool writes = false;  // the place, or the queue of those who sleep on it
  bool sc_load = false;
  Place place = 0;
  std::uint64_t least = 0;  // of await
  Site site{"", 0};
};

struct Race {
  std::size_t earlier;
  std::size_t later;
};

/// One operation of the run, and what else could have been done there.
struct Step {
  std::uint8_t thread = 0;
  bool varied = true;
  std::uint16_t outcome = 0;  // of those that the operation may have
  std::uint16_t outcomes = 1;
  Mask enabled = 0;
  // Search::all
  Mask sleep = 0;      // explored already, and nothing since has depended on it
  Mask backtrack = 0;  // to be explored here
  // Search::deviations
  Mask todo = 0;          // alternatives left
  Mask gratis = 0;        // of them, those that are no deviation
  std::uint8_t cost = 0;  // of the thread chosen
  // What happened, for the order of dependent operations.
  bool writes = false;
  std::uint16_t sequence = 0;  // of its thread
  std::array<std::uint16_t, most_threads> clock{};
};

/// For the schedule of a violation.
struct Note {
  std::uint8_t thread;
  Kind kind;
  Place place;
  std::uint64_t value;
  Site site;
  bool odd;  // a stale read, a swap that failed, an early wake-up
};

class Engine {
 public:
  Explored explore(const Limits& limits, const Make& make, const Weakenings& weakenings) {
    limits_ = limits;
    weakenings_ = weakenings;
    random_ = limits.seed * 0x9E3779B97F4A7C15u + 1;
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

  // ---- from inside a scenario
  // ----------------------------------------------------------------------------------------

  void complain(const std::string& what) {
    if (ending_ == Ending::violation) return;
    ending_ = Ending::violation;
    violation_ = what;
    if (phase_ == Phase::running) Fiber::leave_for(main_);
  }

  [[nodiscard]] bool is_running() const noexcept { return phase_ == Phase::running; }
  [[nodiscard]] unsigned current() const noexcept { return current_; }
  void vary_from_here() noexcept { varied_ = true; }
  void make_deaf(const void* begin, std::size_t bytes) noexcept {
    deaf_from_ = static_cast<const std::byte*>(begin);
    deaf_bytes_ = bytes;
  }
  [[nodiscard]] bool is_deaf(const void* at) const noexcept {
    const auto* const byte = static_cast<const std::byte*>(at);
    return deaf_bytes_ != 0 && byte >= deaf_from_ && byte < deaf_from_ + deaf_bytes_;
  }
  Memory& memory() noexcept { return memory_; }
  View& view() noexcept { return threads_[current_].view; }

  /// A scheduling point; returns when it is this thread's turn to do `next`.
  void step(const Operation& next) {
    threads_[current_].pending = next;
    reschedule();
  }

  /// One of `n` outcomes of the operation whose turn it is. The first is the usual one.
  [[nodiscard]] unsigned outcome(unsigned n) {
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

  void fall_asleep(Place place, std::int64_t deadline) {
    Thread& me = threads_[current_];
    me.state = State::sleeping;
    me.stubborn = 0;
    me.sleeps_on = place;
    me.deadline = deadline;
    me.pending = {};
    me.pending.kind = Kind::resume;
    me.pending.has_place = true;
    me.pending.writes = true;
    me.pending.place = place;
    reschedule();
  }

  void wake_all(Place place) noexcept {
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

  void yield(bool is_pause) {
    Thread& me = threads_[current_];
    if (limits_.search == Limits::Search::all) return complain("a scenario for the search of all schedules yields");
    me.stagnant = me.changes_seen == changes_;
    me.changes_seen = changes_;
    me.yielded = true;
    if (me.stubborn != 0) --me.stubborn;
    Operation op;
    op.kind = Kind::yield;
    op.least = is_pause;
    step(op);
    me.yielded = false;
  }

  [[nodiscard]] std::int64_t now() noexcept { return time_ += 1000; }

  /// The order of an operation of the code under test, as the weakening wants it.
  [[nodiscard]] std::memory_order weakened(std::memory_order order, const Operation& op) {
    if (order == std::memory_order_relaxed) return order;
    const Site site = op.site;
    if (weakenings_.empty()) {
      Ordered& last = surveyed_[(site.line * 8 + static_cast<unsigned>(op.kind)) % surveyed_.size()];
      if (!(last.site == site) || last.kind != op.kind || last.order != order) {
        last = {site, op.kind, order};
        survey_.push_back(last);
      }
      return order;
    }
    for (const Weakening& weakening : weakenings_) {
      if (site.line == weakening.site.line && order == weakening.from &&
          std::strcmp(site.file, weakening.site.file) == 0) {
        return weakening.to;
      }
    }
    return order;
  }
  [[nodiscard]] std::vector<Ordered> take_survey() {
    surveyed_ = {};
    std::vector<Ordered> unique;
    for (const Ordered& seen : std::exchange(survey_, {})) {
      bool known = false;
      for (const Ordered& other : unique) {
        known = known || (seen.site.line == other.site.line && seen.kind == other.kind && seen.order == other.order &&
                          std::strcmp(seen.site.file, other.site.file) == 0);
      }
      if (!known) unique.push_back(seen);
    }
    return unique;
  }

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
    unsigned stubborn = 0;  // yields and pauses left at which it goes on all the same
    bool stagnant = false;  // since its last yield nothing at all has changed
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

  // ---- one run
  // -------------------------------------------------------------------------------------------------------

  void run_once(const Make& make) {
    phase_ = Phase::alone;
    ending_ = Ending::none;
    memory_.forget_all();
    length_ = 0;
    spent_ = 0;
    changes_ = 1;
    lonely_yields_ = 0;
    time_ = 1'000'000;
    varied_ = true;
    deaf_bytes_ = 0;
    next_sleep_ = 0;
    notes_.clear();
    races_.clear();
    if (limits_.search == Limits::Search::random) {
      steps_.clear();
      first_new_ = 0;
      boldness_ = 2u << (2 * draw_below(4));
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

  void begin_threads() {
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
      thread.stubborn = 0;
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

  static void thread_body();

  void thread_ends() {
    threads_[current_].state = State::finished;
    const int next = choose();
    if (next < 0) Fiber::leave_for(main_);
    current_ = static_cast<unsigned>(next);
    Fiber::leave_for(threads_[current_].fiber);
  }

  void reschedule() {
    const int next = choose();
    if (next < 0) Fiber::leave_for(main_);
    const unsigned previous = current_;
    current_ = static_cast<unsigned>(next);
    if (current_ != previous) Fiber::jump(threads_[previous].fiber, threads_[current_].fiber);
  }

  // ---- choosing
  // ------------------------------------------------------------------------------------------------------

  [[nodiscard]] bool is_ready(const Thread& thread) const noexcept {
    return thread.state == State::ready &&
           (thread.pending.kind != Kind::await || memory_.newest(thread.pending.place) >= thread.pending.least);
  }

  /// Who goes on, or -1 at the end of the run. Begins its step.
  [[nodiscard]] int choose() {
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
      const bool rests = scenario_->may_rest();
      phase_ = Phase::running;
      if (rests) return end(Ending::complete);
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

  [[nodiscard]] int end(Ending how) noexcept {
    ending_ = how;
    return -1;
  }
  [[nodiscard]] int end_badly(const char* what) {
    violation_ = what;
    return end(Ending::violation);
  }

  [[nodiscard]] unsigned earliest(Mask timed) const noexcept {
    unsigned best = lowest(timed);
    for (unsigned i = 0; i < count_; ++i) {
      if ((timed & bit(i)) != 0 && threads_[i].deadline < threads_[best].deadline) best = i;
    }
    return best;
  }

  [[nodiscard]] int choose_of_all(Mask ready, Mask early, Mask timed) {
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

  /// Of those explored already, whom the operation that `thread` is about to do does not concern.
  [[nodiscard]] Mask asleep_after(Mask sleep, unsigned thread) const noexcept {
    Mask left = 0;
    for (unsigned i = 0; i < count_; ++i) {
      if ((sleep & bit(i)) != 0 && i != thread && !depend(threads_[i].pending, threads_[thread].pending))
        left |= bit(i);
    }
    return left;
  }
  [[nodiscard]] bool depend(const Operation& a, const Operation& b) const noexcept {
    if (!a.has_place || !b.has_place || a.place != b.place) return false;
    return a.writes || b.writes || (a.sc_load && b.sc_load && memory_.is_ambiguous(a.place));
  }

  [[nodiscard]] unsigned after_current(Mask mask) const noexcept {
    for (unsigned i = 1; i <= count_; ++i) {
      const unsigned next = (current_ + i) % count_;
      if ((mask & bit(next)) != 0) return next;
    }
    return current_;
  }

  /// Spins that end in sleep must be able to do so while another thread stands still.
  static constexpr unsigned most_stubborn = 300;

  [[nodiscard]] bool will_go_on(Mask ready) const noexcept {
    const Thread& current = threads_[current_];
    return (ready & bit(current_)) != 0 && (!current.yielded || current.stubborn != 0);
  }

  [[nodiscard]] int choose_deviating(Mask ready, Mask early, Mask timed) {
    // The usual schedule: on with the current thread, or with the next in turn if it cannot or will not.
    const bool goes_on = will_go_on(ready);
    const auto others = static_cast<Mask>(ready & ~bit(current_));
    unsigned usual = current_;
    bool waits_for_time = false;
    if (!goes_on) {
      if (others != 0) {
        usual = after_current(others);
      } else if (ready == 0 || (timed != 0 && ++lonely_yields_ > 400)) {
        usual = earliest(timed);
        waits_for_time = true;
      }
    }
    if (others != 0 || waits_for_time) lonely_yields_ = 0;
    if (length_ < steps_.size()) {
      const Step& step = steps_[length_];
      spent_ += step.cost;
      if (!goes_on && others != 0 && step.thread == current_) threads_[current_].stubborn = most_stubborn;
      return step.thread;
    }
    Step step;
    step.varied = varied_;
    step.thread = static_cast<std::uint8_t>(usual);
    step.enabled = static_cast<Mask>(ready | early);
    if (varied_) {
      const bool blocked = (ready & bit(current_)) == 0;
      const bool futile = goes_on && threads_[current_].stagnant && !threads_[current_].pending.writes;
      if (blocked) step.gratis = static_cast<Mask>(ready & ~bit(usual));
      step.todo = step.gratis;
      if (spent_ < limits_.deviations && !futile) step.todo = static_cast<Mask>((ready | early) & ~bit(usual));
    }
    steps_.push_back(step);
    return step.thread;
  }

  [[nodiscard]] int choose_at_random(Mask ready, Mask early, Mask timed) {
    Thread& current = threads_[current_];
    if (varied_ && current.yielded && current.stubborn == 0 && draw_below(32) == 0) current.stubborn = most_stubborn;
    const bool goes_on = will_go_on(ready);
    unsigned chosen = current_;
    if (!varied_ || !goes_on || draw_below(boldness_) == 0) {
      auto candidates = static_cast<Mask>(goes_on ? ready : ready & ~bit(current_));
      if (varied_ && draw_below(8) == 0) candidates |= early;
      if (candidates != 0) {
        chosen = varied_ ? pick(candidates) : after_current(candidates);
      } else if (ready == 0 || (timed != 0 && ++lonely_yields_ > 400)) {
        chosen = earliest(timed);
        lonely_yields_ = 0;
      }
    }
    Step step;
    step.thread = static_cast<std::uint8_t>(chosen);
    steps_.push_back(step);
    return step.thread;
  }
  [[nodiscard]] unsigned pick(Mask mask) noexcept {
    for (unsigned skip = draw_below(static_cast<unsigned>(std::popcount(mask))); skip != 0; --skip) {
      mask = static_cast<Mask>(mask & (mask - 1));
    }
    return lowest(mask);
  }
  [[nodiscard]] unsigned draw_below(unsigned n) noexcept {
    random_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = random_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<unsigned>((z ^ (z >> 31)) % n);
  }

  // ---- what happens
  // --------------------------------------------------------------------------------------------------

  void begin_step(unsigned chosen, Mask ready) {
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

  /// Which earlier operations this one depends on, and which of them could have come after it.
  void order(Step& step, Thread& thread, unsigned self, const Operation& op) {
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
  static void join(std::array<std::uint16_t, most_threads>& to, const std::array<std::uint16_t, most_threads>& from) {
    for (unsigned i = 0; i < most_threads; ++i) to[i] = (std::max)(to[i], from[i]);
  }
  [[nodiscard]] bool before(std::size_t earlier, const std::array<std::uint16_t, most_threads>& clock) const noexcept {
    return clock[steps_[earlier].thread] >= steps_[earlier].sequence;
  }
  void collect_races(const Thread& thread, unsigned self) {
    for (const std::size_t earlier : candidates_) {
      if (steps_[earlier].thread == self || before(earlier, thread.clock)) continue;
      bool hidden = false;
      for (const std::size_t other : candidates_) {
        hidden = hidden || (other != earlier && before(earlier, steps_[other].clock));
      }
      if (!hidden) races_.push_back({earlier, length_});
    }
  }

  // ---- the next schedule
  // ---------------------------------------------------------------------------------------------

  [[nodiscard]] bool next_schedule() {
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
        step.cost = (step.gratis & bit(step.thread)) != 0 ? 0 : 1;
        step.outcome = 0;
        step.outcomes = 1;
        return true;
      }
      steps_.pop_back();
    }
    return false;
  }

  /// Sees to it that a schedule is explored in which the later operation of the race comes first.
  void turn_round(const Race& race) {
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

  [[nodiscard]] std::string schedule_text() const {
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

  Limits limits_;
  Weakenings weakenings_;
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
  const std::byte* deaf_from_ = nullptr;
  std::size_t deaf_bytes_ = 0;
  std::int64_t time_ = 0;
  std::uint64_t changes_ = 0;
  unsigned lonely_yields_ = 0;
  std::uint64_t random_ = 0;
  unsigned boldness_ = 2;

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
  std::vector<Ordered> survey_;
  std::array<Ordered, 4096> surveyed_{};  // the latest of each hash: keeps the survey short
};

Engine& engine() {
  static Engine* const one = new Engine;
  return *one;
}

void Engine::thread_body() {
  Engine& self = engine();
  self.scenario_->run(self.current_);
  self.thread_ends();
}

}  // namespace

Explored explore(const Limits& limits, const Make& make, const Weakenings& weakenings) {
  return engine().explore(limits, make, weakenings);
}

void complain(const std::string& what) { engine().complain(what); }
unsigned current_thread() noexcept { return engine().current(); }
void make_deaf(const void* begin, std::size_t bytes) noexcept { engine().make_deaf(begin, bytes); }
void vary_from_here() noexcept { engine().vary_from_here(); }
unsigned any_below(unsigned n) {
  Operation op;
  op.kind = Kind::begin;
  engine().step(op);
  return engine().outcome(n);
}

namespace operation {
namespace {

Operation on(Kind kind, Engine& e, Atom& atom, Site site) {
  Operation op;
  op.kind = kind;
  op.has_place = true;
  op.writes = kind != Kind::load && kind != Kind::await;
  op.place = e.place_of(atom);
  op.site = site;
  return op;
}

}  // namespace

std::uint64_t load(Atom& atom, std::memory_order order, Site site) {
  Engine& e = engine();
  if (!e.is_running()) return e.alone(atom);
  Operation op = on(Kind::load, e, atom, site);
  order = e.weakened(order, op);
  op.sc_load = order == std::memory_order_seq_cst;
  e.step(op);
  const unsigned age = e.outcome(e.ages_allowed(e.memory().readable(op.place, e.view(), order)));
  e.took_age(age);
  const std::uint64_t value = e.memory().load(op.place, e.view(), order, age);
  e.note_value(value);
  return value;
}

void store(Atom& atom, std::uint64_t value, std::memory_order order, Site site) {
  Engine& e = engine();
  if (!e.is_running()) return e.set_alone(atom, value);
  const Operation op = on(Kind::store, e, atom, site);
  order = e.weakened(order, op);
  e.step(op);
  e.memory().store(op.place, e.view(), order, value);
  e.note_value(value);
  e.changed_something();
}

std::uint64_t begin_modify(Atom& atom, Site site) {
  Engine& e = engine();
  if (!e.is_running()) return e.alone(atom);
  const Operation op = on(Kind::modify, e, atom, site);
  e.step(op);
  return e.memory().newest(op.place);
}
void finish_modify(Atom& atom, std::uint64_t value, std::memory_order order, Site site) {
  Engine& e = engine();
  if (!e.is_running()) return e.set_alone(atom, value);
  order = e.weakened(order, on(Kind::modify, e, atom, site));
  e.memory().modify(atom.place, e.view(), order, value);
  e.note_value(value);
  e.changed_something();
}

bool swap(Atom& atom, std::uint64_t& expected, std::uint64_t desired, std::memory_order success,
          std::memory_order failure, bool weak, Site site) {
  Engine& e = engine();
  if (!e.is_running()) {
    const std::uint64_t found = e.alone(atom);
    const bool same = found == expected;
    if (same) e.set_alone(atom, desired);
    expected = found;
    return same;
  }
  const Operation op = on(Kind::swap, e, atom, site);
  const std::memory_order weaker = e.weakened(success, op);
  if (weaker != success && failure != std::memory_order_relaxed) {
    failure = acquires(weaker) ? std::memory_order_acquire : std::memory_order_relaxed;
  }
  e.step(op);
  const std::uint64_t found = e.memory().newest(op.place);
  const bool fails = found == expected && weak && e.may_fail_spuriously() && e.outcome(2) == 1;
  if (fails) e.failed_spuriously();
  if (found != expected || fails) {
    expected = e.memory().load(op.place, e.view(), failure, 0);
    e.note_value(expected);
    e.note_odd();
    return false;
  }
  e.memory().modify(op.place, e.view(), weaker, desired);
  e.note_value(desired);
  e.changed_something();
  return true;
}

void sleep(Atom& atom, std::uint64_t expected, std::int64_t deadline) {
  Engine& e = engine();
  if (!e.is_running()) return;
  const Operation op = on(Kind::sleep, e, atom, {"", 0});
  e.step(op);
  if (e.memory().newest(op.place) != expected) return;
  e.changed_something();
  e.fall_asleep(op.place, deadline);
}

void wake_all(Atom& atom) {
  Engine& e = engine();
  if (!e.is_running()) return;
  const Operation op = on(Kind::wake, e, atom, {"", 0});
  e.step(op);
  if (e.is_deaf(&atom)) return;
  e.changed_something();
  e.wake_all(op.place);
}

void yield(bool is_pause) {
  if (engine().is_running()) engine().yield(is_pause);
}

void await(Atom& atom, std::uint64_t least) {
  Engine& e = engine();
  if (!e.is_running()) return;
  Operation op = on(Kind::await, e, atom, {"", 0});
  op.least = least;
  e.step(op);
}

std::int64_t now() noexcept { return engine().now(); }

}  // namespace operation

std::vector<Ordered> take_survey() { return engine().take_survey(); }

void Shadow::touch(std::size_t at, std::size_t count, bool writes) {
  Engine& e = engine();
  if (!e.is_running()) return;
  if (at + count > size_) return complain("an access beyond the memory");
  const unsigned self = e.current();
  const auto& heard = e.view().clock;
  const std::uint32_t now = heard[self] + 1;  // what the last operation has released did not hold this access
  for (std::size_t i = at; i < at + count; ++i) {
    Cell& cell = cells_[i];
    bool race = cell.written != 0 && cell.writer != self && heard[cell.writer] < cell.written;
    for (unsigned t = 0; writes && t < most_threads; ++t) race = race || (t != self && heard[t] < cell.reads[t]);
    if (race) return complain(writes ? "data race: written beside another access" : "data race: read beside a write");
    if (writes) {
      cell.writer = static_cast<std::uint8_t>(self);
      cell.written = now;
      for (auto& read : cell.reads) read = 0;
    } else {
      cell.reads[self] = now;
    }
  }
}

}  // namespace rewal_model
