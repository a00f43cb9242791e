// SPDX-License-Identifier: MIT
//
// Blocking<S>: a storage S whose writes, fsyncs and close wait at a door that the test shuts and opens.
// Copies share the doors, and the content if those of S do. Any thread may use a door. What is refused or cut short is
// left to S: see RecordingStorage.

#ifndef REWAL_TESTS_SUPPORT_BLOCKING_STORAGE_HPP
#define REWAL_TESTS_SUPPORT_BLOCKING_STORAGE_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <rewal/bytes.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/memory_storage.hpp>
#include <span>
#include <stdexcept>
#include <utility>

namespace rewal_test {

/// Lets callers through, or holds them up.
class Door {
 public:
  /// The storage's side: returns when the caller may go on.
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !shut_ || tickets_ > 0; });
    if (shut_) --tickets_;
    --waiting_;
    ++passed_;
    changed_.notify_all();
  }

  void shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
    tickets_ = 0;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    shut_ = false;
    changed_.notify_all();
  }
  /// One caller goes through a shut door, the one who waits or the next.
  void let_one_through() {
    const std::lock_guard lock(mutex_);
    ++tickets_;
    changed_.notify_all();
  }

  /// Returns when a caller stands at the door.
  void await_caller() {
    await([this] { return waiting_ > tickets_; }, "nobody comes to the door");
  }
  /// Returns when `count` callers in all have gone through.
  void await_passed(std::uint64_t count) {
    await([&] { return passed_ >= count; }, "too few go through the door");
  }
  /// Returns when `count` callers in all have come, through or not.
  void await_arrived(std::uint64_t count) {
    await([&] { return arrived_ >= count; }, "too few come to the door");
  }

  [[nodiscard]] bool has_caller() const {
    const std::lock_guard lock(mutex_);
    return waiting_ > 0;
  }
  [[nodiscard]] std::uint64_t arrived() const {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }
  [[nodiscard]] std::uint64_t passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }

 private:
  template <class F>
  void await(F holds, const char* complaint) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(40), holds)) throw std::runtime_error(complaint);
  }

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool shut_ = false;
  std::uint64_t tickets_ = 0;
  std::uint64_t waiting_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t passed_ = 0;
};

/// Shuts a door for as long as it lives. Make it after the log, so that a test that fails opens the door before the
/// log's destructor waits behind it.
class Hold {
 public:
  explicit Hold(Door& door) : door_(&door) { door_->shut(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { door_->open(); }

  void release() { door_->open(); }
  void let_one_through() { door_->let_one_through(); }
  void await_caller() { door_->await_caller(); }

 private:
  Door* door_;
};

template <class S>
class Blocking {
 public:
  struct Doors {
    Door writes;
    Door syncs;
    Door closes;
  };

  Blocking() = default;
  explicit Blocking(S disk) : disk_(std::move(disk)) {}

  rewal::Result<std::size_t> write(rewal::Bytes bytes) {
    doors_->writes.pass();
    return disk_.write(bytes);
  }
  rewal::Result<void> sync() {
    doors_->syncs.pass();
    return disk_.sync();
  }
  rewal::Result<void> close() {
    doors_->closes.pass();
    return disk_.close();
  }
  rewal::Result<std::uint64_t> size() { return disk_.size(); }
  rewal::Result<void> truncate(std::uint64_t n) { return disk_.truncate(n); }
  rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    return disk_.read_at(into, offset);
  }

  [[nodiscard]] Door& writes() const { return doors_->writes; }
  [[nodiscard]] Door& syncs() const { return doors_->syncs; }
  [[nodiscard]] Door& closes() const { return doors_->closes; }
  [[nodiscard]] const S& disk() const { return disk_; }

 private:
  S disk_;
  std::shared_ptr<Doors> doors_ = std::make_shared<Doors>();
};

using BlockingStorage = Blocking<rewal::MemoryStorage>;

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_BLOCKING_STORAGE_HPP
