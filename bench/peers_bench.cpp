// SPDX-License-Identifier: MIT
//
// How does the log stand among others that do the same work? Events of 128 bytes, one a call: without fsync, in
// nanoseconds an append, until all is written; and durable, in commits a second by threads in a closed loop. Each peer
// is set up in its favour: what is not the work of its log is switched off. Each one's file is read back and counted.
// Those that are not installed are left out.
//
// Without fsync, an append of LevelDB, SQLite and LMDB has made its system call when it returns. The others have their
// events in a buffer of the process.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/question.hpp"
#include "peers/async_logger.hpp"
#include "peers/leader.hpp"
#include "peers/ours.hpp"
#include "peers/peer.hpp"
#if REWAL_BENCH_LEVELDB
#include "peers/leveldb.hpp"
#endif
#if REWAL_BENCH_ROCKSDB
#include "peers/rocksdb.hpp"
#endif
#if REWAL_BENCH_SQLITE3
#include "peers/sqlite.hpp"
#endif
#if REWAL_BENCH_LMDB
#include "peers/lmdb.hpp"
#endif

namespace {

using namespace bench;

const std::vector<Peer>& peers() {
  static const std::vector<Peer> all {
    make_peer<Ours>("rewal", 1000000), make_peer<Leader>("leader", 500000),
        make_peer<AsyncLogger>("async_logger", 500000),
#if REWAL_BENCH_LEVELDB
        make_peer<LevelDb>("LevelDB", 50000),
#endif
#if REWAL_BENCH_ROCKSDB
        make_peer<RocksDb>("RocksDB_WAL", 50000),
#endif
#if REWAL_BENCH_SQLITE3
        make_peer<Sqlite>("SQLite_WAL", 10000),
#endif
#if REWAL_BENCH_LMDB
        make_peer<Lmdb>("LMDB", 10000),
#endif
  };
  return all;
}

void ask_peers(const Question& question, unsigned threads, std::function<double(unsigned)> Peer::*figure) {
  ask(question, [=](Notes&) {
    std::vector<Side> sides;
    for (const Peer& peer : peers()) {
      sides.push_back({peer.name, [threads, measure = peer.*figure] { return measure(threads); }});
    }
    return sides;
  });
}

}  // namespace

void bench::questions() {
  for (const unsigned threads : {1u, 2u, 4u, 8u}) {
    const std::string number = std::to_string(threads);
    ask_peers({.row = "peers/append/threads:" + number,
               .what = "append of 128 B by " + number + " threads, not durable, until all is written",
               .unit = "ns"},
              threads, &Peer::nanoseconds_an_append);
  }
  for (const unsigned threads : {1u, 8u, 32u}) {
    const std::string number = std::to_string(threads);
    ask_peers({.row = "peers/durable/threads:" + number,
               .what = "durable append of 128 B by " + number + " threads in a closed loop",
               .unit = "/s",
               .better = Better::more},
              threads, &Peer::commits_a_second);
  }
}
