// SPDX-License-Identifier: MIT
//
// Leader: what a program does without a library. A buffer behind a mutex, which whoever fills it writes in a piece of
// 64 KiB; durable by a leader group commit. Any thread.

#ifndef REWAL_BENCH_PEERS_LEADER_HPP
#define REWAL_BENCH_PEERS_LEADER_HPP

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "harness/leader_commit.hpp"
#include "harness/raw_file.hpp"
#include "peers/peer.hpp"
#include "peers/plain_frames.hpp"

namespace bench {

class Leader {
 public:
  explicit Leader(Promise promise) : durable_(promise == Promise::durable), file_("leader", durable_ ? reserved : 0) {}

  void append() {
    if (durable_) {
      group_.commit([this](std::vector<std::byte>& bytes) { PlainFrames::append(bytes, ++last_lsn_); });
      return;
    }
    const std::lock_guard lock(mutex_);
    PlainFrames::append(buffer_, ++last_lsn_);
    if (buffer_.size() > piece - frame_bytes) write();
  }
  void flush() {
    const std::lock_guard lock(mutex_);
    write();
  }
  std::uint64_t events_in_file() { return PlainFrames::count(file_.path()); }

 private:
  static constexpr std::uint64_t reserved = 32 << 20;
  static constexpr std::size_t piece = 64 * 1024;

  void write() {
    file_.write(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

  bool durable_;
  RawFile file_;
  LeaderCommit group_{file_};
  std::mutex mutex_;
  std::vector<std::byte> buffer_;  // guarded by mutex_
  std::uint64_t last_lsn_ = 0;     // guarded by mutex_, or by the group's
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_LEADER_HPP
