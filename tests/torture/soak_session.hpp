// SPDX-License-Identifier: MIT
//
// A session of a log, from its opening with options that a seed gives to its end, with producers, flushers,
// readers, and followers and copies where the library has them, all at once. Its threads are its own and end with it.
// What they were told is safe goes to Acknowledged; judging what the file then holds is left to SoakedLog.

#ifndef REWAL_TESTS_TORTURE_SOAK_SESSION_HPP
#define REWAL_TESTS_TORTURE_SOAK_SESSION_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <optional>
#include <powercut/numbered_events.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "soak_acknowledged.hpp"

namespace rewal_soak {

using rewal_powercut::Author;
using rewal_powercut::History;
using rewal_powercut::Numbered;
using rewal_powercut::Random;
using Clock = std::chrono::steady_clock;

struct Session {
  std::string path;
  std::uint64_t seed = 0;
  std::uint32_t number = 0;  // of this session among the log's
  std::chrono::milliseconds length{0};
  bool device_may_be_full = false;
};

template <class Log>
class RunningLog {
 public:
  RunningLog(Log& log, const Session& session, Acknowledged& told)
      : log_(log), session_(session), told_(told), until_(Clock::now() + session.length) {}

  void run() {
    Random random(session_.seed ^ 0x11FE);
    std::vector<std::thread> threads;
    const auto producers = 1 + random.below(most_producers);
    for (std::uint32_t i = 0; i < producers; ++i) threads.emplace_back([this, i] { produce(i); });
    threads.emplace_back([this] { flush(); });
    for (std::uint64_t i = random.below(3); i > 0; --i) threads.emplace_back([this, i] { read_on(i); });
    if constexpr (requires { log_.follow(rewal::Lsn{1}); }) {
      for (std::uint64_t i = random.below(3); i > 0; --i) threads.emplace_back([this, i] { follow(log_, i); });
    }
    if constexpr (requires { log_.copy_to(session_.path); }) {
      if (random.once_in(3)) threads.emplace_back([this] { copy(log_); });
    }
    for (auto& thread : threads) thread.join();
  }

  /// The first error of the log that a call returned, if any.
  [[nodiscard]] const std::optional<rewal::Error>& failure() const { return failure_; }

 private:
  [[nodiscard]] bool goes_on() const { return !failed_.load() && Clock::now() < until_; }

  void violation(const std::string& what) {
    std::fprintf(stderr, "VIOLATION in %s, session %u, seed %llu: %s\n", session_.path.c_str(), session_.number,
                 static_cast<unsigned long long>(session_.seed), what.c_str());
    ++told_.violations;
  }

  /// A call of the log returned an error.
  void fail(const char* call, const rewal::Error& error) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error;
    if (!session_.device_may_be_full) violation(std::string(call) + ": " + error.message());
    failed_ = true;
  }

  static void pause_at_random(Random& random) {
    if (random.once_in(4)) std::this_thread::sleep_for(std::chrono::microseconds(random.below(2000)));
  }

  static std::uint64_t some_size(Random& random) {
    const auto kind = random.below(400);
    return kind == 0 ? random.below(300'000) : kind < 20 ? random.below(9000) : random.below(400);
  }

  void produce(std::uint32_t thread) {
    Random random(session_.seed * 31 + thread);
    const Author author{session_.number, thread};
    std::uint64_t next = 0;
    std::vector<std::byte> payload;
    rewal::Batch batch;
    while (goes_on()) {
      const bool durable = random.once_in(50);
      const auto count = random.once_in(8) ? 1 + random.below(12) : 1;
      batch.clear();
      for (std::uint64_t i = 0; i < count; ++i) {
        fill(payload, Numbered{.author = author,
                               .place_in_batch = static_cast<std::uint16_t>(i),
                               .batch_size = static_cast<std::uint16_t>(count),
                               .number = next + i,
                               .size = some_size(random)});
        if (count > 1) batch.add(payload);
      }
      const auto lsn = count > 1 ? durable ? log_.append_batch_durable(batch) : log_.append_batch(batch)
                       : durable ? log_.append_durable(payload)
                                 : log_.append(payload);
      if (!lsn && lsn.error() != rewal::Errc::queue_full) return fail("append", lsn.error());
      pause_at_random(random);
      if (!lsn || *lsn == 0) continue;  // it took no LSN, so the number is taken again
      next += count;
      told_.appended += count;
      if (durable || random.once_in(60)) {
        if (!durable && !settle(random, *lsn)) return;
        acknowledge(thread, next, *lsn);
      }
    }
  }

  /// Makes what this thread has appended safe from a process's death, by any of the calls.
  [[nodiscard]] bool settle(Random& random, rewal::Lsn lsn) {
    const auto done = random.once_in(3) ? log_.wait_durable(lsn) : log_.flush();
    if (!done) fail("flush or wait_durable", done.error());
    return done.has_value();
  }

  void acknowledge(std::uint32_t thread, std::uint64_t events, rewal::Lsn lsn) {
    told_.events[thread].store(events);
    auto last = told_.last_lsn.load();
    while (last < lsn && !told_.last_lsn.compare_exchange_weak(last, lsn)) {
    }
  }

  void flush() {
    Random random(session_.seed ^ 0xF1);
    while (goes_on()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1 + random.below(30)));
      const auto last = log_.last_lsn();
      const auto done = random.once_in(2) ? log_.sync() : log_.flush();
      if (!done) return fail("flush or sync", done.error());
      const auto stats = log_.stats();
      if (stats.durable_lsn > stats.last_lsn) violation("durable_lsn is ahead of last_lsn");
      if (stats.last_lsn < last) violation("last_lsn went back");
    }
  }

  /// Reads from a random LSN to what is the end then, again and again.
  void read_on(std::uint64_t which) {
    Random random(session_.seed ^ (which << 32));
    while (goes_on()) {
      const auto last = log_.last_lsn();
      const rewal::Lsn from = 1 + random.below(last + 1);
      rewal::Lsn expected = from;
      auto events = log_.iterator(from);
      if (!events) return fail("iterator", events.error());
      for (const auto& event : *events) {
        if (!event) {
          violation("a reader beside the writer met: " + event.error().message());
          break;
        }
        if (event->lsn != expected || !rewal_powercut::read(event->payload)) {
          violation("a reader got LSN " + std::to_string(event->lsn) + " where " + std::to_string(expected) +
                    " stands");
          break;
        }
        ++expected;
        ++told_.read;
        if (expected % 256 == 0 && !goes_on()) return;
        if (expected > from + 20'000) break;
      }
      if (expected <= last && expected <= from + 20'000) violation("a reader missed what was written before it began");
      std::this_thread::sleep_for(std::chrono::milliseconds(5 + random.below(50)));
    }
  }

  template <class L>
  void follow(L& log, std::uint64_t which) {
    Random random(session_.seed ^ (which << 40));
    rewal::Lsn expected = 1 + random.below(log.last_lsn() + 1);
    auto follower = log.follow(expected);
    if (!follower) return fail("follow", follower.error());
    while (goes_on()) {
      const auto event = follower->next_borrowed(std::chrono::milliseconds(20));
      if (!event) return fail("a follower", event.error());
      if (!*event) continue;
      if ((*event)->lsn != expected || !rewal_powercut::read((*event)->payload)) {
        return violation("a follower got LSN " + std::to_string((*event)->lsn) + " for " + std::to_string(expected));
      }
      if (log.durable_lsn() < expected) return violation("a follower was ahead of durable_lsn");
      ++expected;
      ++told_.followed;
      if (random.once_in(5000)) {
        expected = 1 + random.below(expected);
        if (const auto sought = follower->seek(expected); !sought) return fail("seek", sought.error());
      }
    }
  }

  template <class L>
  void copy(L& log) {
    Random random(session_.seed ^ 0xC0);
    const std::string path = session_.path + ".copy";
    while (goes_on()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50 + random.below(400)));
      const auto durable = log.durable_lsn();
      std::filesystem::remove(path);  // of an earlier session that was killed
      const auto copied = log.copy_to(path);
      if (!copied && !session_.device_may_be_full) return violation("copy_to: " + copied.error().message());
      if (!copied) continue;  // its error is no error of the log
      History history;
      std::string wrong;
      auto opened = rewal::Wal<>::open(path).recovery(rewal::Recovery::strict).build();
      if (!opened && session_.device_may_be_full && opened.error() == rewal::Errc::io) continue;
      if (!opened) return violation("a copy does not open: " + opened.error().message());
      const auto read = opened->replay(1, [&](const rewal::BorrowedEvent& event) {
        wrong = history.add(event.lsn, event.payload);
        return wrong.empty();
      });
      if (!read) wrong = read.error().message();
      if (history.last() != *copied || *copied < durable) wrong = "a copy ends too early";
      if (!wrong.empty()) violation("a copy: " + wrong);
      ++told_.copies;
      std::filesystem::remove(path);
    }
  }

  Log& log_;
  const Session& session_;
  Acknowledged& told_;
  const Clock::time_point until_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::optional<rewal::Error> failure_;
};

/// Opens the log with random options.
[[nodiscard]] inline rewal::Result<rewal::Wal<>> open_at_random(const Session& session) {
  using namespace std::chrono_literals;
  Random random(session.seed ^ 0x0B);
  auto builder = rewal::Wal<>::open(session.path);
  builder.sync_mode(random.among({rewal::SyncMode::never, rewal::SyncMode::batch, rewal::SyncMode::interval(20ms)}))
      .backpressure(random.among({rewal::Backpressure::block, rewal::Backpressure::block, rewal::Backpressure::error,
                                  rewal::Backpressure::drop}))
      .queue_capacity(random.among<std::uint64_t>({1, 4, 100, 4096, 4096}))
      .queue_bytes(random.among<std::uint64_t>({1, 4096, 100'000, 2 << 20, 2 << 20, 16 << 20}))
      .buffer_capacity(random.among<std::uint64_t>({1, 4096, 65536, 65536, 1 << 20}))
      .preallocate(random.among<std::uint64_t>({0, 4096, 65536, 4 << 20, 4 << 20}));
  return builder.build();
}

/// The whole of it; returns whether nothing went wrong that may not. It ends by any of the four ways to end.
inline bool run_session(const Session& session, Acknowledged& told) {
  auto log = open_at_random(session);
  if (!log) {
    const bool full = session.device_may_be_full && log.error() == rewal::Errc::io;
    if (!full) std::fprintf(stderr, "VIOLATION: opening %s: %s\n", session.path.c_str(), log.error().message().c_str());
    told.violations += full ? 0 : 1;
    return full;
  }
  told.opened = true;
  RunningLog running(*log, session, told);
  running.run();
  if (running.failure()) {
    const auto again = log->flush();
    if (again || again.error().code() != running.failure()->code()) {
      std::fprintf(stderr, "VIOLATION: after \"%s\" flush says \"%s\"\n", running.failure()->message().c_str(),
                   again ? "ok" : again.error().message().c_str());
      ++told.violations;
    }
    static_cast<void>(log->shutdown());
    return true;
  }
  switch (Random(session.seed ^ 0xE7D).below(3)) {
    case 0:
      if (const auto done = log->shutdown(); !done) ++told.violations;
      break;
    case 1: static_cast<void>(log->close()); break;
    default: break;  // the destructor
  }
  return true;
}

}  // namespace rewal_soak

#endif  // REWAL_TESTS_TORTURE_SOAK_SESSION_HPP
