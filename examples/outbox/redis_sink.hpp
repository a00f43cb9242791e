// SPDX-License-Identifier: MIT
//
// RedisSink: events into a Redis stream, the ID of each being its LSN: 17-0. Used by one thread. Needs hiredis, and a
// server of version 5 or later. How its numbers get lost, and when, is the server's affair: README.md says what to set.
//
// XADD with such an ID is refused by the stream unless it is above every ID that the stream has ever held. That alone
// forbids repeats, but not holes: of two XADD under way, the first may fail for lack of memory and the second succeed,
// and then the first can never be added again. So they go in scripts, each of which begins by comparing the last ID of the
// stream with the one that it is to follow. Redis runs a script as a whole, looks whether there is memory before its first
// write, and fsyncs once behind it; many scripts can be under way, and if one fails, so do those behind it.

#ifndef OUTBOX_REDIS_SINK_HPP
#define OUTBOX_REDIS_SINK_HPP

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <outbox/batch.hpp>
#include <outbox/redis_address.hpp>
#include <outbox/sink.hpp>

namespace outbox {

class RedisSink {
 public:
  RedisSink(RedisAddress address, std::string stream, std::chrono::milliseconds timeout = std::chrono::seconds(10))
      : address_(std::move(address)), stream_(std::move(stream)), timeout_(timeout) {}

  [[nodiscard]] std::string describe() const {
    return "stream " + stream_ + " at redis " + address_.host + ":" + std::to_string(address_.port);
  }

  Outcome<rewal::Lsn> last_shipped() {
    if (!connection_) {
      if (auto connected = connect(); !connected) return lose(connected.problem());
    }
    if (!send({"XINFO", "STREAM", stream_})) return lose(gone());
    const Reply reply = receive();
    if (!reply) return lose(gone());
    const std::string_view said = text_of(*reply);
    if (reply->type == REDIS_REPLY_ERROR) {
      if (said.find("no such key") == std::string_view::npos) return lose(problem_of(said));
      last_ = 0;
      return last_;
    }
    for (std::size_t i = 0; i + 1 < reply->elements; i += 2) {
      if (text_of(*reply->element[i]) != "last-generated-id") continue;
      const auto lsn = lsn_of(text_of(*reply->element[i + 1]));
      if (!lsn) return lose(not_ours(text_of(*reply->element[i + 1])));
      last_ = *lsn;
      return last_;
    }
    return lose({Trouble::refused, "the answer to XINFO STREAM names no last ID: it needs Redis 5 or later"});
  }

  /// Requires that last_shipped() succeeded just now.
  Outcome<std::optional<std::string>> last_payload() {
    using Payload = std::optional<std::string>;
    if (!connection_ || !send({"XREVRANGE", stream_, id_of(last_), id_of(last_)})) return lose(gone());
    const Reply reply = receive();
    if (!reply) return lose(gone());
    if (reply->type == REDIS_REPLY_ERROR) return lose(problem_of(text_of(*reply)));
    if (reply->elements != 1 || reply->element[0]->elements != 2) return Payload();
    const redisReply& fields = *reply->element[0]->element[1];
    for (std::size_t i = 0; i + 1 < fields.elements; i += 2) {
      if (text_of(*fields.element[i]) == "payload") return Payload(text_of(*fields.element[i + 1]));
    }
    return Payload();
  }

  /// Requires that last_shipped() succeeded since the last failure.
  Outcome<void> ship(const Batch& batch) {
    if (!connection_) return gone();
    std::size_t under_way = 0;
    rewal::Lsn before = last_;
    for (std::size_t at = batch.above(last_); at < batch.size(); ++under_way) {
      const std::size_t end = (std::min)(at + events_of_a_script, batch.size());
      for (std::size_t i = at; i < end; ++i) {
        if (batch[i].payload.size() > largest || batch[i].meta.size() > largest) return lose(too_large(batch[i].lsn));
      }
      append_script(batch, at, end, before);
      before = batch[end - 1].lsn;
      at = end;
    }
    for (; under_way != 0; --under_way) {
      const Reply reply = receive();
      if (!reply) return lose(gone());
      if (reply->type == REDIS_REPLY_ERROR) return lose(problem_of(text_of(*reply)));
    }
    last_ = before;
    return {};
  }

 private:
  struct Disconnect {
    void operator()(redisContext* connection) const { redisFree(connection); }
  };
  struct Free {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, Free>;

  static constexpr std::size_t events_of_a_script = 1024;
  static constexpr std::size_t largest = std::size_t{512} << 20U;  // proto-max-bulk-len, by default

  static constexpr std::string_view script = R"(
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
if last ~= ARGV[1] then return redis.error_reply('OVERTAKEN the last ID is ' .. last) end
for i = 2, #ARGV, 3 do
  if ARGV[i + 2] == '' then
    redis.call('XADD', KEYS[1], ARGV[i], 'payload', ARGV[i + 1])
  else
    redis.call('XADD', KEYS[1], ARGV[i], 'payload', ARGV[i + 1], 'meta', ARGV[i + 2])
  end
end
return redis.status_reply('OK'))";

  Outcome<void> connect() {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout_);
    const struct timeval limit {
      seconds.count(), std::chrono::duration_cast<std::chrono::microseconds>(timeout_ - seconds).count()
    };
    connection_.reset(redisConnectWithTimeout(address_.host.c_str(), address_.port, limit));
    if (!connection_ || connection_->err != 0) return gone();
    redisSetTimeout(connection_.get(), limit);
    redisEnableKeepAlive(connection_.get());
    if (!address_.user.empty()) {
      if (auto done = expect_ok({"AUTH", address_.user, address_.password}); !done) return done;
    } else if (!address_.password.empty()) {
      if (auto done = expect_ok({"AUTH", address_.password}); !done) return done;
    }
    if (address_.database != 0) return expect_ok({"SELECT", std::to_string(address_.database)});
    return {};
  }

  Outcome<void> expect_ok(std::initializer_list<std::string_view> words) {
    if (!send(words)) return gone();
    const Reply reply = receive();
    if (!reply) return gone();
    if (reply->type == REDIS_REPLY_ERROR) return problem_of(text_of(*reply));
    return {};
  }

  void append_script(const Batch& batch, std::size_t at, std::size_t end, rewal::Lsn before) {
    words_.assign({"EVAL", script, "1", stream_});
    ids_.clear();
    ids_.reserve(end - at + 1);
    words_.push_back(ids_.emplace_back(id_of(before)));
    for (; at < end; ++at) {
      const Item item = batch[at];
      words_.push_back(ids_.emplace_back(id_of(item.lsn)));
      words_.push_back(item.payload);
      words_.push_back(item.meta);
    }
    append_words();
  }

  bool send(std::initializer_list<std::string_view> words) {
    words_.assign(words);
    return append_words();
  }
  bool append_words() {
    pointers_.clear();
    lengths_.clear();
    for (const auto word : words_) {
      pointers_.push_back(word.data());
      lengths_.push_back(word.size());
    }
    return redisAppendCommandArgv(connection_.get(), static_cast<int>(words_.size()), pointers_.data(),
                                  lengths_.data()) == REDIS_OK;
  }

  [[nodiscard]] Reply receive() {
    void* reply = nullptr;
    if (redisGetReply(connection_.get(), &reply) != REDIS_OK) return nullptr;
    return Reply(static_cast<redisReply*>(reply));
  }

  /// After a problem the connection is done with: whatever is still under way on it answers to nobody.
  Problem lose(Problem problem) {
    connection_.reset();
    return problem;
  }
  [[nodiscard]] Problem gone() const {
    if (!connection_) return {Trouble::away, "not connected"};
    if (connection_->err == REDIS_ERR_IO && errno == EAGAIN) return {Trouble::away, "it does not answer"};
    return {Trouble::away, std::string(connection_->errstr)};
  }

  [[nodiscard]] Problem problem_of(std::string_view said) const {
    const auto says = [said](std::initializer_list<std::string_view> codes) {
      for (const auto code : codes) {
        if (said.find(code) != std::string_view::npos) return true;
      }
      return false;
    };
    const std::string quoted = "it says \"" + std::string(said) + "\"";
    if (says({"OVERTAKEN "})) return {Trouble::overtaken, "it has moved on: " + quoted};
    if (says({"OOM ", "MISCONF "})) return {Trouble::full, "it is full: " + quoted};
    if (says({"WRONGTYPE "})) return {Trouble::foreign, "the key " + stream_ + " is there and holds something else"};
    if (says({"LOADING ", "BUSY ", "MASTERDOWN ", "CLUSTERDOWN ", "READONLY ", "NOREPLICAS ", "TRYAGAIN "})) {
      return {Trouble::away, "it is not ready: " + quoted};
    }
    return {Trouble::refused, "it refuses: " + quoted};
  }
  [[nodiscard]] Problem not_ours(std::string_view id) const {
    return {Trouble::foreign, "its last ID is " + std::string(id) + ", which is no LSN: somebody else adds to it"};
  }
  [[nodiscard]] static Problem too_large(rewal::Lsn lsn) {
    return {Trouble::unfit, "event " + std::to_string(lsn) + " is larger than the 512 MB that Redis takes"};
  }

  [[nodiscard]] static std::string_view text_of(const redisReply& reply) {
    return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, static_cast<std::size_t>(reply.len));
  }
  [[nodiscard]] static std::string id_of(rewal::Lsn lsn) { return std::to_string(lsn) + "-0"; }
  [[nodiscard]] static std::optional<rewal::Lsn> lsn_of(std::string_view id) {
    rewal::Lsn lsn = 0;
    const char* const end = id.data() + id.size();
    const auto [stopped, error] = std::from_chars(id.data(), end, lsn);
    if (error != std::errc() || std::string_view(stopped, static_cast<std::size_t>(end - stopped)) != "-0") {
      return std::nullopt;
    }
    return lsn;
  }

  RedisAddress address_;
  std::string stream_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<redisContext, Disconnect> connection_;
  rewal::Lsn last_ = 0;  // that the stream holds
  std::vector<std::string> ids_;
  std::vector<std::string_view> words_;
  std::vector<const char*> pointers_;
  std::vector<std::size_t> lengths_;
};

static_assert(RemembersPayload<RedisSink>);

}  // namespace outbox

#endif  // OUTBOX_REDIS_SINK_HPP
