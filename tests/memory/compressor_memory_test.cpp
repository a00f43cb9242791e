// SPDX-License-Identifier: MIT
//
// G15: what a compressor's large frames needed, in writing and in reading, is given back.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory/counted_heap.hpp>
#include <memory/counting_sink.hpp>
#include <memory/memory_bound.hpp>
#include <optional>
#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <torture/report.hpp>
#include <vector>

using namespace rewal_test;

namespace {

/// Keeps the length and the first byte: all of these events are of one byte many times over.
struct OneByte {
  std::size_t made_bytes = 7;

  Result<void> compress(Bytes from, std::vector<std::byte>& to) {
    // The record's header tells the length, and the byte behind it what the payload is made of.
    to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>((std::min)(from.size(), made_bytes)));
    return {};
  }
  Result<void> decompress(Bytes from, std::vector<std::byte>& to) {
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;) length = length * 256 + std::to_integer<std::size_t>(from[i]);
    to.insert(to.end(), from.begin(), from.begin() + 6);
    to.insert(to.end(), length, from[6]);
    return {};
  }
};

struct ForgetfulIndex {
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) {}
};

}  // namespace

TEST_CASE("what a compressor's large frames needed is given back") {
  Row row("G15", "bytes appended compressed", "bytes");
  const auto large = static_cast<std::size_t>(8 * mib);
  static_cast<void>(plenty(large));
  const MemoryStorage disk;
  MemoryBound memory(default_queue_bytes);
  auto wal = must(Wal<>::open("disk").storage(disk).compressor(OneByte{}).indexer(ForgetfulIndex{}).build());
  memory.now("written");
  for (int i = 0; i < 3; ++i) must(wal.append(payload_of(large)));
  must(wal.flush());
  row.note("peak_kib", static_cast<std::uint64_t>(heap::peak.load()) / kib);
  memory.idle(row, slack_bytes);
  memory.now("read");
  {
    must(wal.append("small"));
    must(wal.flush());
    auto it = must(wal.iterator(0));
    for (int i = 0; i < 3; ++i) CHECK(must(it.next_borrowed())->payload.size() == large);
    CHECK(must(it.next_borrowed())->payload.size() == 5);
    memory.idle(row, slack_bytes);  // with the iterator at a small event
  }
  row.count = 3 * large;
}

TEST_CASE("what a compressor made of large frames is given back") {
  Row row("G15", "bytes appended and compressed to a half", "bytes");
  const auto large = static_cast<std::size_t>(8 * mib);
  static_cast<void>(plenty(large));
  MemoryBound memory(default_queue_bytes);
  auto wal = must(Wal<>::open("sink").storage(Sink{}).compressor(OneByte{large / 2}).build());
  memory.now("written");
  for (int i = 0; i < 3; ++i) must(wal.append(payload_of(large)));
  must(wal.flush());
  memory.idle(row, slack_bytes);
  row.count = 3 * large;
}
