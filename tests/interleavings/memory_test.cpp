// SPDX-License-Identifier: MIT
//
// The model itself, on the litmus tests whose answers are known: what it must find, what it must not, and how often.

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "model_threads.hpp"
#include "scheduler.hpp"

namespace {

using namespace rewal_model;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

struct Litmus final : Scenario {
  ModelAtomic<int> x{0};
  ModelAtomic<int> y{0};
  ModelAtomic<std::uint32_t> word{0};
  Shadow plain{1};
  int r[4] = {-1, -1, -1, -1};
  std::vector<std::function<void(Litmus&)>> bodies;
  std::set<std::vector<int>>* seen = nullptr;

  [[nodiscard]] unsigned threads() const override { return static_cast<unsigned>(bodies.size()); }
  void run(unsigned thread) override { bodies[thread](*this); }
  void finish() override { seen->insert(std::vector<int>(r, r + 4)); }
};

using Bodies = std::vector<std::function<void(Litmus&)>>;

struct Answer {
  std::set<std::vector<int>> seen;
  Explored explored;
  [[nodiscard]] bool has(int a, int b, int c = -1, int d = -1) const { return seen.count({a, b, c, d}) != 0; }
};

Answer ask(const Bodies& bodies, Limits limits = {}) {
  Answer answer;
  answer.explored = explore(limits, [&] {
    auto litmus = std::make_unique<Litmus>();
    litmus->bodies = bodies;
    litmus->seen = &answer.seen;
    return litmus;
  });
  return answer;
}

Bodies store_buffering(std::memory_order store, std::memory_order load) {
  return {[=](Litmus& l) {
            l.x.store(1, store);
            l.r[0] = l.y.load(load);
          },
          [=](Litmus& l) {
            l.y.store(1, store);
            l.r[1] = l.x.load(load);
          }};
}

TEST_CASE("store buffering is seen unless both sides are seq_cst") {
  CHECK(ask(store_buffering(relaxed, relaxed)).has(0, 0));
  CHECK(ask(store_buffering(release, acquire)).has(0, 0));
  CHECK(ask(store_buffering(seq_cst, acquire)).has(0, 0));
  const Answer strong = ask(store_buffering(seq_cst, seq_cst));
  CHECK_FALSE(strong.has(0, 0));
  CHECK(strong.seen.size() == 3);
  CHECK(strong.explored.exhausted);
}

TEST_CASE("a message is passed by release and acquire alone") {
  const auto message = [](std::memory_order store, std::memory_order load) {
    return ask({[=](Litmus& l) {
                  l.plain.write(0);
                  l.x.store(1, store);
                },
                [=](Litmus& l) {
                  if (l.x.load(load) == 1) l.plain.read(0);
                }});
  };
  CHECK(message(release, acquire).explored.violation.empty());
  CHECK_FALSE(message(relaxed, acquire).explored.violation.empty());
  CHECK_FALSE(message(release, relaxed).explored.violation.empty());
}

TEST_CASE("a read-modify-write continues a release sequence, a store does not") {
  const auto through = [](bool modifies) {
    return ask({[](Litmus& l) {
                  l.plain.write(0);
                  l.x.store(1, release);
                },
                [=](Litmus& l) {
                  if (l.x.load(relaxed) != 1) return;
                  if (modifies)
                    l.x.fetch_add(1, relaxed);
                  else
                    l.x.store(2, relaxed);
                },
                [](Litmus& l) {
                  if (l.x.load(acquire) == 2) l.plain.read(0);
                }});
  };
  CHECK(through(true).explored.violation.empty());
  CHECK_FALSE(through(false).explored.violation.empty());
}

TEST_CASE("independent readers agree on the order of writes if they are seq_cst, and not if they acquire") {
  const auto readers = [](std::memory_order store, std::memory_order load) {
    return ask({[=](Litmus& l) { l.x.store(1, store); }, [=](Litmus& l) { l.y.store(1, store); },
                [=](Litmus& l) {
                  l.r[0] = l.x.load(load);
                  l.r[1] = l.y.load(load);
                },
                [=](Litmus& l) {
                  l.r[2] = l.y.load(load);
                  l.r[3] = l.x.load(load);
                }});
  };
  CHECK(readers(release, acquire).has(1, 0, 1, 0));
  CHECK_FALSE(readers(seq_cst, seq_cst).has(1, 0, 1, 0));
  CHECK(readers(seq_cst, seq_cst).seen.size() == 15);
}

TEST_CASE("loads of one place never go back") {
  const Answer answer = ask({[](Litmus& l) {
                               l.x.store(1, relaxed);
                               l.x.store(2, relaxed);
                             },
                             [](Litmus& l) {
                               l.r[0] = l.x.load(relaxed);
                               l.r[1] = l.x.load(relaxed);
                             }});
  CHECK(answer.seen.size() == 6);
  CHECK_FALSE(answer.has(2, 1));
}

TEST_CASE("no increment is lost, and the searches see what they count") {
  const auto increment = [](Litmus& l) {
    int old = l.x.load(relaxed);
    while (!l.x.compare_exchange_weak(old, old + 1, relaxed)) {
    }
    l.r[0] = l.x.load(relaxed);
  };
  const Answer all = ask({increment, increment, increment});
  CHECK(all.explored.exhausted);
  for (const auto& seen : all.seen) CHECK(seen[0] >= 1);
  // Three threads that share nothing have one schedule up to independence; two that write one place have two.
  const auto own = [](Litmus& l) { l.plain.write(0, 0); };
  CHECK(ask({own, own, own}).explored.interleavings == 1);
  const auto set = [](int value) { return [=](Litmus& l) { l.x.store(value, relaxed); }; };
  CHECK(ask({set(1), set(2)}).explored.interleavings == 2);
  CHECK(ask({set(1), set(2), set(3)}).explored.interleavings == 6);
}

TEST_CASE("a sleeper that nobody wakes is a violation, spurious wake-ups notwithstanding") {
  const auto sleeper = [](Litmus& l) {
    while (l.word.load(relaxed) == 0) ModelThreads::sleep(l.word, 0, ModelThreads::never);
  };
  const auto wakes = [](Litmus& l) {
    l.word.store(1, relaxed);
    ModelThreads::wake_all(l.word);
  };
  const auto forgets = [](Litmus& l) { l.word.store(1, relaxed); };
  const auto too_early = [](Litmus& l) {
    ModelThreads::wake_all(l.word);
    l.word.store(1, relaxed);
  };
  for (const unsigned early : {0u, 1u}) {
    Limits limits;
    limits.early_wake_ups = early;
    limits.stale_reads = 1;
    CHECK(ask({sleeper, wakes}, limits).explored.violation.empty());
    CHECK(ask({sleeper, sleeper, wakes}, limits).explored.violation.empty());
    CHECK_FALSE(ask({sleeper, forgets}, limits).explored.violation.empty());
    CHECK_FALSE(ask({sleeper, too_early}, limits).explored.violation.empty());
  }
  Limits few;
  few.search = Limits::Search::deviations;
  CHECK(ask({sleeper, wakes}, few).explored.violation.empty());
  CHECK_FALSE(ask({sleeper, too_early}, few).explored.violation.empty());
}

// Small programs drawn at random: what is left out as the same must not leave out a result.
class Program {
 public:
  explicit Program(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {
    const unsigned threads = 2 + draw(2);
    for (unsigned t = 0; t < threads; ++t) {
      std::vector<std::function<void(Litmus&, int&)>> lines;
      const unsigned length = threads == 2 ? 3 + draw(2) : 1 + draw(3);
      for (unsigned i = 0; i < length; ++i) lines.push_back(line());
      bodies.push_back([lines, t](Litmus& l) {
        int sum = 0;
        for (const auto& one : lines) one(l, sum);
        l.r[t] = sum;
      });
    }
  }
  Bodies bodies;

 private:
  unsigned draw(unsigned n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<unsigned>((state_ >> 33) % n);
  }
  std::function<void(Litmus&, int&)> line() {
    static constexpr std::memory_order loads[] = {relaxed, acquire, seq_cst};
    static constexpr std::memory_order stores[] = {relaxed, release, seq_cst};
    const bool on_x = draw(2) == 0;
    const auto place = [on_x](Litmus& l) -> ModelAtomic<int>& { return on_x ? l.x : l.y; };
    const auto load = loads[draw(3)];
    const auto store = stores[draw(3)];
    const int value = 1 + static_cast<int>(draw(3));
    switch (draw(7)) {
      case 0:
      case 1: return [=](Litmus& l, int& sum) { sum = sum * 8 + place(l).load(load); };
      case 2: return [=](Litmus& l, int&) { place(l).store(value, store); };
      case 3: return [=](Litmus& l, int& sum) { sum = sum * 8 + place(l).fetch_add(1, store); };
      case 4:
        return [=](Litmus& l, int& sum) {
          int expected = value;
          sum = sum * 8 +
                (place(l).compare_exchange_weak(expected, 5, store == release ? relaxed : store) ? 7 : expected);
        };
      case 5:
        return [=](Litmus& l, int&) {
          ModelThreads::sleep(l.word, 0, ModelThreads::after(ModelThreads::now(), std::chrono::seconds(1)));
        };
      default:
        return [=](Litmus& l, int& sum) {
          sum = sum * 8 + static_cast<int>(l.word.fetch_add(1, store));
          ModelThreads::wake_all(l.word);
        };
    }
  }
  std::uint64_t state_;
};

TEST_CASE("the reduction loses no result of 300 small programs") {
  std::uint64_t reduced = 0;
  std::uint64_t every = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Program program(seed);
    Limits limits;
    limits.most_runs = 20'000;
    limits.reduction = false;
    const Answer plain = ask(program.bodies, limits);
    if (!plain.explored.exhausted) continue;
    limits.reduction = true;
    const Answer quick = ask(program.bodies, limits);
    INFO("program " << seed);
    CHECK(plain.explored.violation == quick.explored.violation);
    CHECK(plain.seen == quick.seen);
    every += plain.explored.interleavings;
    reduced += quick.explored.interleavings + quick.explored.pruned;
  }
  CAPTURE(every, reduced);
  CHECK(reduced * 2 < every);
}

}  // namespace
