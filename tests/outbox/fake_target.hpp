// SPDX-License-Identifier: MIT
//
// FakeTarget: an engine in memory that keeps a sink's promises, and fails as it is told to; Shipping: an outbox that
// ships to it on a thread of its own. The target may be looked at by any thread.

#ifndef REWAL_TESTS_OUTBOX_FAKE_TARGET_HPP
#define REWAL_TESTS_OUTBOX_FAKE_TARGET_HPP

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <outbox/outbox.hpp>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <utility>
#include <vector>

namespace rewal_test {

using outbox::Batch;
using outbox::Outcome;
using outbox::Problem;
using outbox::Trouble;

struct FakeTarget {
  /// What the next call that ships is to do.
  struct Fault {
    Problem problem;
    std::size_t taken = 0;  // events of the batch that it holds all the same
  };

  struct Held {
    Lsn lsn;
    std::string payload;
    std::string meta;
  };

  std::mutex mutex;
  std::vector<Held> events;
  std::vector<std::size_t> batches;  // sizes, as they came
  std::deque<Problem> refused_questions;
  std::deque<Fault> failed_shipments;
  bool is_away = false;
  bool is_emptied = false;  // its readers have taken what they have read
  int questions = 0;

  [[nodiscard]] Lsn last() const { return events.empty() ? 0 : events.back().lsn; }
  [[nodiscard]] std::vector<Lsn> lsns() {
    const std::lock_guard lock(mutex);
    std::vector<Lsn> all;
    for (const auto& event : events) all.push_back(event.lsn);
    return all;
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock(mutex);
    return events.size();
  }
  /// Loses what is above `lsn`.
  void lose_tail(Lsn lsn) {
    const std::lock_guard lock(mutex);
    while (last() > lsn) events.pop_back();
  }
  void away(bool is) {
    const std::lock_guard lock(mutex);
    is_away = is;
  }
};

class FakeSink {
 public:
  explicit FakeSink(std::shared_ptr<FakeTarget> target) : target_(std::move(target)) {}

  [[nodiscard]] static std::string describe() { return "fake"; }

  Outcome<Lsn> last_shipped() {
    const std::lock_guard lock(target_->mutex);
    ++target_->questions;
    if (target_->is_away) return Problem{Trouble::away, "gone"};
    if (!target_->refused_questions.empty()) {
      const auto problem = target_->refused_questions.front();
      target_->refused_questions.pop_front();
      return problem;
    }
    return last_ = target_->last();
  }

  Outcome<std::optional<std::string>> last_payload() {
    const std::lock_guard lock(target_->mutex);
    if (target_->is_emptied || target_->events.empty()) return std::optional<std::string>();
    return std::optional(target_->events.back().payload);
  }

  Outcome<void> ship(const Batch& batch) {
    const std::lock_guard lock(target_->mutex);
    if (target_->is_away) return Problem{Trouble::away, "gone"};
    if (target_->last() != last_) return Problem{Trouble::overtaken, "not what was expected"};
    target_->batches.push_back(batch.size());
    std::size_t most = batch.size();
    const bool fails = !target_->failed_shipments.empty();
    if (fails) most = target_->failed_shipments.front().taken;
    for (std::size_t i = batch.above(last_); i < most; ++i) {
      target_->events.push_back({batch[i].lsn, std::string(batch[i].payload), std::string(batch[i].meta)});
    }
    if (fails) {
      const auto problem = target_->failed_shipments.front().problem;
      target_->failed_shipments.pop_front();
      return problem;
    }
    last_ = target_->last();
    return {};
  }

 private:
  std::shared_ptr<FakeTarget> target_;
  Lsn last_ = 0;
};
static_assert(outbox::RemembersPayload<FakeSink>);

/// Pauses of a test's length.
inline outbox::Options quick() {
  outbox::Options options;
  options.least_pause = std::chrono::milliseconds(1);
  options.most_pause = std::chrono::milliseconds(4);
  options.look_every = std::chrono::milliseconds(5);
  options.seed = 7;
  return options;
}

template <class W>
class Shipping {
 public:
  explicit Shipping(W& wal, std::shared_ptr<FakeTarget> target, outbox::Options options = quick())
      : box_(wal, FakeSink(std::move(target)), hearing(std::move(options))),
        run_(in_background([this] { return box_.run(); })) {}
  ~Shipping() { box_.stop(); }

  outbox::Outbox<FakeSink, W>& box() { return box_; }
  /// How run() ended: "ok", or the name of the trouble.
  std::string ended() {
    const auto end = outcome(run_);
    return end ? "ok" : outbox::name_of(end.problem().trouble);
  }
  std::string stopped() {
    box_.stop();
    return ended();
  }
  [[nodiscard]] bool is_running() { return stays_pending(run_); }
  [[nodiscard]] bool said(std::string_view words) {
    const std::lock_guard lock(mutex_);
    return std::any_of(said_.begin(), said_.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }

 private:
  outbox::Options hearing(outbox::Options options) {
    options.say = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      said_.push_back(line);
    };
    return options;
  }

  std::mutex mutex_;
  std::vector<std::string> said_;
  outbox::Outbox<FakeSink, W> box_;
  std::future<Outcome<void>> run_;
};

/// A log of `count` events, "event 1" and on, in memory.
inline Wal<MemoryStorage> log_of(Lsn count, Lsn start = 1) {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).start_lsn(start).build());
  for (Lsn i = 0; i < count; ++i) must(wal.append("event " + std::to_string(start + i)));
  must(wal.flush());
  must(wal.sync());
  return wal;
}

/// The target holds all that the log holds, each once, in order.
template <class W>
[[nodiscard]] bool is_copy(const W& wal, FakeTarget& target, Lsn from = 0) {
  const std::lock_guard lock(target.mutex);
  std::size_t at = 0;
  bool same = true;
  must(wal.replay(from, [&](const BorrowedEvent& event) {
    const auto meta = event.meta ? as_text(*event.meta) : std::string_view();
    same = same && at < target.events.size() && target.events[at].lsn == event.lsn &&
           target.events[at].payload == as_text(event.payload) && target.events[at].meta == meta;
    ++at;
  }));
  return same && at == target.events.size();
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_OUTBOX_FAKE_TARGET_HPP
