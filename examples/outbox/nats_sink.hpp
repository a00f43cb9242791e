// SPDX-License-Identifier: MIT
//
// NatsSink: events into a JetStream stream of NATS, the sequence of each message being its LSN. Used by one thread. Needs
// libnats, and a server of version 2.9 or later with JetStream. When the server loses what it has acknowledged is its
// affair: README.md says what to set.
//
// Each message carries the sequence that it follows (Nats-Expected-Last-Sequence), and the server stores it only there.
// So many can be under way: if one is not stored, neither is any behind it.
//
// With 0 a server of version 2.9 compares nothing; the first message of a stream says instead that its subject has none.
//
// Sequences have no gaps. A stream that is not there is made to begin at the log's first LSN, where the server can do that
// (2.10 and later). Other gaps are filled with empty messages that carry the header Rewal-Gap, if they are no longer than
// is allowed.
//
// A message's data is the payload; its meta is in the header Rewal-Meta, percent-encoded.

#ifndef OUTBOX_NATS_SINK_HPP
#define OUTBOX_NATS_SINK_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nats/nats.h>

#include <outbox/batch.hpp>
#include <outbox/nats_ack.hpp>
#include <outbox/nats_free.hpp>
#include <outbox/sink.hpp>

namespace outbox {

class NatsSink {
 public:
  /// A stream that is not there is made, with its name as its subject; of one that is there the first subject is used.
  NatsSink(std::string url, std::string stream, std::uint64_t most_placeholders = 100'000,
           std::chrono::milliseconds timeout = std::chrono::seconds(10))
      : url_(std::move(url)),
        stream_(std::move(stream)),
        most_placeholders_(most_placeholders),
        timeout_(timeout.count()) {}

  [[nodiscard]] std::string describe() const {
    const auto begin = url_.find("://");
    const auto at = url_.rfind('@');
    const auto from = at != std::string::npos ? at + 1 : begin == std::string::npos ? 0 : begin + 3;
    return "stream " + stream_ + " at nats " + url_.substr(from);
  }

  Outcome<rewal::Lsn> last_shipped() {
    if (!is_plain(stream_)) return Problem{Trouble::unfit, "a stream's name is made of letters, digits, _ and - alone"};
    if (!connection_) {
      if (auto connected = connect(); !connected) return lose(connected.problem());
    }
    auto info = look();
    if (!info) return lose(info.problem());
    last_ = *info;
    const auto held = look_for_events();
    if (!held) return lose(held.problem());
    holds_events_ = *held;
    return holds_events_ ? last_ : rewal::Lsn{0};
  }

  /// Requires that last_shipped() succeeded just now.
  Outcome<std::optional<std::string>> last_payload() { return last_payload_; }

  /// Requires that last_shipped() succeeded since the last failure.
  Outcome<void> ship(const Batch& batch) {
    if (!connection_) return gone();
    under_way_ = 0;
    answered_ = last_;
    rewal::Lsn before = last_;
    for (std::size_t i = batch.above(last_); i < batch.size(); ++i) {
      const Item item = batch[i];
      if (!is_there_) {
        if (auto made = make(item.lsn); !made) return lose(made.problem());
        before = answered_ = last_;
      }
      if (before + 1 != item.lsn) {
        if (auto filled = fill(before, item.lsn); !filled) return lose(filled.problem());
        before = item.lsn - 1;
      }
      if (auto sent = publish(before, item.payload, "Rewal-Meta", percent_encoded(item.meta)); !sent) {
        return lose(sent.problem());
      }
      before = item.lsn;
      holds_events_ = true;
    }
    if (auto done = await(0); !done) return lose(done.problem());
    last_ = before;
    return {};
  }

 private:
  template <class T>
  using Owned = std::unique_ptr<T, NatsFree>;
  static constexpr std::size_t most_under_way = 8192;  // messages without an answer
  Outcome<void> connect() {
    natsOptions* raw_options = nullptr;
    if (natsOptions_Create(&raw_options) != NATS_OK) return gone();
    const Owned<natsOptions> options(raw_options);
    natsOptions_SetURL(raw_options, url_.c_str());
    natsOptions_SetName(raw_options, "rewal outbox");
    natsOptions_SetTimeout(raw_options, timeout_);
    natsOptions_SetWriteDeadline(raw_options, timeout_);
    natsOptions_SetAllowReconnect(raw_options, false);  // a new connection begins with a question
    natsOptions_SetErrorHandler(
        raw_options, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr);
    natsConnection* connection = nullptr;
    if (const auto status = natsConnection_Connect(&connection, raw_options); status != NATS_OK)
      return problem_of(status);
    connection_.reset(connection);

    jsOptions js_options;
    jsOptions_Init(&js_options);
    js_options.Wait = timeout_;
    jsCtx* context = nullptr;
    if (natsConnection_JetStream(&context, connection, &js_options) != NATS_OK) return gone();
    context_.reset(context);
    natsInbox* inbox = nullptr;
    if (natsInbox_Create(&inbox) != NATS_OK) return gone();
    inbox_ = inbox;
    natsInbox_Destroy(inbox);
    natsSubscription* answers = nullptr;
    if (natsConnection_SubscribeSync(&answers, connection, inbox_.c_str()) != NATS_OK) return gone();
    answers_.reset(answers);
    natsSubscription_SetPendingLimits(answers, -1, -1);
    return {};
  }

  /// The last sequence of the stream; 0 if it is not there.
  Outcome<rewal::Lsn> look() {
    jsStreamInfo* raw_info = nullptr;
    jsErrCode error{};
    const auto status = js_GetStreamInfo(&raw_info, context_.get(), stream_.c_str(), nullptr, &error);
    is_there_ = status != NATS_NOT_FOUND && error != JSStreamNotFoundErr;
    if (!is_there_) return rewal::Lsn{0};
    const Owned<jsStreamInfo> info(raw_info);
    if (status != NATS_OK) return problem_of(status, error);
    subject_ = info->Config != nullptr && info->Config->SubjectsLen > 0 ? info->Config->Subjects[0] : stream_;
    if (subject_.find_first_of("*>") != std::string::npos) {
      return Problem{Trouble::foreign, "its first subject, " + subject_ + ", has wildcards: give it a plain one"};
    }
    return rewal::Lsn{info->State.LastSeq};
  }

  /// Whether the stream holds more than the placeholders for what comes before the log's first event.
  Outcome<bool> look_for_events() {
    last_payload_.reset();
    if (last_ == 0) return false;
    natsMsg* raw = nullptr;
    jsErrCode error{};
    const auto status = js_GetMsg(&raw, context_.get(), stream_.c_str(), last_, nullptr, &error);
    if (status == NATS_NOT_FOUND || error == JSNoMessageFoundErr) return true;  // its reader has taken it
    if (status != NATS_OK) return problem_of(status, error);
    const Owned<natsMsg> message(raw);
    const char* gap = nullptr;
    if (natsMsgHeader_Get(raw, "Rewal-Gap", &gap) == NATS_OK) return std::string_view(gap).substr(0, 2) != "1-";
    last_payload_.emplace(natsMsg_GetData(raw), static_cast<std::size_t>(natsMsg_GetDataLength(raw)));
    return true;
  }

  /// Makes the stream, for `first` to be its first sequence if the server can do that. Should somebody set a limit, it
  /// refuses what is new, and drops nothing.
  Outcome<void> make(rewal::Lsn first) {
    const std::string config = R"({"name":")" + stream_ + R"(","subjects":[")" + stream_ +
                               R"("],"storage":"file","retention":"limits","discard":"new","num_replicas":1,)" +
                               R"("max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msg_size":-1)" +
                               (first > 1 ? R"(,"first_seq":)" + std::to_string(first) : "") + "}";
    natsMsg* raw = nullptr;
    const auto status = natsConnection_RequestString(
        &raw, connection_.get(), ("$JS.API.STREAM.CREATE." + stream_).c_str(), config.c_str(), timeout_);
    if (status != NATS_OK) return problem_of(status);
    const Owned<natsMsg> message(raw);
    const auto answer = NatsAck::parse({natsMsg_GetData(raw), static_cast<std::size_t>(natsMsg_GetDataLength(raw))});
    if (answer.error != 0) return answer.problem();
    const auto last = look();
    if (!last) return last.problem();
    last_ = *last;
    return {};
  }

  /// Empty messages for the LSNs between two that the log holds.
  Outcome<void> fill(rewal::Lsn before, rewal::Lsn lsn) {
    const std::uint64_t missing = lsn - before - 1;
    if (missing > most_placeholders_) {
      return Problem{Trouble::unfit,
                     "the log has no events from " + std::to_string(before + 1) + " to " + std::to_string(lsn - 1) +
                         ", and a stream has no gaps: allow " + std::to_string(missing) +
                         " placeholders, or ship to another engine" +
                         (before == 0 ? ", or to a stream that was made with first_seq (NATS 2.10)" : "")};
    }
    const std::string gap = std::to_string(holds_events_ ? before + 1 : 1) + "-" + std::to_string(lsn - 1);
    for (; before + 1 != lsn; ++before) {
      if (auto sent = publish(before, "", "Rewal-Gap", gap); !sent) return sent;
    }
    return {};
  }

  /// One message, behind the one of sequence `before`.
  Outcome<void> publish(rewal::Lsn before, std::string_view data, const char* header, const std::string& value) {
    natsMsg* raw = nullptr;
    auto status = natsMsg_Create(&raw, subject_.c_str(), inbox_.c_str(), data.data(), static_cast<int>(data.size()));
    const Owned<natsMsg> message(raw);
    const auto set = [&](const char* name, const char* text) {
      if (status == NATS_OK) status = natsMsgHeader_Set(raw, name, text);
    };
    set("Nats-Expected-Stream", stream_.c_str());
    if (before == 0) {
      set("Nats-Expected-Last-Subject-Sequence", "0");
    } else {
      set("Nats-Expected-Last-Sequence", std::to_string(before).c_str());
    }
    if (!value.empty()) set(header, value.c_str());
    if (status == NATS_OK) status = natsConnection_PublishMsg(connection_.get(), raw);
    if (status == NATS_MAX_PAYLOAD) {
      return Problem{Trouble::unfit, "event " + std::to_string(before + 1) +
                                         " is larger than the server's max_payload: raise that, up to 64 MB"};
    }
    if (status != NATS_OK) return problem_of(status);
    ++under_way_;
    return under_way_ < most_under_way ? Outcome<void>() : await(most_under_way / 2);
  }

  /// Waits until at most `left` messages are without an answer.
  Outcome<void> await(std::size_t left) {
    while (under_way_ > left) {
      const auto ack = next_answer();
      if (!ack) return ack.problem();
      if (ack->error != 0) return ack->problem();
      --under_way_;
      if (ack->sequence != ++answered_) {
        return Problem{Trouble::foreign, "it gave the sequence " + std::to_string(ack->sequence) + " to event " +
                                             std::to_string(answered_) + ": somebody else publishes to it"};
      }
    }
    return {};
  }

  Outcome<NatsAck> next_answer() {
    natsMsg* raw = nullptr;
    const auto status = natsSubscription_NextMsg(&raw, answers_.get(), timeout_);
    if (status != NATS_OK) return problem_of(status);
    const Owned<natsMsg> message(raw);
    if (natsMsg_IsNoResponders(raw)) return Problem{Trouble::overtaken, "no stream stores " + subject_};
    return NatsAck::parse({natsMsg_GetData(raw), static_cast<std::size_t>(natsMsg_GetDataLength(raw))});
  }

  /// After a problem the connection is done with: whatever is still under way on it answers to nobody.
  Problem lose(Problem problem) {
    answers_.reset();
    context_.reset();
    connection_.reset();
    return problem;
  }
  [[nodiscard]] Problem gone() const { return {Trouble::away, "not connected"}; }

  [[nodiscard]] Problem problem_of(natsStatus status, jsErrCode error = {}) const {
    const char* last = nullptr;
    if (connection_) natsConnection_GetLastError(connection_.get(), &last);
    const std::string said = last != nullptr && *last != '\0' ? last : nats_GetLastError(nullptr);
    if (error != 0) return NatsAck{0, static_cast<std::uint64_t>(error), said}.problem();
    if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED ||
        said.find("ermissions") != std::string::npos || said.find("uthorization") != std::string::npos) {
      return {Trouble::refused, "it refuses: " + said};
    }
    if (status == NATS_NO_RESPONDERS) return {Trouble::away, "its JetStream does not answer: is it on (-js)?"};
    const std::string what = natsStatus_GetText(status);
    return {Trouble::away, said.empty() || said == what ? what : what + ": " + said};
  }

  std::string url_;
  std::string stream_;
  std::uint64_t most_placeholders_;
  std::int64_t timeout_;  // milliseconds
  Owned<natsConnection> connection_;
  Owned<jsCtx> context_;
  Owned<natsSubscription> answers_;
  std::string inbox_;
  std::string subject_;
  rewal::Lsn last_ = 0;                      // that the stream holds
  std::optional<std::string> last_payload_;  // of that one, when it was asked for
  rewal::Lsn answered_ = 0;                  // the last one of ship() that was acknowledged
  std::size_t under_way_ = 0;                // messages without an answer
  bool is_there_ = false;                    // the stream
  bool holds_events_ = false;                // and not only placeholders for what comes before the log's first one
};

static_assert(RemembersPayload<NatsSink>);

}  // namespace outbox

#endif  // OUTBOX_NATS_SINK_HPP
