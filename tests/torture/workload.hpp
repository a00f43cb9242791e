// SPDX-License-Identifier: MIT
//
// Workload: one way of using a log, written as a word of one letter a call; and the bytes that it appends.

#ifndef REWAL_TESTS_TORTURE_WORKLOAD_HPP
#define REWAL_TESTS_TORTURE_WORKLOAD_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <rewal/bytes.hpp>
#include <rewal/options.hpp>

#include <torture/oracle.hpp>
#include <torture/report.hpp>

namespace rewal_torture {

/// `calls` are letters:
///   a append 20 bytes      m append 300 bytes and meta    B append 1300 bytes     b append_batch of 3
///   d append_durable       D append_batch_durable of 3    w wait_durable of all   f flush    s sync
///   r shutdown and reopen  c close (no drain) and reopen  z append 700 bytes, nearly all of them zero
///   L append 5000 bytes, more than the whole queue holds
struct Workload {
  std::string calls;
  rewal::SyncMode mode = rewal::SyncMode::never;
  std::uint64_t preallocate = 0;

  [[nodiscard]] std::string text() const {
    const auto kind = mode.kind();
    return calls + "," +
           (kind == rewal::SyncMode::Kind::never   ? "never"
            : kind == rewal::SyncMode::Kind::batch ? "batch"
                                                   : "interval") +
           "," + std::to_string(preallocate);
  }
  /// The reverse of text().
  static Workload from(const std::string& text) {
    Workload workload;
    const auto first = text.find(',');
    const auto second = text.find(',', first + 1);
    workload.calls = text.substr(0, first);
    const std::string mode = text.substr(first + 1, second - first - 1);
    if (mode == "batch") workload.mode = rewal::SyncMode::batch;
    if (mode == "interval") workload.mode = rewal::SyncMode::interval(std::chrono::milliseconds(1));
    workload.preallocate = std::stoull(text.substr(second + 1));
    return workload;
  }
};

/// The payload of that number: bytes that no other has.
inline Image made_bytes(std::uint64_t number, std::size_t size, bool zeros = false) {
  Image bytes(size);
  Random random(number * 977 + size);
  for (std::size_t i = 0; i < size; ++i) {
    if (!zeros || i < 8) bytes[i] = static_cast<std::byte>(random.next());
  }
  return bytes;
}

inline rewal::Bytes bytes_of(const Image& image) { return image; }

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_WORKLOAD_HPP
