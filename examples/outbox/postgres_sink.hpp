// SPDX-License-Identifier: MIT
//
// PostgresSink: events into a table of PostgreSQL, with the place that they have reached in the same transaction. Used by
// one thread. Needs libpq. What reads the table, and deletes from it, is left to the user: the place does not depend on
// the rows.
//
//   <stream> (lsn bigint PRIMARY KEY, payload bytea NOT NULL, meta bytea)
//   outbox_cursor (stream text PRIMARY KEY, lsn bigint NOT NULL)      a row for each stream
//
// A batch is one transaction: the cursor is moved from the LSN that the batch follows to its last one, then the rows are
// copied. A cursor that stands elsewhere is not moved, and then nothing is copied. Transactions of one stream wait for
// one another at the cursor's row, so that readers see events in LSN order. To ask for the place takes the same lock: a
// transaction that an earlier connection has left behind is over, one way or the other, before the answer comes.

#ifndef OUTBOX_POSTGRES_SINK_HPP
#define OUTBOX_POSTGRES_SINK_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>

#include <outbox/batch.hpp>
#include <outbox/postgres_copy.hpp>
#include <outbox/sink.hpp>

namespace outbox {

class PostgresSink {
 public:
  /// `url` is postgresql://... or any other connection string of libpq; `stream` names the table.
  PostgresSink(std::string url, std::string stream, std::chrono::milliseconds timeout = std::chrono::seconds(15))
      : url_(std::move(url)), stream_(std::move(stream)), timeout_(timeout) {}

  [[nodiscard]] std::string describe() const {
    std::string where;
    const std::unique_ptr<PQconninfoOption, Free> options(PQconninfoParse(url_.c_str(), nullptr));
    for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
      const std::string_view keyword(option->keyword);
      if (option->val == nullptr) continue;
      if (keyword == "host" || keyword == "port" || keyword == "dbname") where += std::string(" ") + option->val;
    }
    return "table " + stream_ + " at postgresql" + where;
  }

  Outcome<rewal::Lsn> last_shipped() {
    if (!connection_) {
      if (auto connected = connect(); !connected) return lose(connected.problem());
    }
    auto row = query("SELECT lsn FROM outbox_cursor WHERE stream = " + name_ + " FOR UPDATE");
    if (!row) return lose(row.problem());
    if (PQntuples(row->get()) == 0) {
      if (auto made = query("INSERT INTO outbox_cursor VALUES (" + name_ + ", 0) ON CONFLICT DO NOTHING"); !made) {
        return lose(made.problem());
      }
      last_ = 0;
    } else {
      last_ = std::strtoull(PQgetvalue(row->get(), 0, 0), nullptr, 10);
    }
    return last_;
  }

  /// Requires that last_shipped() succeeded just now.
  Outcome<std::optional<std::string>> last_payload() {
    using Payload = std::optional<std::string>;
    const auto row = query("SELECT encode(payload, 'hex') FROM " + table_ + " WHERE lsn = " + std::to_string(last_));
    if (!row) return lose(row.problem());
    if (PQntuples(row->get()) == 0) return Payload();
    std::size_t size = 0;
    const std::string escaped = std::string("\\x") + PQgetvalue(row->get(), 0, 0);
    const std::unique_ptr<unsigned char, Free> bytes(
        PQunescapeBytea(reinterpret_cast<const unsigned char*>(escaped.c_str()), &size));
    if (!bytes) return Payload();
    return Payload(std::string(reinterpret_cast<const char*>(bytes.get()), size));
  }

  /// Requires that last_shipped() succeeded since the last failure.
  Outcome<void> ship(const Batch& batch) {
    if (!connection_) return gone();
    const std::size_t begin = batch.above(last_);
    if (begin == batch.size()) return {};
    copy_.clear();
    for (std::size_t i = begin; i < batch.size(); ++i) {
      if (!copy_.add(batch[i])) return lose(unfit(batch[i].lsn));
    }
    copy_.end();
    if (auto done = transact(batch.last_lsn()); !done) return lose(done.problem());
    last_ = batch.last_lsn();
    return {};
  }

 private:
  struct Free {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
    void operator()(char* text) const { PQfreemem(text); }
    void operator()(unsigned char* bytes) const { PQfreemem(bytes); }
  };
  using Answer = std::shared_ptr<PGresult>;

  Outcome<void> connect() {
    const std::string seconds = std::to_string(std::max<std::int64_t>(timeout_.count() / 1000, 2));
    const char* const keywords[] = {"dbname", "connect_timeout", "fallback_application_name", "client_encoding",
                                    nullptr};
    const char* const values[] = {url_.c_str(), seconds.c_str(), "rewal outbox", "UTF8", nullptr};
    connection_.reset(PQconnectdbParams(keywords, values, 1));
    PGconn* const connection = connection_.get();
    if (PQstatus(connection) != CONNECTION_OK) return refused_or_away(PQerrorMessage(connection));
    PQsetNoticeProcessor(
        connection, [](void*, const char*) {}, nullptr);
    PQsetnonblocking(connection, 1);
    const std::unique_ptr<char, Free> table(PQescapeIdentifier(connection, stream_.data(), stream_.size()));
    const std::unique_ptr<char, Free> name(PQescapeLiteral(connection, stream_.data(), stream_.size()));
    if (!table || !name) return gone();
    table_ = table.get();
    name_ = name.get();
    // Who may only write to tables that are there may not say CREATE ... IF NOT EXISTS either.
    const auto found = query("SELECT to_regclass(quote_ident(" + name_ +
                             ")) IS NOT NULL AND to_regclass('outbox_cursor') IS NOT NULL");
    if (!found) return found.problem();
    if (std::string_view(PQgetvalue(found->get(), 0, 0)) == "t") return {};
    const auto made = query("CREATE TABLE IF NOT EXISTS " + table_ +
                            " (lsn bigint PRIMARY KEY, payload bytea NOT NULL, meta bytea); "
                            "CREATE TABLE IF NOT EXISTS outbox_cursor (stream text PRIMARY KEY, lsn bigint NOT NULL)");
    if (!made) return made.problem();
    return {};
  }

  /// Moves the cursor and copies the rows, or neither.
  Outcome<void> transact(rewal::Lsn last) {
    const std::string words = "BEGIN; UPDATE outbox_cursor SET lsn = " + std::to_string(last) +
                              " WHERE stream = " + name_ + " AND lsn = " + std::to_string(last_) + "; COPY " + table_ +
                              " (lsn, payload, meta) FROM STDIN (FORMAT binary); COMMIT";
    if (PQsendQuery(connection_.get(), words.c_str()) != 1) return gone();
    bool is_moved = false;
    bool is_committed = false;
    for (;;) {
      const auto answer = next_answer();
      if (!answer) return answer.problem();
      PGresult* const result = answer->get();
      if (result == nullptr) break;
      const std::string_view did(PQcmdStatus(result));
      switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
          if (did.substr(0, 6) == "UPDATE") is_moved = did == "UPDATE 1";
          if (did == "COMMIT") is_committed = true;
          break;
        case PGRES_COPY_IN:
          if (!is_moved) return Problem{Trouble::overtaken, "it has moved on: its cursor is elsewhere"};
          if (auto sent = send_copy(); !sent) return sent;
          break;
        default: return problem_of(result);
      }
    }
    if (!is_committed) return Problem{Trouble::away, "it did not commit"};
    return {};
  }

  Outcome<void> send_copy() {
    constexpr std::size_t part = 64 * 1024;
    std::string_view rest = copy_.bytes();
    while (!rest.empty()) {
      const auto now = rest.substr(0, part);
      const int queued = PQputCopyData(connection_.get(), now.data(), static_cast<int>(now.size()));
      if (queued < 0) return gone();
      if (queued == 1) rest.remove_prefix(now.size());
      if (auto sent = flush(); !sent) return sent;
    }
    if (PQputCopyEnd(connection_.get(), nullptr) != 1) return gone();
    return {};
  }

  /// The result of one statement.
  Outcome<Answer> query(const std::string& words) {
    if (PQsendQuery(connection_.get(), words.c_str()) != 1) return gone();
    Answer last;
    for (;;) {
      auto answer = next_answer();
      if (!answer) return answer;
      if (*answer == nullptr) return last;
      const auto status = PQresultStatus(answer->get());
      if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return problem_of(answer->get());
      last = *answer;
    }
  }

  /// The next result of what was sent; null behind the last one.
  Outcome<Answer> next_answer() {
    if (auto sent = flush(); !sent) return sent.problem();
    while (PQisBusy(connection_.get()) != 0) {
      if (auto ready = wait(POLLIN); !ready) return ready.problem();
    }
    return Answer(PQgetResult(connection_.get()), Free());
  }
  Outcome<void> flush() {
    for (;;) {
      const int left = PQflush(connection_.get());
      if (left == 0) return {};
      if (left < 0) return gone();
      if (auto ready = wait(POLLIN | POLLOUT); !ready) return ready;
    }
  }
  Outcome<void> wait(short events) {
    struct ::pollfd watched = {PQsocket(connection_.get()), events, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(timeout_.count()));
    if (ready == 0) return Problem{Trouble::away, "it does not answer"};
    if (ready > 0 && (watched.revents & POLLOUT) == 0 && PQconsumeInput(connection_.get()) != 1) return gone();
    return {};
  }

  /// After a problem the connection is done with; the server rolls back what it had begun.
  Problem lose(Problem problem) {
    connection_.reset();
    return problem;
  }
  [[nodiscard]] Problem gone() const {
    return {Trouble::away, connection_ ? PQerrorMessage(connection_.get()) : "not connected"};
  }

  [[nodiscard]] Problem problem_of(const PGresult* result) const {
    const char* const field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view state = field == nullptr ? "" : field;
    const std::string said = PQresultErrorMessage(result);
    const auto is_of = [state](std::string_view start) { return state.substr(0, start.size()) == start; };
    if (is_of("53100") || is_of("53200") || is_of("53400")) return {Trouble::full, "it is full: " + said};
    if (is_of("28") || is_of("42501") || is_of("3D")) return {Trouble::refused, "it refuses: " + said};
    if (is_of("23505")) return {Trouble::foreign, "its table holds events that its cursor does not know of: " + said};
    if (is_of("25006")) return {Trouble::away, "it is a standby that takes no writes: " + said};
    if (is_of("42P01")) return {Trouble::overtaken, "its table is gone: " + said};
    if (is_of("427") || is_of("428")) return {Trouble::foreign, "its table is made otherwise: " + said};
    if (is_of("54")) return {Trouble::unfit, "an event is larger than a row can be: " + said};
    if (is_of("22") || is_of("23") || is_of("42")) return {Trouble::refused, "it refuses: " + said};
    return {Trouble::away, said.empty() ? PQerrorMessage(connection_.get()) : said};
  }
  /// A connection that fails has no code to go by, only text.
  [[nodiscard]] static Problem refused_or_away(const std::string& said) {
    for (const auto* const words : {"authentication failed", "no password supplied", "pg_hba.conf", "does not exist",
                                    "permission denied", "not permitted", "invalid "}) {
      if (said.find(words) != std::string::npos) return {Trouble::refused, "it refuses: " + said};
    }
    return {Trouble::away, said};
  }
  [[nodiscard]] static Problem unfit(rewal::Lsn lsn) {
    return {Trouble::unfit, "event " + std::to_string(lsn) + " does not fit: a row takes 1 GB, a bigint LSN 2^63 - 1"};
  }

  std::string url_;
  std::string stream_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<PGconn, Free> connection_;
  std::string table_;  // as an identifier, of this connection
  std::string name_;   // as a literal
  rewal::Lsn last_ = 0;
  PostgresCopy copy_;
};

static_assert(RemembersPayload<PostgresSink>);

}  // namespace outbox

#endif  // OUTBOX_POSTGRES_SINK_HPP
