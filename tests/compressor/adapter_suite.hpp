// SPDX-License-Identifier: MIT
//
// What every adapter of a compression library must do; each adapter's test file runs it with the real library.
// Formats, levels and the library's own hostile inputs are left to those files.

#ifndef REWAL_TESTS_COMPRESSOR_ADAPTER_SUITE_HPP
#define REWAL_TESTS_COMPRESSOR_ADAPTER_SUITE_HPP

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <random>
#include <rewal/policy/compressor.hpp>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/harness.hpp>
#include <system_error>
#include <utility>
#include <vector>

namespace rewal_test {

using Buffer = std::vector<std::byte>;

[[nodiscard]] inline Buffer repetitive(std::size_t size) {
  Buffer bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>("rewal log "[i % 10]);
  return bytes;
}

[[nodiscard]] inline Buffer noise(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  Buffer bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

template <class C>
[[nodiscard]] Buffer packed(const C& compressor, Bytes source) {
  Buffer target;
  must(compressor.compress(source, target));
  return target;
}

template <class C>
[[nodiscard]] Buffer unpacked(const C& compressor, Bytes source, std::size_t most) {
  Buffer target;
  must(compressor.decompress(source, target, most));
  return target;
}

inline const std::vector<std::size_t>& interesting_sizes() {
  static const std::vector<std::size_t> sizes{0,    1,     2,     5,     12,    13,      100,
                                              1000, 65534, 65535, 65536, 70000, 1 << 20, 3 << 20};
  return sizes;
}

template <class C>
void gives_back_what_it_was_given(const C& compressor) {
  for (const std::size_t size : interesting_sizes()) {
    for (const Buffer& source : {repetitive(size), noise(size), Buffer(size)}) {
      INFO("size " << size);
      const Buffer small = packed(compressor, source);
      CHECK(unpacked(compressor, small, std::size_t{1} << 30) == source);
      CHECK(unpacked(compressor, small, SIZE_MAX) == source);
    }
  }
  CHECK(packed(compressor, repetitive(70000)).size() < 2000);
  CHECK(packed(compressor, noise(70000)).size() >= 70000);
}

template <class C>
void appends_to_what_is_there(const C& compressor) {
  Buffer target = repetitive(7);
  must(compressor.compress(repetitive(5000), target));
  REQUIRE(Buffer(target.begin(), target.begin() + 7) == repetitive(7));
  const Buffer frame(target.begin() + 7, target.end());
  Buffer back = noise(3);
  must(compressor.decompress(frame, back, 5000));
  CHECK(Buffer(back.begin(), back.begin() + 3) == noise(3));
  CHECK(Buffer(back.begin() + 3, back.end()) == repetitive(5000));
}

/// At the limit it is there whole, one byte below nothing is, and the target is as it was.
template <class C>
void stops_at_the_limit(const C& compressor) {
  for (const std::size_t size : interesting_sizes()) {
    for (const Buffer& source : {repetitive(size), noise(size)}) {
      INFO("size " << size);
      const Buffer small = packed(compressor, source);
      CHECK(unpacked(compressor, small, size) == source);
      if (size == 0) continue;
      for (const std::size_t most : {size - 1, size / 2, std::size_t{0}}) {
        Buffer target = repetitive(9);
        const Result<void> done = compressor.decompress(small, target, most);
        CHECK(said(done) == "corrupted");
        CHECK(done.error().message().find("max_frame_bytes") != std::string::npos);
        CHECK(target == repetitive(9));
        CHECK(target.capacity() <= 9 + most);
      }
    }
  }
}

/// Whatever becomes of the input, the answer is an error or some bytes within the limit; a cut input is an error.
template <class C>
void survives_damage(const C& compressor) {
  for (const Buffer& source : {repetitive(300), noise(40), Buffer(3000)}) {
    const Buffer small = packed(compressor, source);
    for (std::size_t cut = 0; cut < small.size(); ++cut) {
      Buffer target;
      INFO("cut at " << cut << " of " << small.size());
      CHECK(said(compressor.decompress(Bytes(small).first(cut), target, 5000)) == "corrupted");
      CHECK(target.empty());
    }
    for (std::size_t bit = 0; bit < small.size() * 8; ++bit) {
      Buffer bad = small;
      bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      Buffer target;
      const Result<void> done = compressor.decompress(bad, target, 5000);
      INFO("bit " << bit);
      CHECK((done || done.error() == Errc::corrupted));
      CHECK((done || !done.error().message().empty()));
      CHECK(target.size() <= 5000);
      CHECK(target.capacity() <= 5000);
    }
  }
  for (std::uint32_t seed = 0; seed < volume(2000); ++seed) {
    const Buffer junk = noise(seed % 97, seed);
    Buffer target;
    const Result<void> done = compressor.decompress(junk, target, 4096);
    CHECK((done || done.error() == Errc::corrupted));
    CHECK(target.capacity() <= 4096);
  }
}

template <class C>
void works_on_many_threads_at_once(const C& compressor) {
  together(6, [&](std::size_t thread) {
    for (std::size_t i = 0; i < volume(200); ++i) {
      const Buffer source = (i % 3 == 0) ? noise(i * 7 + thread) : repetitive(i * 91 + thread);
      if (unpacked(compressor, packed(compressor, source), source.size()) != source) {
        throw std::runtime_error("another thread's bytes came back");
      }
    }
  });
}

/// The whole life of a log on a real adapter, copied and moved on its way in.
template <class C>
void serves_a_log(const C& compressor) {
  MemoryStorage disk;
  std::vector<Event> expected;
  {
    auto wal = must(Wal<>::open("log").storage(disk).compressor(compressor).build());
    Batch batch;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{70000}}) {
      must(wal.append_with_meta(repetitive(size), "meta"));
      batch.add(noise(size));
      batch.add_with_meta(repetitive(size), "meta");
    }
    must(wal.append_batch_durable(batch));
    expected = events(wal);
    CHECK(wal.stats().compressed_bytes > 60000);
    must(wal.shutdown());
  }
  REQUIRE(expected.size() == 12);
  CHECK(expected[3].payload == repetitive(70000));
  CHECK(expected[10].payload == noise(70000));
  const auto again = must(Wal<>::open("log").storage(disk).compressor(compressor).build());
  CHECK(events(again) == expected);
  const auto without = must(Wal<>::open("log").storage(disk).build());
  CHECK(said(without.replay(1, [](const BorrowedEvent&) {})) == "compressor_required");
  const auto bounded = must(Wal<>::open("log").storage(disk).compressor(compressor).max_frame_bytes(1000).build());
  CHECK(said(bounded.replay(1, [](const BorrowedEvent&) {})) == "corrupted");
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_COMPRESSOR_ADAPTER_SUITE_HPP
