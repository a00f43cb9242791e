// SPDX-License-Identifier: MIT
//
// What is played on EventCount and WriteLock.

#include <rewal/commit/write_lock.hpp>
#include <rewal/sync/event_count.hpp>

#include "catalog.hpp"
#include "model_threads.hpp"
#include "play.hpp"

namespace rewal_model {
namespace {

/// A condition that threads wait for, changed and read by relaxed operations: what orders them is EventCount's.
struct Waited final : Play<Waited> {
  ModelAtomic<std::uint32_t> condition{0};
  rewal::detail::EventCount<ModelThreads> place;
  rewal::detail::WriteLock<ModelThreads> write_lock;
  Shadow storage{1};
  unsigned entered = 0;  // by the write lock's holder

  void await(std::uint32_t least) {
    while (condition.load(std::memory_order_relaxed) < least) {
      const auto key = place.prepare();
      if (condition.load(std::memory_order_relaxed) >= least) {
        place.cancel();
        return;
      }
      place.sleep(key);
    }
  }
  void change() {
    condition.fetch_add(1, std::memory_order_relaxed);
    place.notify_all();
  }

  void with_write_lock() {
    storage.write(0);
    ++entered;
    write_lock.release();
    place.notify_all();
  }
  /// As Waiting and Lifecycle take it: sleeps while somebody else has it.
  void acquire_write_lock() {
    while (!write_lock.try_acquire()) {
      const auto key = place.prepare();
      if (!write_lock.is_held()) {
        place.cancel();
      } else {
        place.sleep(key);
      }
    }
  }

  /// As wait_durable beside somebody who only writes: wants the write lock, sleeps elsewhere, and is told only if he
  /// asked.
  rewal::detail::EventCount<ModelThreads> elsewhere;
  ModelAtomic<std::uint32_t> wanted{0};
  void want_write_lock() {
    wanted.fetch_add(1, std::memory_order_seq_cst);
    while (!write_lock.try_acquire()) {
      const auto key = elsewhere.prepare();
      if (!write_lock.is_held()) {
        elsewhere.cancel();
      } else {
        elsewhere.sleep(key);
      }
    }
    put_down_and_tell();
  }
  void put_down_and_tell() {
    storage.write(0);
    write_lock.release();
    if (wanted.load(std::memory_order_seq_cst) != 0) elsewhere.notify_all();
  }

  void finish() override {
    check(place.sleepers() == 0, "a sleeper is still counted");
    check(!write_lock.is_held(), "the write lock is still taken");
  }
};

using W = Waited;
using Body = W::Body;

Make play(std::vector<Body> bodies) {
  return W::of(std::move(bodies), [] { return std::make_unique<W>(); });
}

std::vector<Entry> make_catalog() {
  const auto waits = [](std::uint32_t least) { return Body([=](W& w) { w.await(least); }); };
  const Body changes = [](W& w) { w.change(); };
  const Body changes_twice = [](W& w) {
    w.change();
    w.change();
  };
  const Body waits_for_a_while = [](W& w) {
    const auto key = w.place.prepare();
    if (w.condition.load(std::memory_order_relaxed) != 0) {
      w.place.cancel();
    } else {
      w.place.sleep(key, ModelThreads::Time(ModelThreads::Clock::duration(2'000'000)));
    }
    w.await(1);
  };
  const Body takes = [](W& w) {
    w.acquire_write_lock();
    w.with_write_lock();
  };
  const Body takes_twice = [](W& w) {
    for (int i = 0; i < 2; ++i) {
      w.acquire_write_lock();
      w.with_write_lock();
    }
  };
  const Body tries = [](W& w) {
    if (w.write_lock.try_acquire()) w.with_write_lock();
  };
  const Body tries_and_tells = [](W& w) {
    if (w.write_lock.try_acquire()) w.put_down_and_tell();
  };
  return {
      {"waiter, notifier", play({waits(1), changes})},
      {"waiter, two notifications", play({waits(2), changes_twice})},
      {"waiter, two notifiers", play({waits(2), changes, changes}), 1, 0, 1},
      {"two waiters, notifier", play({waits(1), waits(1), changes}), 1, 0, 0},
      {"two waiters, two notifiers (four threads)", play({waits(1), waits(2), changes, changes}), 0, 0, 0, true},
      {"waiter with a deadline, notifier", play({waits_for_a_while, changes})},
      {"waiter that notifies another",
       play({waits(1), changes,
             [](W& w) {
               w.await(1);
               w.change();
             }}),
       1, 0, 0},
      {"write lock, two", play({takes, takes})},
      {"write lock, one of them twice", play({takes, takes_twice}), 1, 0, 1},
      {"write lock, told if he asked", play({[](W& w) { w.want_write_lock(); }, tries_and_tells})},
      {"write lock, two who asked and one who writes",
       play({[](W& w) { w.want_write_lock(); }, [](W& w) { w.want_write_lock(); }, tries_and_tells}), 0, 0, 0, true},
      {"write lock, three", play({takes, takes, takes}), 0, 0, 0, true},
      {"write lock, two and one who only tries", play({takes, takes, tries}), 0, 0, 0, true},
  };
}

std::vector<Entry> make_broken_catalog() {
  const Body waits = [](W& w) { w.await(1); };
  return {
      {"notified before the change", play({waits,
                                           [](W& w) {
                                             w.place.notify_all();
                                             w.condition.fetch_add(1, std::memory_order_relaxed);
                                           }})},
      {"not notified", play({waits, [](W& w) { w.condition.fetch_add(1, std::memory_order_relaxed); }})},
      {"asleep without a second check", play({[](W& w) {
                                                if (w.condition.load(std::memory_order_relaxed) != 0) return;
                                                w.place.sleep(w.place.prepare());
                                              },
                                              [](W& w) { w.change(); }})},
      {"the write lock released unheard", play({[](W& w) {
                                                  w.acquire_write_lock();
                                                  w.with_write_lock();
                                                },
                                                [](W& w) {
                                                  if (!w.write_lock.try_acquire()) return;
                                                  w.storage.write(0);
                                                  w.write_lock.release();
                                                }})},
      {"without the write lock", play({[](W& w) { w.storage.write(0); },
                                       [](W& w) {
                                         w.acquire_write_lock();
                                         w.with_write_lock();
                                       }})},
      {"told before the write lock is released", play({[](W& w) { w.want_write_lock(); },
                                                       [](W& w) {
                                                         if (!w.write_lock.try_acquire()) return;
                                                         if (w.wanted.load(std::memory_order_seq_cst) != 0)
                                                           w.elsewhere.notify_all();
                                                         w.write_lock.release();
                                                       }})},
  };
}

}  // namespace

const std::vector<Entry>& broken_waiting_catalog() {
  static const std::vector<Entry> all = make_broken_catalog();
  return all;
}

const std::vector<Entry>& waiting_catalog() {
  static const std::vector<Entry> all = make_catalog();
  return all;
}

}  // namespace rewal_model
