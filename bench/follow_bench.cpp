// SPDX-License-Identifier: MIT
//
// How soon does a follower that keeps up see an event, and what does it cost the producers? (P16) The time runs from
// the end of the log's write, or fsync, to the follower's return. The yardstick does the same write or fsync with system
// calls and then hands over to a thread that sleeps on a futex. Events are apart, so that the other side sleeps.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <rewal/sync/threads.hpp>
#include <string>
#include <thread>
#include <vector>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/latencies.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;
using rewal::Follow;

using Stamp = std::shared_ptr<std::atomic<Clock::time_point>>;

/// Notes when the storage has done its work.
struct StampWrites {
  Stamp done = std::make_shared<std::atomic<Clock::time_point>>();
  void after_write(std::size_t) { done->store(Clock::now(), std::memory_order_relaxed); }
};
struct StampSyncs {
  Stamp done = std::make_shared<std::atomic<Clock::time_point>>();
  void after_sync(std::chrono::nanoseconds) { done->store(Clock::now(), std::memory_order_relaxed); }
};

void pause_between_events() {
  const auto until = Clock::now() + std::chrono::microseconds(60);
  while (Clock::now() < until) std::this_thread::yield();
}

/// `produce(i)` for each of the events, each once the one before has been seen; `receive(i)` on another thread returns
/// when it sees it, and tells how long that took.
template <class Produce, class Receive>
double hand_over(std::uint64_t events, double share, Produce produce, Receive receive) {
  Latencies latencies;
  latencies.reserve(events);
  std::atomic<std::uint64_t> seen{0};
  std::thread other([&] {
    for (std::uint64_t i = 1; i <= events; ++i) {
      latencies.add(receive(i));
      seen.store(i, std::memory_order_release);
    }
  });
  for (std::uint64_t i = 1; i <= events; ++i) {
    pause_between_events();
    produce(i);
    while (seen.load(std::memory_order_acquire) < i) std::this_thread::yield();
  }
  other.join();
  return latencies.percentile(share);
}

template <class Hooks>
double by_the_log(std::uint64_t events, double share, Follow what) {
  Hooks hooks;
  auto log = fresh_log("log", [&](auto builder) { return std::move(builder).hooks(hooks); });
  auto follower = must(log->follow(1, what));
  const double result = hand_over(
      events, share,
      [&](std::uint64_t) {
        if (what == Follow::durable) return static_cast<void>(must(log->append_durable(payload)));
        must(log->append(payload));
        must(log->flush());
      },
      [&](std::uint64_t i) {
        must_be(must(follower.next_borrowed()).lsn == i, "each event is handed out once");
        return nanoseconds_since(hooks.done->load(std::memory_order_relaxed));
      });
  log.must_hold(events);
  return result;
}

double by_a_futex(std::uint64_t events, double share, Follow what) {
  using rewal::detail::NativeThreads;
  RawFile file("raw");
  const std::string frame(frame_bytes, 'r');
  std::atomic<std::uint32_t> word{0};
  std::atomic<Clock::time_point> done{};
  return hand_over(
      events, share,
      [&](std::uint64_t i) {
        file.write(frame.data(), frame.size());
        if (what == Follow::durable) file.sync();
        done.store(Clock::now(), std::memory_order_relaxed);
        word.store(static_cast<std::uint32_t>(i), std::memory_order_release);
        NativeThreads::wake_all(word);
      },
      [&](std::uint64_t i) {
        while (word.load(std::memory_order_acquire) != i) {
          NativeThreads::sleep(word, static_cast<std::uint32_t>(i - 1), NativeThreads::never);
        }
        return nanoseconds_since(done.load(std::memory_order_relaxed));
      });
}

void ask_for_latency(const std::string& kind, Follow what, const std::string& percentile, double share, double bar) {
  ask({.row = "P16/" + kind + "/" + percentile,
       .what = "from the end of the " + std::string(what == Follow::durable ? "fsync" : "write") +
               " to the follower that waits for the event, " + percentile + "; a futex hand-off after the same",
       .unit = "ns",
       .bar = bar},
      [=](Notes&) -> std::vector<Side> {
        const std::uint64_t events = setting().count(what == Follow::durable ? 500 : 2000);
        return {{"rewal",
                 [=] {
                   return what == Follow::durable ? by_the_log<StampSyncs>(events, share, what)
                                                  : by_the_log<StampWrites>(events, share, what);
                 }},
                {"futex", [=] { return by_a_futex(events, share, what); }}};
      });
}

/// Time an event takes where `threads` append, with or without somebody who follows.
double time_an_event(unsigned threads, bool followed, Follow what) {
  auto log = fresh_log("log");
  const std::uint64_t each = setting().count(what == Follow::durable ? 1000 : 500'000);
  auto follower = must(log->follow(1, what));
  std::thread other;
  if (followed) {
    other = std::thread([&] {
      for (rewal::Lsn next = 1; next <= each * threads; ++next) {
        must_be(must(follower.next_borrowed()).lsn == next, "each event is handed out once");
      }
    });
  }
  const double elapsed = on_threads(threads, [&](unsigned) {
    for (std::uint64_t i = 0; i < each; ++i) {
      if (what == Follow::durable) {
        must(log->append_durable(payload));
      } else {
        must(log->append(payload));
      }
    }
    must(log->flush());
  });
  if (followed) other.join();
  log.must_hold(each * threads);
  return elapsed / static_cast<double>(each * threads);
}

void ask_for_rate(const std::string& kind, unsigned threads, Follow what) {
  ask({.row = "P16/rate/" + kind,
       .what = "time of an event of 128 B, producers: " + std::to_string(threads) + ", with a follower of " + kind +
               " events; without",
       .unit = "ns",
       .bar = 1 / 0.9},
      [=](Notes&) -> std::vector<Side> {
        return {{"followed", [=] { return time_an_event(threads, true, what); }},
                {"alone", [=] { return time_an_event(threads, false, what); }}};
      });
}

}  // namespace

void bench::questions() {
  ask_for_latency("written", Follow::written, "p50", 0.5, 1.5);
  ask_for_latency("written", Follow::written, "p99", 0.99, 3);
  ask_for_latency("durable", Follow::durable, "p50", 0.5, 1.5);
  ask_for_latency("durable", Follow::durable, "p99", 0.99, 3);
  ask_for_rate("written", 1, Follow::written);
  ask_for_rate("durable", 4, Follow::durable);
}
