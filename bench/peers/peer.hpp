// SPDX-License-Identifier: MIT
//
// Peer: one of those who do the same work as the log, with the two figures that are asked of each. A peer is a class
// that is opened with a promise and has
//
//   void append();                   one event of 128 bytes, by any thread; on disk afterwards if that was the promise
//   void flush();                    what was appended has reached the system
//   std::uint64_t events_in_file();  closes, and counts what is there
//
// Both figures end with that count. Used by the main thread.

#ifndef REWAL_BENCH_PEERS_PEER_HPP
#define REWAL_BENCH_PEERS_PEER_HPP

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/setting.hpp"

namespace bench {

/// What an append that has returned has done with its event.
enum class Promise { taken, durable };

struct Peer {
  std::string name;
  std::function<double(unsigned threads)> nanoseconds_an_append;  // flush included
  std::function<double(unsigned threads)> commits_a_second;
};

/// `appends` is how many a round has, on the scale of what one of this peer's takes.
template <class P>
[[nodiscard]] Peer make_peer(std::string name, std::uint64_t appends) {
  const auto nanoseconds_an_append = [appends = setting().count(appends)](unsigned threads) {
    P peer(Promise::taken);
    const std::uint64_t each = appends / threads;
    double elapsed = on_threads(threads, [&](unsigned) {
      for (std::uint64_t i = 0; i < each; ++i) peer.append();
    });
    const auto begin = Clock::now();
    peer.flush();
    elapsed += nanoseconds_since(begin);
    must_be(peer.events_in_file() == each * threads, "every event is in the file");
    return elapsed / static_cast<double>(each * threads);
  };
  const auto commits_a_second = [](unsigned threads) {
    P peer(Promise::durable);
    peer.append();  // the file has its beginning before time is taken
    std::atomic<std::uint64_t> acknowledged{1};
    const double rate = closed_loop(threads, setting().seconds(0.3), [&](unsigned) {
      peer.append();
      acknowledged.fetch_add(1, std::memory_order_relaxed);
    });
    must_be(peer.events_in_file() == acknowledged.load(), "every acknowledged event is in the file");
    return rate;
  };
  return {std::move(name), nanoseconds_an_append, commits_a_second};
}

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_PEER_HPP
