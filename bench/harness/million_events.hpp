// SPDX-License-Identifier: MIT
//
// MillionEvents: the file that the benches of reading read: 1M events of 256 bytes, written by a log, on disk and in
// the page cache. Made once a run; goes with the program's folder.

#ifndef REWAL_BENCH_MILLION_EVENTS_HPP
#define REWAL_BENCH_MILLION_EVENTS_HPP

#include <cstddef>
#include <cstdint>
#include <string>

#include <rewal/wal.hpp>

#include "check.hpp"
#include "clock.hpp"
#include "fresh_log.hpp"
#include "mapped_file.hpp"
#include "setting.hpp"

namespace bench {

class MillionEvents {
 public:
  static constexpr std::size_t event_bytes = 256;
  static constexpr std::size_t event_frame_bytes = event_bytes + frame_overhead;

  [[nodiscard]] static const MillionEvents& instance() {
    static const MillionEvents made;
    return made;
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t bytes() const { return count_ * event_frame_bytes; }

  /// Milliseconds to open it, map it and pass over it with the log's kernel: the yardstick. Unmapping is left out.
  [[nodiscard]] double checksum_pass() const {
    const auto begin = Clock::now();
    const MappedFile file(path_);
    const std::uint64_t right = file.right_checksums(event_frame_bytes);
    const double elapsed = nanoseconds_since(begin);
    must_be(right == count_, "every checksum is right");
    return elapsed / 1e6;
  }

 private:
  MillionEvents() : path_(setting().fresh("million")), count_(setting().count(1000000)) {
    auto wal = must(rewal::Wal<>::open(path_).build());
    const std::string event(event_bytes, 'e');
    for (std::uint64_t i = 0; i < count_; ++i) must(wal.append(event));
    must(wal.shutdown());
    must_be(MappedFile(path_).size() == bytes(), "the file is as long as its frames");
  }

  std::string path_;
  std::uint64_t count_;
};

}  // namespace bench

#endif  // REWAL_BENCH_MILLION_EVENTS_HPP
