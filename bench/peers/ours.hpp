// SPDX-License-Identifier: MIT
//
// Ours: the log itself among its peers, with default options. Any thread.

#ifndef REWAL_BENCH_PEERS_OURS_HPP
#define REWAL_BENCH_PEERS_OURS_HPP

#include <cstdint>

#include "harness/fresh_log.hpp"
#include "peers/peer.hpp"

namespace bench {

class Ours {
 public:
  explicit Ours(Promise promise) : durable_(promise == Promise::durable), log_(fresh_log("ours")) {}

  void append() { must(durable_ ? log_->append_durable(payload) : log_->append(payload)); }
  void flush() { must(log_->flush()); }
  std::uint64_t events_in_file() {
    log_.must_hold(log_->last_lsn());
    return log_->last_lsn();
  }

 private:
  bool durable_;
  FreshLog<> log_;
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_OURS_HPP
