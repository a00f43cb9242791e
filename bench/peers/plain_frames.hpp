// SPDX-License-Identifier: MIT
//
// The log's frame of one event of 128 bytes, made without the log, for peers that are plain calls: they write the same
// bytes and pay for the same checksum. What they wrote is read back as a log. Not for several threads.

#ifndef REWAL_BENCH_PEERS_PLAIN_FRAMES_HPP
#define REWAL_BENCH_PEERS_PLAIN_FRAMES_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <rewal/crc32c/crc32c.hpp>
#include <rewal/wal.hpp>

#include "harness/check.hpp"
#include "harness/fresh_log.hpp"
#include "harness/mapped_file.hpp"

namespace bench {

class PlainFrames {
 public:
  /// The frame of the event with this LSN, behind what is there.
  static void append(std::vector<std::byte>& bytes, std::uint64_t lsn) {
    constexpr std::size_t covered = frame_bytes - 4;
    static const std::vector<std::byte> pattern = first_frame();
    std::byte frame[frame_bytes];
    std::memcpy(frame, pattern.data(), frame_bytes);
    std::memcpy(frame + lsn_at, &lsn, sizeof lsn);
    const std::size_t end = bytes.size();
    bytes.resize(end + frame_bytes);
    const std::uint32_t crc = rewal::detail::crc32c_copy(0, bytes.data() + end, frame, covered);
    std::memcpy(bytes.data() + end + covered, &crc, sizeof crc);
  }

  /// How many the file holds, read as a log.
  static std::uint64_t count(const std::string& path) {
    auto wal = must(rewal::Wal<>::open(path).build());
    std::uint64_t seen = 0;
    must(wal.replay(1, [&](const rewal::BorrowedEvent& event) {
      must_be(event.lsn == ++seen, "LSNs ascend by one");
      must_be(rewal::as_text(event.payload) == payload, "an event comes back byte for byte");
    }));
    must(wal.close());
    return seen;
  }

 private:
  static constexpr std::size_t lsn_at = 12;

  /// As a log writes it.
  static std::vector<std::byte> first_frame() {
    auto wal = must(rewal::Wal<>::open(setting().fresh("pattern")).build());
    must(wal.append(payload));
    must(wal.shutdown());
    std::vector<std::byte> bytes(frame_bytes);
    const MappedFile file(setting().path("pattern"));
    must_be(file.size() == frame_bytes, "a frame is as long as it should be");
    std::memcpy(bytes.data(), file.data(), frame_bytes);
    return bytes;
  }
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_PLAIN_FRAMES_HPP
