// SPDX-License-Identifier: MIT
//
// LevelDb: events as values under their number, one Put each. The memtable is large enough never to be written out, so
// that its log is all that reaches the disk. Any thread; LevelDB groups those that come together.

#ifndef REWAL_BENCH_PEERS_LEVELDB_HPP
#define REWAL_BENCH_PEERS_LEVELDB_HPP

#include <leveldb/db.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "harness/fresh_log.hpp"
#include "peers/peer.hpp"

namespace bench {

class LevelDb {
 public:
  explicit LevelDb(Promise promise) {
    std::filesystem::remove_all(path_);
    write_.sync = promise == Promise::durable;
    open();
  }
  ~LevelDb() {
    db_.reset();
    std::filesystem::remove_all(path_);
  }
  LevelDb(const LevelDb&) = delete;
  LevelDb& operator=(const LevelDb&) = delete;

  void append() {
    char key[8];
    std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
    for (int i = 7; i >= 0; --i, number >>= 8) key[i] = static_cast<char>(number & 0xff);
    must(db_->Put(write_, {key, sizeof key}, payload));
  }
  void flush() {}  // each Put has written
  std::uint64_t events_in_file() {
    db_.reset();
    open();
    std::uint64_t events = 0;
    const std::unique_ptr<leveldb::Iterator> it(db_->NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) events += it->value() == payload ? 1u : 0u;
    must(it->status());
    return events;
  }

 private:
  static void must(const leveldb::Status& status) {
    if (!status.ok()) die("LevelDB: " + status.ToString());
  }
  void open() {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 1u << 30;
    leveldb::DB* db = nullptr;
    must(leveldb::DB::Open(options, path_, &db));
    db_.reset(db);
  }

  std::string path_ = setting().path("leveldb");
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions write_;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_LEVELDB_HPP
