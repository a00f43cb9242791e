// SPDX-License-Identifier: MIT

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
#include <new>
#include <optional>
#include <rewal/platform.hpp>
#include <rewal/queue/queue_memory.hpp>
#include <span>
#include <support/harness.hpp>
#include <support/refused_call.hpp>

using rewal::detail::QueueMemory;

TEST_CASE("small memory is on the heap and keeps its content") {
  QueueMemory memory(1000);
  CHECK(!memory.is_mapped());
  std::fill_n(memory.get(), 1000, std::byte{7});
  memory.give_back();
  const std::span bytes(memory.get(), 1000);
  CHECK(std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{7}; }));
}

#if REWAL_LINUX && !REWAL_TEST_SANITIZED  // a sanitizer's own memory is mapped too
TEST_CASE("where the system maps no memory, the heap has it") {
  const bool tried = rewal_test::where_refused(SYS_mmap, ENOMEM, [] {
    std::optional<QueueMemory> memory;
    // The heap asks the same system; what it has no room for is std::bad_alloc.
    try {
      memory.emplace(QueueMemory::mapped_from_bytes);
    } catch (const std::bad_alloc&) {
      return;
    }
    CHECK(!memory->is_mapped());
    memory->get()[QueueMemory::mapped_from_bytes - 1] = std::byte{7};
    memory->give_back();
    CHECK(memory->get()[QueueMemory::mapped_from_bytes - 1] == std::byte{7});
  });
  if (!tried) SKIP("the system lets no call be refused");
}
#endif

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
