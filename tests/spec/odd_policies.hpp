// SPDX-License-Identifier: MIT
//
// Policies that pass a checkpoint in each of their members, and a log that is made of them.

#ifndef REWAL_TESTS_SPEC_ODD_POLICIES_HPP
#define REWAL_TESTS_SPEC_ODD_POLICIES_HPP

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <spec/squeezable_events.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <utility>
#include <vector>

namespace rewal_test {

using Buffer = std::vector<std::byte>;

/// What happens at the members of all four policies of one log; each member comes by with its name.
class Checkpoint {
 public:
  void pass(const std::string& place) {
    std::function<void()> act;
    {
      const std::lock_guard lock(mutex_);
      ++passed_[place];
      if (place == place_) act = act_;
    }
    if (act) act();
  }
  /// From now on `act` runs at `place`, each time.
  void at(const std::string& place, std::function<void()> act) {
    const std::lock_guard lock(mutex_);
    place_ = place;
    act_ = std::move(act);
  }
  void open() { at("", {}); }
  [[nodiscard]] int passed(const std::string& place) const {
    const std::lock_guard lock(mutex_);
    const auto found = passed_.find(place);
    return found == passed_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> passed_;
  std::string place_;
  std::function<void()> act_;
};

struct OddHooks {
  std::shared_ptr<Checkpoint> gate;
  void on_start() { gate->pass("on_start"); }
  void on_shutdown_start() { gate->pass("on_shutdown_start"); }
  void on_shutdown_done(std::chrono::nanoseconds) { gate->pass("on_shutdown_done"); }
  void before_append(const Events&) { gate->pass("before_append"); }
  void after_append(Lsn, std::size_t) { gate->pass("after_append"); }
  void before_write(std::size_t) { gate->pass("before_write"); }
  void after_write(std::size_t) { gate->pass("after_write"); }
  void before_sync() { gate->pass("before_sync"); }
  void after_sync(std::chrono::nanoseconds) { gate->pass("after_sync"); }
  void on_corruption(std::uint64_t) { gate->pass("on_corruption"); }
  void on_drop(std::size_t) { gate->pass("on_drop"); }
};
struct OddIndexer {
  std::shared_ptr<Checkpoint> gate;
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) { gate->pass("index"); }
};
struct OddCompressor {
  std::shared_ptr<Checkpoint> gate;
  Result<void> compress(Bytes source, Buffer& target) {
    gate->pass("compress");
    return RunLength{}.compress(source, target);
  }
  Result<void> decompress(Bytes source, Buffer& target, std::size_t most) {
    gate->pass("decompress");
    return RunLength{}.decompress(source, target, most);
  }
};
class OddStorage {
 public:
  explicit OddStorage(std::shared_ptr<Checkpoint> gate, Buffer content = {}) : gate_(std::move(gate)) {
    must(disk_.write(content));
  }
  Result<std::size_t> write(Bytes bytes) {
    gate_->pass("write");
    return disk_.write(bytes.first((std::min)(bytes.size(), most_per_write_->load())));
  }
  Result<void> sync() {
    gate_->pass("sync");
    return disk_.sync();
  }
  Result<void> close() {
    gate_->pass("close");
    return disk_.close();
  }
  Result<std::uint64_t> size() {
    gate_->pass("size");
    return disk_.size();
  }
  Result<void> truncate(std::uint64_t n) {
    gate_->pass("truncate");
    return disk_.truncate(n);
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    gate_->pass("read_at");
    return disk_.read_at(into, offset);
  }
  Result<void> preallocate(std::uint64_t) {
    gate_->pass("preallocate");
    return {};
  }
  struct Mapping {
    Buffer content;
    [[nodiscard]] Bytes bytes() const { return content; }
  };
  Result<std::shared_ptr<const Mapping>> map(std::uint64_t) {
    gate_->pass("map");
    return Error(Errc::io, "this storage maps nothing");
  }
  Result<std::string> preserve(std::uint64_t offset, Bytes bytes) {
    gate_->pass("preserve");
    return disk_.preserve(offset, bytes);
  }

  [[nodiscard]] Bytes bytes() const { return disk_.bytes(); }
  void set_most_per_write(std::size_t most) const { most_per_write_->store(most); }

 private:
  std::shared_ptr<Checkpoint> gate_;
  MemoryStorage disk_;
  std::shared_ptr<std::atomic<std::size_t>> most_per_write_ = std::make_shared<std::atomic<std::size_t>>(SIZE_MAX);
};

using OddWal = Wal<OddStorage, OddCompressor, OddIndexer, OddHooks>;

inline const std::vector<std::string> hook_places{
    "on_start",    "on_shutdown_start", "on_shutdown_done", "before_append", "after_append", "before_write",
    "after_write", "before_sync",       "after_sync",       "on_corruption", "on_drop"};

struct OddLog {
  auto builder() const {
    return Wal<>::open("odd")
        .storage(storage)
        .compressor(OddCompressor{gate})
        .indexer(OddIndexer{gate})
        .hooks(OddHooks{gate});
  }
  OddWal open(SyncMode mode = SyncMode::never) const { return must(builder().sync_mode(mode).build()); }

  std::shared_ptr<Checkpoint> gate = std::make_shared<Checkpoint>();
  OddStorage storage{gate};
};

/// A log that drops whatever comes, since a write of it hangs until `go_on`.
struct FullOddLog {
  FullOddLog() {
    log.gate->at("write", [this] {
      writing = true;
      (void)eventually([this] { return go_on.load(); });
    });
    must(wal.append("fills the queue"));
    REQUIRE(eventually([this] { return writing.load(); }));
  }

  std::atomic<bool> writing{false};
  std::atomic<bool> go_on{false};
  OddLog log;
  OddWal wal = must(log.builder().backpressure(Backpressure::drop).queue_capacity(1).build());
};

inline Result<std::uint64_t> read_all_of(const OddWal& wal) {
  return wal.replay(0, [](const BorrowedEvent&) {});
}

/// Everything a log can do, successfully; every place but on_start, on_corruption, on_drop, size, truncate and preserve
/// is passed.
inline void live(const OddLog&, OddWal& wal) {
  Batch batch = batch_of(3);
  must(wal.append(squeezable()));
  must(wal.append_with_meta("not squeezable", "m"));
  must(wal.append_batch(batch));
  must(wal.flush());
  must(wal.sync());
  CHECK(must(wal.append_durable("x")) == 6);
  must(wal.wait_durable(6));
  CHECK(must(wal.append_batch_durable(batch)) == 9);
  CHECK(must(read_all_of(wal)) == 9);
  std::size_t seen = 0;
  auto range = must(wal.iterator(1));
  for (const auto& event : range) {
    must(event);
    ++seen;
  }
  CHECK(seen == 9);
  must(wal.append("left for the shutdown"));
  must(wal.shutdown());
  CHECK(wal.durable_lsn() == 10);
}

inline SyncMode mode_of(int which) {
  return which == 0 ? SyncMode::never : which == 1 ? SyncMode::batch : SyncMode::interval(1ms);
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_ODD_POLICIES_HPP
