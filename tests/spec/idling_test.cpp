// SPDX-License-Identifier: MIT
//
// A log that has nothing to do sleeps, and an event wakes it.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <rewal/platform.hpp>
#include <rewal/wal.hpp>
#include <spec/recorded_log.hpp>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>

#if REWAL_POSIX
#include <sys/resource.h>
#endif

using namespace rewal_test;

#if REWAL_POSIX
namespace {

struct Usage {
  std::chrono::microseconds processor;
  long switches;

  static Usage now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](timeval time) {
      return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    return {micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_nvcsw};
  }
};

}  // namespace

TEST_CASE("an idle log sleeps, in every mode") {
  const auto mode = GENERATE(SyncMode::never, SyncMode::batch, SyncMode::interval(1ms), SyncMode::interval(1h));
  auto wal = must(on(RecordingStorage(), mode).build());
  must(wal.append("event"));
  must(wal.flush());
  const auto is_idle = [] {
    const Usage before = Usage::now();
    std::this_thread::sleep_for(100ms);
    const Usage after = Usage::now();
    return after.switches - before.switches < 10 && after.processor - before.processor < 20ms;
  };
  CHECK(eventually(is_idle));
  CHECK(wal.append_durable("awake again") == 2u);
}
#endif

TEST_CASE("an event appended to a sleeping log reaches the storage unasked") {
  auto wal = must(on(RecordingStorage()).build());
  for (Lsn lsn = 1; lsn <= 4; ++lsn) {
    std::this_thread::sleep_for(30ms);  // long enough to fall asleep; right whether or not it does
    must(wal.append("event"));
    CHECK(eventually([&] { return wal.last_lsn() == lsn; }));
  }
}

TEST_CASE("the one event in many that finds the writer falling asleep is written too") {
  auto wal = must(on(RecordingStorage()).build());
  for (std::size_t i = 0; i < volume(200); ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(7500 + i * 10));
    const Lsn lsn = must(wal.append("event"));
    REQUIRE(eventually([&] { return wal.last_lsn() == lsn; }));
  }
}
