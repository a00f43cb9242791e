// SPDX-License-Identifier: MIT
//
// Sink: a storage that keeps only how much it was given, so that all heap memory in use is the log's; and payloads that
// take none.

#ifndef REWAL_TESTS_MEMORY_COUNTING_SINK_HPP
#define REWAL_TESTS_MEMORY_COUNTING_SINK_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <support/harness.hpp>
#include <thread>
#include <vector>

namespace rewal_test {

/// Swallows what it is given, by default at once, and keeps no heap memory of its own.
struct Sink {
  struct State {
    std::atomic<std::uint64_t> size{0};
    std::atomic<std::uint64_t> writes{0};
    std::chrono::microseconds per_write{0};
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  Result<std::size_t> write(Bytes bytes) {
    if (state->per_write.count() != 0) std::this_thread::sleep_for(state->per_write);
    state->size += bytes.size();
    ++state->writes;
    return bytes.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return state->size.load(); }
  Result<void> truncate(std::uint64_t n) {
    state->size = n;
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return Errc::io; }
};

/// Bytes for payloads; made longer where a test needs it, before it counts.
inline const std::vector<std::byte>& plenty(std::size_t at_least = 0) {
  static std::vector<std::byte> bytes(1024 * 1024, std::byte{0x5a});
  if (bytes.size() < at_least) bytes.assign(at_least, std::byte{0x5a});
  return bytes;
}

inline Bytes payload_of(std::size_t size) { return Bytes(plenty()).first(size); }

}  // namespace rewal_test

#endif  // REWAL_TESTS_MEMORY_COUNTING_SINK_HPP
