// SPDX-License-Identifier: MIT

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <rewal/platform.hpp>
#include <rewal/sync/queue_memory.hpp>
#include <span>

using rewal::detail::QueueMemory;

TEST_CASE("small memory is on the heap and keeps its content") {
  QueueMemory memory(1000);
  CHECK(!memory.is_mapped());
  std::fill_n(memory.get(), 1000, std::byte{7});
  memory.give_back();
  const std::span bytes(memory.get(), 1000);
  CHECK(std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{7}; }));
}

TEST_CASE("large memory can be used to its last byte, given back, and used again") {
  constexpr std::size_t size = QueueMemory::mapped_from_bytes + 64;
  QueueMemory memory(size);
  CHECK(memory.is_mapped() == (REWAL_POSIX == 1));
  for (int round = 0; round < 3; ++round) {
    std::fill_n(memory.get(), size, std::byte{7});
    CHECK(memory.get()[size - 1] == std::byte{7});
    memory.give_back();
#if REWAL_LINUX
    const std::span bytes(memory.get(), size);
    CHECK(std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; }));
#endif
  }
}
