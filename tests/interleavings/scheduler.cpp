// SPDX-License-Identifier: MIT
//
// What the scheduler offers to scenarios: each function asks the engine, and each operation is a step of its own.

#include "scheduler.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine.hpp"

namespace rewal_model {

Explored explore(const Limits& limits, const Make& make, const Weakenings& weakenings) {
  return engine().explore(limits, make, weakenings);
}

void complain(const std::string& what) { engine().complain(what); }
unsigned current_thread() noexcept { return engine().current(); }
void lose_wake_ups(const void* begin, std::size_t bytes) noexcept { engine().lose_wake_ups(begin, bytes); }
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
  if (e.loses_wake_ups(&atom)) return;
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
