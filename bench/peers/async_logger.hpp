// SPDX-License-Identifier: MIT
//
// AsyncLogger: the design of asynchronous logging libraries. Callers fill one buffer behind a mutex; a writer thread
// takes it in exchange for an empty one, and writes. It wakes when a buffer is half full, every millisecond, and at
// once when somebody waits. Any thread.

#ifndef REWAL_BENCH_PEERS_ASYNC_LOGGER_HPP
#define REWAL_BENCH_PEERS_ASYNC_LOGGER_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "harness/raw_file.hpp"
#include "peers/peer.hpp"
#include "peers/plain_frames.hpp"

namespace bench {

class AsyncLogger {
 public:
  explicit AsyncLogger(Promise promise)
      : durable_(promise == Promise::durable), file_("async", durable_ ? reserved : 0), writer_([this] { run(); }) {}
  ~AsyncLogger() { stop(); }
  AsyncLogger(const AsyncLogger&) = delete;
  AsyncLogger& operator=(const AsyncLogger&) = delete;

  void append() {
    std::unique_lock lock(mutex_);
    while (filling_.size() > capacity - frame_bytes) written_.wait(lock);
    PlainFrames::append(filling_, ++last_lsn_);
    if (durable_) {
      wait_written(lock, last_lsn_);
    } else if (filling_.size() - frame_bytes < capacity / 2 && filling_.size() >= capacity / 2) {
      work_.notify_one();
    }
  }
  void flush() {
    std::unique_lock lock(mutex_);
    wait_written(lock, last_lsn_);
  }
  std::uint64_t events_in_file() {
    stop();
    return PlainFrames::count(file_.path());
  }

 private:
  static constexpr std::uint64_t reserved = 32 << 20;
  static constexpr std::size_t capacity = 256 * 1024;

  void wait_written(std::unique_lock<std::mutex>& lock, std::uint64_t lsn) {
    while (written_lsn_ < lsn) {
      if (waiting_++ == 0) work_.notify_one();
      written_.wait(lock);
    }
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_ || !filling_.empty()) {
      const auto is_due = [this] { return stopping_ || waiting_ > 0 || filling_.size() >= capacity / 2; };
      work_.wait_for(lock, std::chrono::milliseconds(1), is_due);
      waiting_ = 0;
      if (filling_.empty()) continue;
      filling_.swap(writing_);
      const std::uint64_t lsn = last_lsn_;
      lock.unlock();
      file_.write(writing_.data(), writing_.size());
      if (durable_) file_.sync();
      writing_.clear();
      lock.lock();
      written_lsn_ = lsn;
      written_.notify_all();
    }
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_one();
    if (writer_.joinable()) writer_.join();
  }

  bool durable_;
  RawFile file_;
  std::mutex mutex_;                 // guards what follows but writing_, which is the writer's
  std::condition_variable work_;     // for the writer
  std::condition_variable written_;  // for the others
  std::vector<std::byte> filling_;
  std::vector<std::byte> writing_;
  std::uint64_t last_lsn_ = 0;
  std::uint64_t written_lsn_ = 0;
  std::uint64_t waiting_ = 0;  // since the writer last looked
  bool stopping_ = false;
  std::thread writer_;  // last: it uses the others
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_ASYNC_LOGGER_HPP
