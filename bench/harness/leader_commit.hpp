// SPDX-License-Identifier: MIT
//
// LeaderCommit: group commit with plain calls, the yardstick of durable appends by several threads. Whoever comes first
// leads: it waits up to 50 us for those whom the last fsync released, writes what was gathered, fsyncs, and releases
// the others. Any thread.

#ifndef REWAL_BENCH_LEADER_COMMIT_HPP
#define REWAL_BENCH_LEADER_COMMIT_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "clock.hpp"
#include "raw_file.hpp"

namespace bench {

class LeaderCommit {
 public:
  explicit LeaderCommit(RawFile& file) : file_(file) {}

  /// Returns when the frame is on disk.
  void commit(const char* frame, std::size_t size) {
    commit([=](std::vector<std::byte>& gathered) {
      const auto* const bytes = reinterpret_cast<const std::byte*>(frame);
      gathered.insert(gathered.end(), bytes, bytes + size);
    });
  }

  /// `add` puts the frame behind those gathered, one caller at a time and in the order of the file.
  template <class Add>
  void commit(const Add& add) {
    std::unique_lock lock(mutex_);
    add(gathered_);
    ++arrived_;
    const std::uint64_t mine = groups_ + (writing_ ? 2 : 1);
    while (leading_) {
      done_.wait(lock);
      if (groups_ >= mine) return;
    }
    leading_ = true;
    lead(lock);
    leading_ = false;
    lock.unlock();
    done_.notify_all();
  }

  /// fsyncs made.
  [[nodiscard]] std::uint64_t groups() const { return groups_; }

 private:
  static constexpr std::chrono::microseconds gathering_time{50};

  void lead(std::unique_lock<std::mutex>& lock) {
    const auto latest = Clock::now() + gathering_time;
    while (arrived_ < released_ && Clock::now() < latest) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    gathered_.swap(group_);
    const std::uint64_t members = std::exchange(arrived_, 0);
    writing_ = true;
    lock.unlock();
    file_.write(group_.data(), group_.size());
    file_.sync();
    group_.clear();
    lock.lock();
    writing_ = false;
    released_ = members + arrived_;
    ++groups_;
  }

  RawFile& file_;
  std::mutex mutex_;  // guards what follows but group_, which is the leader's
  std::condition_variable done_;
  std::vector<std::byte> gathered_;
  std::vector<std::byte> group_;
  std::uint64_t arrived_ = 0;   // in gathered_
  std::uint64_t released_ = 0;  // by the last fsync, and those who came meanwhile
  std::uint64_t groups_ = 0;
  bool leading_ = false;
  bool writing_ = false;
};

}  // namespace bench

#endif  // REWAL_BENCH_LEADER_COMMIT_HPP
