// SPDX-License-Identifier: MIT
//
// SoakedLog: a log that is opened many times, and what it must hold for good. Used by one thread, between two sessions.
// It is opened again to be judged; how a session goes is left to RunningLog, how it ends to the soak.

#ifndef REWAL_TESTS_TORTURE_SOAK_LOG_HPP
#define REWAL_TESTS_TORTURE_SOAK_LOG_HPP

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <powercut/numbered_events.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "soak_acknowledged.hpp"
#include "soak_session.hpp"

namespace rewal_soak {

class SoakedLog {
 public:
  SoakedLog(std::string path, std::uint64_t most_bytes) : path_(std::move(path)), most_bytes_(most_bytes) {}

  [[nodiscard]] const std::string& path() const { return path_; }

  /// The next session of this log.
  [[nodiscard]] Session next_session(std::uint64_t seed, std::chrono::milliseconds length) {
    return {.path = path_, .seed = seed, .number = ++session_, .length = length};
  }

  /// Opens it and reads all of it. Returns how many events it holds, or says what is wrong.
  [[nodiscard]] std::uint64_t judge(const Acknowledged& told, std::uint64_t& violations) {
    for (std::uint32_t thread = 0; thread < most_producers; ++thread) {
      const auto events = told.events[thread].load();
      if (events > 0) acknowledged_[{session_, thread}] = events;
    }
    const std::string wrong = judged(told.last_lsn.load());
    if (!wrong.empty()) {
      ++violations;
      const std::string kept = path_ + ".kept-" + std::to_string(violations);
      std::error_code ignored;
      std::filesystem::copy_file(path_, kept, ignored);
      std::fprintf(stderr, "VIOLATION after session %u of %s: %s; kept as %s\n", session_, path_.c_str(), wrong.c_str(),
                   kept.c_str());
    }
    remove_beside(".copy");  // of a session that was killed meanwhile
    const auto events = last_;
    std::error_code none;
    if (!wrong.empty() || std::filesystem::file_size(path_, none) > most_bytes_) start_anew();
    return events;
  }

  /// The file goes, with the copies beside it.
  void start_anew() {
    std::filesystem::remove(path_);
    remove_beside(".cut-");
    acknowledged_.clear();
    lsn_ = last_ = 0;
  }

 private:
  void remove_beside(const std::string& what) const {
    const std::filesystem::path file(path_);
    for (const auto& entry : std::filesystem::directory_iterator(file.parent_path())) {
      const auto name = entry.path().filename().string();
      if (name.starts_with(file.filename().string() + what)) std::filesystem::remove(entry.path());
    }
  }

  [[nodiscard]] std::string judged(rewal::Lsn told_lsn) {
    auto log = rewal::Wal<>::open(path_).build();
    if (!log) return "it does not open: " + log.error().message();
    History history;
    std::string wrong;
    const auto read = log->replay(1, [&](const rewal::BorrowedEvent& event) {
      wrong = history.add(event.lsn, event.payload);
      return wrong.empty();
    });
    last_ = history.last();
    lsn_ = (std::max)(lsn_, told_lsn);
    if (!wrong.empty()) return wrong;
    if (!read) return read.error().message();
    if (!history.is_whole()) return "it ends inside a batch";
    if (log->last_lsn() != last_) return "last_lsn is not its last event's";
    if (last_ < lsn_) return "LSN " + std::to_string(lsn_) + " was acknowledged, the last is " + std::to_string(last_);
    for (const auto& [author, events] : acknowledged_) {
      if (history.of(author) < events) {
        return "of session " + std::to_string(author.session) + ", thread " + std::to_string(author.thread) + ", " +
               std::to_string(events) + " events were acknowledged, " + std::to_string(history.of(author)) +
               " are left";
      }
    }
    lsn_ = last_;  // what an opening found is durable
    return {};
  }

  std::string path_;
  std::uint64_t most_bytes_;
  std::uint32_t session_ = 0;
  std::map<Author, std::uint64_t> acknowledged_;
  rewal::Lsn lsn_ = 0;  // acknowledged
  rewal::Lsn last_ = 0;
};

}  // namespace rewal_soak

#endif  // REWAL_TESTS_TORTURE_SOAK_LOG_HPP
