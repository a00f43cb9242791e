// SPDX-License-Identifier: MIT
//
// A thread of real-time priority beside ordinary ones, all on one processor: where it waits for one of them it sleeps. One
// that spins or yields keeps the processor from the thread that it waits for, until the kernel's throttling of real-time
// threads lets that one run. So what is counted is the processor time that the real-time thread takes: of a call that waits
// for others it must be the smaller part.

#include <catch2/catch_test_macros.hpp>

#include <rewal/platform.hpp>

#if REWAL_LINUX

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <rewal/wal.hpp>
#include <support/harness.hpp>

namespace {

using rewal::Bytes;
using rewal::Result;
using rewal_test::must;

/// Takes what it is given and keeps nothing, so that the calls that follow are the log's own work.
struct Sink {
  std::uint64_t end = 0;
  Result<std::size_t> write(Bytes bytes) {
    end += bytes.size();
    return bytes.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return end; }
  Result<void> truncate(std::uint64_t to) {
    end = to;
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return 0; }
};

/// This thread and all that it starts run on one processor while this lives.
class OneProcessor {
 public:
  OneProcessor() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    std::size_t first = 0;
    while (first < CPU_SETSIZE && !CPU_ISSET(first, &before_)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    done_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~OneProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;
  [[nodiscard]] bool done() const { return done_; }

 private:
  cpu_set_t before_{};
  bool done_ = false;
};

[[nodiscard]] bool become_real_time() {
  ::sched_param priority{};
  priority.sched_priority = 10;
  return ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &priority) == 0;
}

[[nodiscard]] std::chrono::nanoseconds processor_time() {
  ::timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

struct Cost {
  std::chrono::nanoseconds processor{0};
  std::chrono::nanoseconds all{0};
};

/// What `calls` calls cost a real-time thread, while an ordinary one keeps appending large frames on the same processor.
template <class Call>
std::optional<Cost> beside_large_appends(rewal::Wal<Sink>& log, int calls, Call call) {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> appended{0};
  std::thread ordinary([&] {
    const std::string large(1 << 20, 'x');
    while (!over) {
      must(log.append(large));
      ++appended;
    }
  });
  std::optional<Cost> cost;
  std::thread real_time([&] {
    if (!become_real_time()) return;
    cost.emplace();
    for (int i = 0; i < calls; ++i) {
      const auto seen = appended.load();
      // Asleep until the other is in the middle of things.
      while (appended.load() < seen + 2) std::this_thread::sleep_for(std::chrono::microseconds(300));
      const auto began = std::chrono::steady_clock::now();
      const auto processor = processor_time();
      call(log);
      cost->processor += processor_time() - processor;
      cost->all += std::chrono::steady_clock::now() - began;
    }
  });
  real_time.join();
  over = true;
  ordinary.join();
  return cost;
}

}  // namespace

TEST_CASE("a real-time thread that waits for an ordinary one on its processor sleeps") {
  const OneProcessor one;
  if (!one.done()) SKIP("this process may not choose its processor");
  auto log = must(rewal::Wal<>::open("sink").storage(Sink{}).build());
  const auto flushes = beside_large_appends(log, 100, [](auto& of) { must(of.flush()); });
  if (!flushes) SKIP("this process may not have real-time threads");
  INFO(flushes->processor.count() << " ns of " << flushes->all.count());
  CHECK(flushes->processor * 2 < flushes->all);
  must(log.shutdown());
}

#endif  // REWAL_LINUX
