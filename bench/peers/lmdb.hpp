// SPDX-License-Identifier: MIT
//
// Lmdb: events as values under their number, one transaction each, appended at the end of the tree. Any thread; LMDB
// has one writer at a time.

#ifndef REWAL_BENCH_PEERS_LMDB_HPP
#define REWAL_BENCH_PEERS_LMDB_HPP

#include <lmdb.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "harness/fresh_log.hpp"
#include "peers/peer.hpp"

namespace bench {

class Lmdb {
 public:
  explicit Lmdb(Promise promise) : flags_(MDB_NOSUBDIR | (promise == Promise::durable ? 0u : unsigned{MDB_NOSYNC})) {
    remove();
    open();
  }
  ~Lmdb() {
    mdb_env_close(environment_);
    remove();
  }
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;

  void append() {
    MDB_txn* transaction = nullptr;
    must(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    std::size_t number = next_++;
    MDB_val key{sizeof number, &number};
    MDB_val value{payload.size(), const_cast<char*>(payload.data())};
    must(mdb_put(transaction, events_, &key, &value, MDB_APPEND));
    must(mdb_txn_commit(transaction));
  }
  void flush() {}  // each transaction has written
  std::uint64_t events_in_file() {
    mdb_env_close(environment_);
    open();
    MDB_txn* transaction = nullptr;
    MDB_cursor* cursor = nullptr;
    must(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction));
    must(mdb_cursor_open(transaction, events_, &cursor));
    std::uint64_t events = 0;
    MDB_val key{}, value{};
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
      events += std::string_view(static_cast<const char*>(value.mv_data), value.mv_size) == payload ? 1u : 0u;
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(transaction);
    return events;
  }

 private:
  static void must(int code) {
    if (code != 0) die(std::string("LMDB: ") + mdb_strerror(code));
  }
  void open() {
    must(mdb_env_create(&environment_));
    must(mdb_env_set_mapsize(environment_, std::size_t{1} << 30));
    must(mdb_env_open(environment_, path_.c_str(), flags_, 0644));
    MDB_txn* transaction = nullptr;
    must(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    must(mdb_dbi_open(transaction, nullptr, MDB_INTEGERKEY | MDB_CREATE, &events_));
    must(mdb_txn_commit(transaction));
  }
  void remove() {
    for (const char* suffix : {"", "-lock"}) std::filesystem::remove(path_ + suffix);
  }

  std::string path_ = setting().path("lmdb");
  unsigned flags_;
  MDB_env* environment_ = nullptr;
  MDB_dbi events_ = 0;
  std::size_t next_ = 0;  // guarded by the transaction
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_LMDB_HPP
