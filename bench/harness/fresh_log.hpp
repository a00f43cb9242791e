// SPDX-License-Identifier: MIT
//
// FreshLog: a log in a file of its own, with what the benches put into it and the check that it is all there. Gone with
// the object, without the fsync of a shutdown, so that one row's bytes do not burden the next.

#ifndef REWAL_BENCH_FRESH_LOG_HPP
#define REWAL_BENCH_FRESH_LOG_HPP

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <rewal/wal.hpp>

#include "check.hpp"
#include "setting.hpp"

namespace bench {

/// The unit of PERFORMANCE: an event of 128 bytes, in a frame of its own.
inline constexpr std::size_t payload_bytes = 128;
inline constexpr std::size_t frame_overhead = 34;
inline constexpr std::size_t frame_bytes = payload_bytes + frame_overhead;

inline const std::string payload(payload_bytes, 'p');

template <class Wal = rewal::Wal<>>
class FreshLog {
 public:
  FreshLog(std::string path, Wal wal) : path_(std::move(path)), wal_(std::move(wal)) {}
  ~FreshLog() {
    (void)wal_.close();
    ::unlink(path_.c_str());
  }
  FreshLog(const FreshLog&) = delete;
  FreshLog& operator=(const FreshLog&) = delete;

  [[nodiscard]] Wal& operator*() { return wal_; }
  [[nodiscard]] Wal* operator->() { return &wal_; }

  /// Reads the file back: so many events, in order, each with this payload.
  void must_hold(std::uint64_t events, const std::string& each = payload) {
    std::uint64_t seen = 0;
    must(wal_.replay(1, [&](const rewal::BorrowedEvent& event) {
      must_be(event.lsn == ++seen, "LSNs ascend by one");
      must_be(rewal::as_text(event.payload) == each, "an event comes back byte for byte");
    }));
    must_be(seen == events, "every event is in the file");
    must_be(wal_.last_lsn() == events, "the last LSN is that of the last event");
  }

 private:
  std::string path_;
  Wal wal_;
};

/// `configure` takes the builder and returns it, or another.
template <class Configure = std::identity>
[[nodiscard]] auto fresh_log(const std::string& name, Configure configure = {}) {
  std::string path = setting().fresh(name);
  auto wal = must(configure(rewal::Wal<>::open(path)).build());
  return FreshLog<decltype(wal)>(std::move(path), std::move(wal));
}

}  // namespace bench

#endif  // REWAL_BENCH_FRESH_LOG_HPP
