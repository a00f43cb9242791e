// SPDX-License-Identifier: MIT
//
// Judge: whether a folder, as the file system found it again, keeps everything that the workload was told. It reads the
// logs by the format's table first, then has the library open them and compares. Used by one thread; the folder is its
// own, and is altered by the opening. How the folder came to be is left to the rig.
//
//   log-<n>     each log; a build() that returned means that there is one
//   log-<n>.cut-<c>  what an opening cut from it and told that it saved
//   copy-<n>    a copy of log-0, whole wherever the power went, or not there
//   cursor-<n>  a cursor: the last value that was committed, or the one being committed

#ifndef REWAL_TESTS_POWERCUT_JUDGE_HPP
#define REWAL_TESTS_POWERCUT_JUDGE_HPP

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <vector>

#include "numbered_events.hpp"
#include "plain_log.hpp"
#include "told.hpp"
#if __has_include(<rewal/cursor.hpp>)
#include <rewal/cursor.hpp>
#endif

namespace rewal_powercut {

class Judge {
 public:
  explicit Judge(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The first promise that is broken, or "".
  [[nodiscard]] std::string judge(const std::vector<Told>& told) {
    std::map<std::uint32_t, std::vector<Told>> logs, copies, cursors, saved;
    for (const Told& what : told) {
      switch (what.kind) {
        case Told::Kind::opened:
        case Told::Kind::durable: logs[what.file].push_back(what); break;
        case Told::Kind::saved: saved[what.file].push_back(what); break;
        case Told::Kind::copying:
        case Told::Kind::copied: copies[what.file].push_back(what); break;
        case Told::Kind::committing:
        case Told::Kind::committed: cursors[what.file].push_back(what); break;
        default: break;
      }
    }
    // Before a log is opened, which may save more.
    for (const auto& [file, about] : saved) {
      for (const Told& copy : about) {
        if (const auto wrong = judge_saved(copy); !wrong.empty()) return wrong;
      }
    }
    for (std::uint32_t file = 0; file < 16; ++file) logs[file];  // those of which nothing was told are logs too
    for (const auto& [file, about] : logs) {
      if (const auto wrong = judge_log("log-" + std::to_string(file), about); !wrong.empty()) return wrong;
    }
    for (const auto& [file, about] : copies) {
      if (const auto wrong = judge_copy("copy-" + std::to_string(file), about); !wrong.empty()) return wrong;
    }
    for (const auto& [file, about] : cursors) {
      if (const auto wrong = judge_cursor("cursor-" + std::to_string(file), about); !wrong.empty()) return wrong;
    }
    return {};
  }

 private:
  [[nodiscard]] std::optional<std::vector<std::byte>> bytes_of(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary | std::ios::ate);
    if (!file) return std::nullopt;
    std::vector<std::byte> bytes(static_cast<std::size_t>(file.tellg()));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file) return std::nullopt;
    return bytes;
  }

  [[nodiscard]] std::string judge_log(const std::string& name, const std::vector<Told>& told) const {
    const auto bytes = bytes_of(name);
    if (!bytes) return told.empty() ? "" : name + ": there is no such file, or it cannot be read";
    const PlainLog log(*bytes);
    if (!log.wrong().empty()) return name + ": " + log.wrong();
    for (const Told& what : told) {
      const auto wrong = what.kind == Told::Kind::opened ? kept_what_was_found(log, what) : kept_durable(log, what);
      if (!wrong.empty()) return name + ": " + wrong;
    }
    return opens_as_it_stands(name, log);
  }

  [[nodiscard]] static std::string kept_durable(const PlainLog& log, const Told& told) {
    if (log.history().last() < told.lsn) {
      return "LSN " + std::to_string(told.lsn) + " was durable, the last is " + std::to_string(log.history().last()) +
             described(log);
    }
    const auto count = log.history().of(told.author);
    if (count >= told.count) return {};
    return "of session " + std::to_string(told.author.session) + ", thread " + std::to_string(told.author.thread) +
           ", " + std::to_string(told.count) + " events were durable, " + std::to_string(count) + " are there" +
           described(log);
  }

  /// An opening keeps what it found, and what it cut does not come back.
  [[nodiscard]] static std::string kept_what_was_found(const PlainLog& log, const Told& told) {
    if (log.history().last() < told.lsn) {
      return "an opening found LSN " + std::to_string(told.lsn) + ", the last is " +
             std::to_string(log.history().last()) + described(log);
    }
    if (log.digest_at(told.lsn) != told.digest) return "other events stand where an opening had found some";
    for (auto lsn = told.lsn + 1; lsn <= log.history().last(); ++lsn) {
      if (log.author_of(lsn).session < told.author.session) {
        return "LSN " + std::to_string(lsn) + " came back, which an opening had not found";
      }
    }
    return {};
  }

  [[nodiscard]] static std::string described(const PlainLog& log) {
    return " (frames end at " + std::to_string(log.end()) + ", then " + std::to_string(log.rest()) + " bytes" +
           (log.rest_is_zero() ? ", all zero)" : ")");
  }

  /// The library opens it, twice, and reads what the table says; the second time there is nothing to repair.
  [[nodiscard]] std::string opens_as_it_stands(const std::string& name, const PlainLog& log) const {
    for (const auto policy : {rewal::Recovery::repair, rewal::Recovery::strict}) {
      const std::string when = policy == rewal::Recovery::strict ? ", opened again: " : ", opened: ";
      auto opened = rewal::Wal<>::open((folder_ / name).string()).recovery(policy).build();
      if (!opened) return name + when + opened.error().message() + described(log);
      std::uint64_t read_digest = 0;
      std::uint64_t count = 0;
      const auto read_all = opened->replay(1, [&](const rewal::BorrowedEvent& event) {
        const auto numbered = read(event.payload);
        if (numbered) read_digest = digest(read_digest, *numbered);
        if (numbered) ++count;
      });
      if (!read_all) return name + when + read_all.error().message();
      const auto last = log.history().last();
      if (count != last || opened->last_lsn() != last || opened->durable_lsn() != last ||
          read_digest != log.digest_at(last)) {
        return name + when + std::to_string(count) + " right events and last LSN " +
               std::to_string(opened->last_lsn()) + ", the file holds " + std::to_string(last) + described(log);
      }
      if (const auto closed = opened->shutdown(); !closed) return name + when + closed.error().message();
    }
    return {};
  }

  /// What an opening cut from the log is beside it.
  [[nodiscard]] std::string judge_saved(const Told& copy) const {
    const auto name = "log-" + std::to_string(copy.file) + ".cut-" + std::to_string(copy.count);
    const auto bytes = bytes_of(name);
    if (!bytes) return name + ": it had been saved, there is no such file";
    if (bytes->size() != copy.lsn || digest_of_bytes(*bytes) != copy.digest) {
      return name + ": " + std::to_string(bytes->size()) + " bytes, not the " + std::to_string(copy.lsn) +
             " that had been saved";
    }
    return {};
  }

  [[nodiscard]] std::string judge_copy(const std::string& name, const std::vector<Told>& told) const {
    const auto bytes = bytes_of(name);
    const bool must_exist = told.back().kind == Told::Kind::copied;
    if (!bytes) return must_exist ? name + ": copy_to had returned, there is no such file" : "";
    const PlainLog log(*bytes);
    if (!log.wrong().empty()) return name + ": " + log.wrong();
    if (log.rest() != 0) return name + ": not whole" + described(log);
    if (log.history().last() < told.front().lsn || (must_exist && log.history().last() != told.back().lsn)) {
      return name + ": it ends at LSN " + std::to_string(log.history().last()) + described(log);
    }
    return opens_as_it_stands(name, log);
  }

  [[nodiscard]] std::string judge_cursor([[maybe_unused]] const std::string& name,
                                         [[maybe_unused]] const std::vector<Told>& told) const {
#if __has_include(<rewal/cursor.hpp>)
    std::optional<std::uint64_t> value, next;
    for (const Told& what : told) {
      if (what.kind == Told::Kind::committed) value = what.lsn;
      next = what.lsn;
    }
    if (!value && !std::filesystem::exists(folder_ / name)) return {};
    const auto cursor = rewal::Cursor::open((folder_ / name).string());
    if (!cursor) return name + ": " + cursor.error().message();
    if (cursor->lsn() != value.value_or(0) && cursor->lsn() != next) {
      return name + ": " + std::to_string(cursor->lsn()) + ", committed was " + std::to_string(value.value_or(0)) +
             ", being committed " + std::to_string(next.value_or(0));
    }
#endif
    return {};
  }

  std::filesystem::path folder_;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_JUDGE_HPP
