// SPDX-License-Identifier: MIT
//
// G15: the memory of a large queue, which is not of the heap, as the kernel counts it: it goes back when the log is idle.

#include <rewal/platform.hpp>

#if REWAL_LINUX

#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <fstream>
#include <memory/counting_sink.hpp>
#include <memory/memory_bound.hpp>
#include <rewal/wal.hpp>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <thread>
#include <torture/report.hpp>

using namespace rewal_test;

namespace {

/// What the process has in memory, by the kernel's count.
std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("the memory of a large queue goes back to the system when the log is idle, and serves again") {
  Row row("G15", "bytes that went through a large queue", "bytes");
  constexpr std::uint64_t queue_bytes = 64 * mib;
  Sink sink;
  sink.state->per_write = 2ms;  // so that the queue fills
  static_cast<void>(plenty());
  auto wal = must(Wal<>::open("sink").storage(sink).queue_bytes(queue_bytes).queue_capacity(1 << 20).build());
  const std::uint64_t before = resident_bytes();
  std::uint64_t most_idle = 0;
  for (int round = 0; round < 3; ++round) {
    std::uint64_t sent = 0;
    while (sent < queue_bytes / 2) sent += frame_bytes(64 * kib) * (must(wal.append(payload_of(64 * kib))) != 0);
    const std::uint64_t full = resident_bytes();
    CHECK(full > before + queue_bytes / 4);
    must(wal.flush());
    std::uint64_t idle = 0;
    CHECK(eventually([&] { return (idle = resident_bytes()) <= before + slack_bytes; }));
    if (idle > before) most_idle = (std::max)(most_idle, idle - before);
    row.violations += idle > before + slack_bytes;
    row.count += sent;
  }
  row.note("most_idle_kib", most_idle / kib);
}

TEST_CASE("the memory of a large queue goes back also where an fsync lasts longer than the writer thread stays awake") {
  Row row("G15", "bytes that went through a large queue, with a slow fsync behind", "bytes");
  constexpr std::uint64_t queue_bytes = 64 * mib;
  Sink sink;
  sink.state->per_write = 1ms;
  const Blocking<Sink> disk(sink);
  static_cast<void>(plenty());
  auto wal = must(Wal<>::open("sink").storage(disk).queue_bytes(queue_bytes).build());
  const std::uint64_t before = resident_bytes();
  // The fsync has to begin before the log has been idle for some milliseconds.
  for (bool in_time = false; !in_time;) {
    for (std::uint64_t sent = 0; sent < queue_bytes / 4; row.count += frame_bytes(64 * kib)) {
      sent += frame_bytes(64 * kib) * (must(wal.append(payload_of(64 * kib))) != 0);
    }
    must(wal.flush());
    Hold hold(disk.syncs());
    auto durable = in_background([&] { return wal.append_durable(payload_of(1)); });
    hold.await_caller();
    in_time = resident_bytes() > before + queue_bytes / 8;
    if (in_time) std::this_thread::sleep_for(100ms);
    hold.release();
    must(outcome(durable));
    const bool falls = eventually([&] { return resident_bytes() <= before + slack_bytes; });
    row.violations += !falls;
    CHECK(falls);
  }
}

#endif  // REWAL_LINUX
