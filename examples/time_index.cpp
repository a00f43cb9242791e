// SPDX-License-Identifier: MIT
//
// A time index: "what happened since half past nine" without reading what came before. Each event carries its time as
// meta; the log's indexer hears of each event once it is written and keeps every 64th time with its LSN.
//
//   time_index [FILE]
//
// The index lives in memory alone: what is computed from a log need not be durable. One replay fills it after opening.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>

namespace {

using namespace std::chrono_literals;
using Time = std::chrono::sys_time<std::chrono::microseconds>;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "time_index: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Eight bytes, in the order of this machine. Other bytes are no time.
std::string meta_of(Time time) {
  const std::int64_t count = time.time_since_epoch().count();
  return {reinterpret_cast<const char*>(&count), sizeof count};
}
std::optional<Time> time_in(std::optional<rewal::Bytes> meta) {
  std::int64_t count = 0;
  if (!meta || meta->size() != sizeof count) return std::nullopt;
  std::memcpy(&count, meta->data(), sizeof count);
  return Time(std::chrono::microseconds(count));
}

/// Where in the log each time is, sparsely. The log's thread adds to it, any thread asks it.
class TimeIndex {
 public:
  static constexpr rewal::Lsn stride = 64;

  void add(rewal::Lsn lsn, std::optional<rewal::Bytes> meta) {
    const auto time = time_in(meta);
    if (!time) return;
    const std::lock_guard lock(mutex_);
    // Clocks go back. What counts is the latest time so far: then the times ascend, and nothing before an entry is later.
    latest_ = (std::max)(latest_, *time);
    if (lsn >= next_) {
      entries_.push_back({latest_, lsn});
      next_ = lsn + stride;
    }
  }
  /// No event before this LSN has `time` or a later one.
  [[nodiscard]] rewal::Lsn seek(Time time) const {
    const std::lock_guard lock(mutex_);
    const auto later = std::partition_point(entries_.begin(), entries_.end(), [&](auto& e) { return e.time < time; });
    return later == entries_.begin() ? 1 : std::prev(later)->lsn;
  }

 private:
  struct Entry {
    Time time;
    rewal::Lsn lsn;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  Time latest_{};
  rewal::Lsn next_ = 0;
};

/// The policy: the log owns a copy, so what it knows is shared. It is called in LSN order, once for each event.
struct Indexer {
  std::shared_ptr<TimeIndex> index;
  void on_append(rewal::Lsn lsn, std::optional<rewal::Bytes> meta, std::uint64_t) const { index->add(lsn, meta); }
};

class TimedLog {
 public:
  explicit TimedLog(const std::string& path) : wal_(must(rewal::Wal<>::open(path).indexer(Indexer{index_}).build())) {
    must(wal_.replay(1, [&](const rewal::BorrowedEvent& event) { index_->add(event.lsn, event.meta); }));
  }
  void append(Time time, const std::string& text) { must(wal_.append_with_meta(text, meta_of(time))); }
  void flush() { must(wal_.flush()); }  // written, and so in the index

  /// Calls f(time, text) for the events of [from, to), in the order of the log; how many events it had to read.
  template <class F>
  std::uint64_t between(Time from, Time to, F f) const {
    // Times may go back by so much, as clocks do: the search ends that long after `to`.
    constexpr auto slack = 1s;
    return must(wal_.replay(index_->seek(from), [&](const rewal::BorrowedEvent& event) {
      const auto time = time_in(event.meta);
      if (time && *time >= from && *time < to) f(*time, rewal::as_text(event.payload));
      return !time || *time < to + slack;
    }));
  }

 private:
  std::shared_ptr<TimeIndex> index_ = std::make_shared<TimeIndex>();
  rewal::Wal<rewal::FileStorage, rewal::NoCompressor, Indexer> wal_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "time-index.wal";
  std::filesystem::remove(path);
  const Time start = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) - 24h;
  const int count = 86'400;  // a day, an event a second, the clock of every tenth of them 600 ms slow
  const auto time_of = [&](int i) { return start + i * 1s - (i % 10 == 0 ? 600ms : 0ms); };
  const auto look = [&](const TimedLog& log, const char* when) {
    for (const auto& [from, length] : {std::pair{0s, 1s}, {12345s, 60s}, {43'200s, 3600s}, {86'000s, 9000s}}) {
      int found = 0, expected = 0;
      const auto in_range = [&, from = start + from, to = start + from + length](Time t) {
        return t >= from && t < to;
      };
      for (int i = 0; i < count; ++i) expected += in_range(time_of(i)) ? 1 : 0;
      const auto read = log.between(start + from, start + from + length, [&](Time, auto) { ++found; });
      std::printf("%s: from second %lld, %lld seconds: %d events, %llu read of %d\n", when,
                  static_cast<long long>(from.count()), static_cast<long long>(length.count()), found,
                  static_cast<unsigned long long>(read), count);
      if (found != expected || read > static_cast<unsigned>(found) + 2 * TimeIndex::stride) fail("not as expected");
    }
  };
  {
    TimedLog log(path);
    for (int i = 0; i < count; ++i) log.append(time_of(i), "second " + std::to_string(i));
    log.flush();
    look(log, "written");
  }
  look(TimedLog(path), "reopened");
}
