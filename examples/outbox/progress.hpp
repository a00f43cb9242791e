// SPDX-License-Identifier: MIT
//
// Progress: what an outbox has done so far. One thread, the outbox's, writes it; any thread may take a snapshot. The
// numbers are read one by one (relaxed, they guard nothing), so that those of one snapshot may be some events apart.

#ifndef OUTBOX_PROGRESS_HPP
#define OUTBOX_PROGRESS_HPP

#include <array>
#include <atomic>
#include <cstdint>

#include <rewal/lsn.hpp>

#include <outbox/sink.hpp>

namespace outbox {

struct Snapshot {
  bool connected = false;         // the last call to the target succeeded
  rewal::Lsn shipped_lsn = 0;     // what the target has acknowledged
  rewal::Lsn durable_lsn = 0;     // of the log
  std::uint64_t lag = 0;          // LSNs from the one to the other
  std::uint64_t events = 0;       // shipped by this run, those shipped again too
  std::uint64_t bytes = 0;        // payloads and metas of these
  std::uint64_t batches = 0;      // of these
  std::uint64_t rewinds = 0;      // the target had lost what it had acknowledged
  std::uint64_t connections = 0;  // how often the target was asked where it is, after a failure or at the beginning
  std::array<std::uint64_t, troubles> failures{};  // by Trouble
};

class Progress {
 public:
  void connected_at(rewal::Lsn lsn) {
    add(connections_, 1);
    at(lsn);
  }
  /// The target holds this much.
  void at(rewal::Lsn lsn) {
    shipped_lsn_.store(lsn, std::memory_order_relaxed);
    connected_.store(true, std::memory_order_relaxed);
  }
  void shipped(const Batch& batch) {
    add(events_, batch.size());
    add(bytes_, batch.bytes());
    add(batches_, 1);
    at(batch.last_lsn());
  }
  void rewound() { add(rewinds_, 1); }
  void failed(Trouble trouble) {
    add(failures_[static_cast<std::size_t>(trouble)], 1);
    if (trouble != Trouble::overtaken) connected_.store(false, std::memory_order_relaxed);
  }

  [[nodiscard]] Snapshot snapshot(rewal::Lsn durable_lsn) const {
    Snapshot now;
    now.connected = connected_.load(std::memory_order_relaxed);
    now.shipped_lsn = shipped_lsn_.load(std::memory_order_relaxed);
    now.durable_lsn = durable_lsn;
    now.lag = durable_lsn > now.shipped_lsn ? durable_lsn - now.shipped_lsn : 0;
    now.events = events_.load(std::memory_order_relaxed);
    now.bytes = bytes_.load(std::memory_order_relaxed);
    now.batches = batches_.load(std::memory_order_relaxed);
    now.rewinds = rewinds_.load(std::memory_order_relaxed);
    now.connections = connections_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < troubles; ++i) now.failures[i] = failures_[i].load(std::memory_order_relaxed);
    return now;
  }

 private:
  using Count = std::atomic<std::uint64_t>;

  static void add(Count& count, std::uint64_t more) {
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);  // one writer
  }

  std::atomic<bool> connected_{false};
  Count shipped_lsn_{0};
  Count events_{0};
  Count bytes_{0};
  Count batches_{0};
  Count rewinds_{0};
  Count connections_{0};
  std::array<Count, troubles> failures_{};
};

}  // namespace outbox

#endif  // OUTBOX_PROGRESS_HPP
