// SPDX-License-Identifier: MIT
//
// Everything that happened to a log, in order: its hooks and its storage write into one timeline.

#ifndef REWAL_TESTS_POLICY_TIMELINE_HPP
#define REWAL_TESTS_POLICY_TIMELINE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <rewal/policy/hooks.hpp>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/recording_storage.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace rewal_test {

/// Everything that happened, in order; the storage writes into it too.
class Timeline {
 public:
  void add(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    threads_.push_back(std::this_thread::get_id());
  }
  [[nodiscard]] std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  [[nodiscard]] std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(entries_, {});
  }
  [[nodiscard]] std::ptrdiff_t count(const std::string& beginning) const {
    const auto entries = all();
    return std::count_if(entries.begin(), entries.end(),
                         [&](const auto& entry) { return entry.starts_with(beginning); });
  }
  [[nodiscard]] bool all_on_this_thread() const {
    const std::lock_guard lock(mutex_);
    return std::all_of(threads_.begin(), threads_.end(), [](auto id) { return id == std::this_thread::get_id(); });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
  std::vector<std::thread::id> threads_;
};

inline std::string number(std::uint64_t n) { return std::to_string(n); }
inline std::string text(const Events& events) {
  std::string all = number(events.size()) + ":";
  for (const BorrowedEvent& event : events) {
    all += " " + std::string(as_text(event.payload));
    if (event.meta) all += "/" + std::string(as_text(*event.meta));
    if (event.lsn != 0) all += " with an LSN";
  }
  return all;
}

struct AllHooks {
  std::shared_ptr<Timeline> line;

  void on_start() { line->add("on_start"); }
  void on_shutdown_start() { line->add("on_shutdown_start"); }
  void on_shutdown_done(std::chrono::nanoseconds time) {
    line->add(time > 0ns && time < 1h ? "on_shutdown_done" : "on_shutdown_done oddly");
  }
  void before_append(const Events& events) { line->add("before_append " + text(events)); }
  void after_append(Lsn last, std::size_t count) { line->add("after_append " + number(last) + " " + number(count)); }
  void before_write(std::size_t bytes) { line->add("before_write " + number(bytes)); }
  void after_write(std::size_t bytes) { line->add("after_write " + number(bytes)); }
  void before_sync() { line->add("before_sync"); }
  void after_sync(std::chrono::nanoseconds time) {
    line->add(time >= 0ns && time < 1h ? "after_sync" : "after_sync oddly");
  }
  void on_corruption(std::uint64_t offset) { line->add("on_corruption " + number(offset)); }
  void on_drop(std::size_t events) { line->add("on_drop " + number(events)); }
};
static_assert(Hooks<AllHooks>);

/// A storage that writes into the timeline as well.
struct TellingStorage {
  std::shared_ptr<Timeline> line;
  RecordingStorage disk{};

  Result<std::size_t> write(Bytes bytes) {
    line->add("write");
    return disk.write(bytes);
  }
  Result<void> sync() {
    line->add("sync");
    return disk.sync();
  }
  Result<void> close() {
    line->add("close");
    return disk.close();
  }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) { return disk.read_at(into, offset); }
};

using Entries = std::vector<std::string>;

inline Batch batch_of(const std::vector<std::string>& payloads) {
  Batch batch;
  for (const auto& payload : payloads) batch.add(payload);
  return batch;
}

/// A log whose hooks and storage write into one timeline.
struct TimelineLog {
  std::shared_ptr<Timeline> line = std::make_shared<Timeline>();
  RecordingStorage disk{};

  auto builder() const { return Wal<>::open("log").storage(TellingStorage{line, disk}).hooks(AllHooks{line}); }
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_POLICY_TIMELINE_HPP
