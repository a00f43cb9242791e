// SPDX-License-Identifier: MIT
//
// RocksDb: its write-ahead log alone, which log data goes into and nothing else. Without the promise of durability the
// log is written at `flush` and when its buffer is full, which RocksDB calls a manual flush. Any thread; RocksDB
// groups those that come together.

#ifndef REWAL_BENCH_PEERS_ROCKSDB_HPP
#define REWAL_BENCH_PEERS_ROCKSDB_HPP

#include <rocksdb/db.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "harness/fresh_log.hpp"
#include "peers/peer.hpp"

namespace bench {

class RocksDb {
 public:
  explicit RocksDb(Promise promise) {
    std::filesystem::remove_all(path_);
    write_.sync = promise == Promise::durable;
    open(nullptr);
  }
  ~RocksDb() {
    db_.reset();
    std::filesystem::remove_all(path_);
  }
  RocksDb(const RocksDb&) = delete;
  RocksDb& operator=(const RocksDb&) = delete;

  void append() {
    thread_local rocksdb::WriteBatch batch;
    batch.Clear();
    must(batch.PutLogData(payload));
    must(db_->Write(write_, &batch));
  }
  void flush() { must(db_->FlushWAL(false)); }
  /// Opened again, RocksDB shows each record of its log.
  std::uint64_t events_in_file() {
    db_.reset();
    Counter counter;
    open(&counter);
    return counter.payloads.seen;
  }

 private:
  static void must(const rocksdb::Status& status) {
    if (!status.ok()) die("RocksDB: " + status.ToString());
  }
  void open(rocksdb::WalFilter* filter) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.manual_wal_flush = !write_.sync;
    options.wal_filter = filter;
    rocksdb::DB* db = nullptr;
    must(rocksdb::DB::Open(options, path_, &db));
    db_.reset(db);
  }

  struct Payloads : rocksdb::WriteBatch::Handler {
    void LogData(const rocksdb::Slice& blob) override { seen += blob == payload ? 1u : 0u; }
    std::uint64_t seen = 0;
  };
  struct Counter : rocksdb::WalFilter {
    WalProcessingOption LogRecord(const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*, bool*) const override {
      must(batch.Iterate(&payloads));
      return WalProcessingOption::kContinueProcessing;
    }
    const char* Name() const override { return "Counter"; }
    mutable Payloads payloads;
  };

  std::string path_ = setting().path("rocksdb");
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_;
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_ROCKSDB_HPP
