// SPDX-License-Identifier: MIT
//
// A compressor that behaves as the test says, a log in memory that has it, and what was compressed of a log.

#ifndef REWAL_TESTS_SPEC_SCRIPTED_COMPRESSOR_HPP
#define REWAL_TESTS_SPEC_SCRIPTED_COMPRESSOR_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <vector>

namespace rewal_test {

using Buffer = std::vector<std::byte>;

enum class Kind : std::uint8_t { none, shrinks, equals, grows, fails, throws };

struct CompressorScript {
  Kind kind;
  std::atomic<std::uint64_t> decompressed{0};  // calls
};

/// Behaves as the test says, and may change its mind while the log runs. All but `shrinks` stores the bytes inverted.
struct ScriptedCompressor {
  std::shared_ptr<CompressorScript> told;

  Result<void> compress(Bytes source, Buffer& target) const {
    switch (told->kind) {
      case Kind::shrinks: return RunLength{}.compress(source, target);
      case Kind::equals: target.insert(target.end(), source.begin(), source.end()); return {};
      case Kind::grows:
        target.insert(target.end(), source.begin(), source.end());
        target.resize(target.size() + 1 + source.size() / 2);
        return {};
      case Kind::fails: target.resize(3); return Error(Errc::crc_mismatch, "the compressor fails");
      case Kind::throws: target.resize(3); throw std::runtime_error("the compressor throws");
      case Kind::none: break;
    }
    throw std::logic_error("there is no compressor here");
  }
  Result<void> decompress(Bytes source, Buffer& target, std::size_t most) const {
    ++told->decompressed;
    return RunLength{}.decompress(source, target, most);
  }
};

inline bool any_compressed(Bytes image) {
  const auto frames = frames_in(image);
  return std::any_of(frames.begin(), frames.end(), [](const auto& frame) { return (frame.flags & 1) != 0; });
}

/// A log in memory with that compressor.
struct ScriptedLog {
  explicit ScriptedLog(Kind kind) { told->kind = kind; }
  auto open() const { return must(Wal<>::open("log").storage(disk).compressor(ScriptedCompressor{told}).build()); }

  std::shared_ptr<CompressorScript> told = std::make_shared<CompressorScript>();
  MemoryStorage disk;
};

template <class W>
Result<std::uint64_t> read_from(const W& wal, Lsn from) {
  return wal.replay(from, [](const BorrowedEvent&) {});
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_SCRIPTED_COMPRESSOR_HPP
