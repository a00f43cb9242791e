// SPDX-License-Identifier: MIT
//
// ClockDisk: a storage by the virtual clock. Writes and fsyncs take their time, and are noted.

#ifndef REWAL_TESTS_STRESS_CLOCK_DISK_HPP
#define REWAL_TESTS_STRESS_CLOCK_DISK_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <rewal/commit/core.hpp>
#include <rewal/wal.hpp>
#include <span>
#include <stress/virtual_threads.hpp>
#include <support/harness.hpp>
#include <vector>

namespace rewal_test {

struct ClockDisk {
  using Time = VirtualClock::Time;
  struct Operation {
    Time begin;
    Time end;
    std::uint64_t covers;  // of a sync: bytes written before it began
    bool is_sync;
  };
  struct State {
    std::uint64_t size = 0;
    std::chrono::nanoseconds write_cost{};
    std::chrono::nanoseconds sync_cost{};
    std::vector<Operation> operations;
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  Result<std::size_t> write(Bytes bytes) {
    take(state->write_cost, false);
    state->size += bytes.size();
    return bytes.size();
  }
  Result<void> sync() {
    take(state->sync_cost, true);
    return {};
  }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return state->size; }
  Result<void> truncate(std::uint64_t n) {
    state->size = n;
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return Errc::io; }

 private:
  void take(std::chrono::nanoseconds cost, bool is_sync) {
    VirtualClock& clock = VirtualClock::current();
    const auto index = state->operations.size();
    state->operations.push_back({clock.now(), clock.now(), state->size, is_sync});
    clock.pass(cost);
    state->operations[index].end = clock.now();
  }
};

}  // namespace rewal_test

// Other threads' appends happen on this one while it is inside the storage: they are no calls back.
template <>
inline constexpr bool
    rewal::detail::may_call_back<rewal_test::ClockDisk, rewal::NoCompressor, rewal::NoIndexer, rewal::NoHooks> = false;

#endif  // REWAL_TESTS_STRESS_CLOCK_DISK_HPP
