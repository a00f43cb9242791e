// SPDX-License-Identifier: MIT
//
// Sqlite: rows of a table in WAL mode, one transaction each, through one connection behind a mutex, which spares it the
// waiting that several connections do. No checkpoint is made. Any thread.

#ifndef REWAL_BENCH_PEERS_SQLITE_HPP
#define REWAL_BENCH_PEERS_SQLITE_HPP

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "harness/fresh_log.hpp"
#include "peers/peer.hpp"

namespace bench {

class Sqlite {
 public:
  explicit Sqlite(Promise promise) {
    remove();
    open();
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA wal_autocheckpoint = 0");
    execute(promise == Promise::durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
    execute("CREATE TABLE events(lsn INTEGER PRIMARY KEY, payload BLOB)");
    insert_ = prepare("INSERT INTO events(payload) VALUES (?)");
    must(sqlite3_bind_blob(insert_, 1, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC), SQLITE_OK);
  }
  ~Sqlite() {
    close();
    remove();
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void append() {
    const std::lock_guard lock(mutex_);
    must(sqlite3_step(insert_), SQLITE_DONE);
    must(sqlite3_reset(insert_), SQLITE_OK);
  }
  void flush() {}  // each transaction has written
  std::uint64_t events_in_file() {
    close();
    open();
    sqlite3_stmt* const count = prepare("SELECT count(*) FROM events WHERE payload = ?");
    must(sqlite3_bind_blob(count, 1, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC), SQLITE_OK);
    must(sqlite3_step(count), SQLITE_ROW);
    const auto events = static_cast<std::uint64_t>(sqlite3_column_int64(count, 0));
    must(sqlite3_finalize(count), SQLITE_OK);
    return events;
  }

 private:
  void must(int code, int wanted) const {
    if (code != wanted) die(std::string("SQLite: ") + sqlite3_errmsg(db_));
  }
  void open() {
    must(
        sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr),
        SQLITE_OK);
    // Its last connection copies the log into the database, which is work that nobody measures.
    must(sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr), SQLITE_OK);
  }
  void close() {
    must(sqlite3_finalize(insert_), SQLITE_OK);
    insert_ = nullptr;
    must(sqlite3_close(db_), SQLITE_OK);
    db_ = nullptr;
  }
  void execute(const char* statement) { must(sqlite3_exec(db_, statement, nullptr, nullptr, nullptr), SQLITE_OK); }
  [[nodiscard]] sqlite3_stmt* prepare(const char* statement) {
    sqlite3_stmt* prepared = nullptr;
    must(sqlite3_prepare_v2(db_, statement, -1, &prepared, nullptr), SQLITE_OK);
    return prepared;
  }
  void remove() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }

  std::string path_ = setting().path("sqlite");
  std::mutex mutex_;  // guards what follows
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace bench

#endif  // REWAL_BENCH_PEERS_SQLITE_HPP
