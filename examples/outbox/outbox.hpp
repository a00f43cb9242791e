// SPDX-License-Identifier: MIT
//
// Outbox: ships the durable events of a log to a sink, in order and exactly once in effect, until it is told to stop.
// run() belongs to one thread; stop(), finish() and progress() may be called by any, at any time.
// How events get into the target, and how the target refuses what it has already, is left to the sink.
//
//   outbox::Outbox box(wal, outbox::RedisSink(address, "orders"));
//   std::thread shipper([&] { if (auto ended = box.run(); !ended) complain(ended.problem().message); });
//   ...                                                     // wal.append() as ever
//   box.stop();                                             // or box.finish(lsn): ship up to there first
//   shipper.join();
//
// WHERE IT GOES ON. It remembers nothing. At each connection it asks the target for the last LSN that it holds, and goes
// on behind it; so what was acknowledged is never sent again, whoever crashed, and what was not is sent again and refused
// by the target if it arrived after all. While there is nothing to ship it asks now and then, so that a target that has
// lost its tail gets it back without waiting for new events.
//
// WHEN IT STOPS BY ITSELF. When the log was shut down and everything is shipped; when finish() is fulfilled; and when
// neither time nor waiting mends what is wrong: the target holds more than the log, or lacks what the log has no more.

#ifndef OUTBOX_OUTBOX_HPP
#define OUTBOX_OUTBOX_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <rewal/wal.hpp>

#include <outbox/backoff.hpp>
#include <outbox/batch.hpp>
#include <outbox/progress.hpp>
#include <outbox/sink.hpp>

namespace outbox {

struct Options {
  std::size_t batch_events = 1024;                  // most events shipped together
  std::size_t batch_bytes = std::size_t{1} << 20U;  // most bytes of them, a larger single event excepted
  std::chrono::milliseconds look_every{10'000};     // with nothing to ship, ask the target this often what it holds
  std::chrono::milliseconds least_pause{100};       // before the first try after a failure
  std::chrono::milliseconds most_pause{15'000};     // before any later one
  std::uint64_t seed = std::random_device{}();      // of the pauses' jitter
  bool skip_missing = false;  // go on where the log begins, though the target lacks events before that
  std::function<void(const std::string&)> say = [](const std::string&) {};  // a line for people; on run()'s thread
};

template <Sink S, class W = rewal::Wal<>>
class Outbox {
 public:
  /// Requires that `wal` outlives it, in its place.
  Outbox(W& wal, S sink, Options options = {})
      : wal_(wal),
        sink_(std::move(sink)),
        options_(std::move(options)),
        target_(description_of(sink_)),
        backoff_(options_.least_pause, options_.most_pause, options_.seed) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Ships until one of the ends above. The problem is one that trying again does not mend.
  Outcome<void> run() {
    if (auto begun = follow_from(1); !begun) return begun;  // while the log is open: it may be shut down any time
    for (;;) {
      const auto ended = ship_until_trouble();
      if (ended) return {};
      if (!is_passing(ended.problem().trouble)) {
        progress_.failed(ended.problem().trouble);
        return ended.problem();
      }
      if (!pause_after(ended.problem())) return {};
    }
  }

  /// run() ends once the batch that is being shipped, if any, is acknowledged or failed.
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (follower_) follower_->stop();
    changed_.notify_all();
  }
  /// run() ends once everything up to `lsn` is shipped. Requires that the log stays open until then.
  void finish(rewal::Lsn lsn) {
    const std::lock_guard lock(mutex_);
    finish_at_ = lsn;
    if (follower_) follower_->stop();  // it may wait for an event behind `lsn`, and is replaced
  }

  [[nodiscard]] Snapshot progress() const { return progress_.snapshot(wal_.durable_lsn()); }

 private:
  enum class Gathered { events, nothing, end };

  /// Asks the target where it is, and ships from there on. Ends well when the work is over.
  Outcome<void> ship_until_trouble() {
    for (bool connected = false; !is_over(); connected = true) {
      const auto last = sink_.last_shipped();
      if (!last) return last.problem();
      if (auto begun = begin_behind(*last, connected); !begun) return begun;
      for (;;) {
        const auto gathered = gather();
        if (!gathered) return gathered.problem();
        if (*gathered == Gathered::end) return {};
        if (*gathered == Gathered::nothing) break;
        if (auto done = sink_.ship(batch_); !done) return done;
        progress_.shipped(batch_);
        shipped_ = batch_.last_lsn();
        all_is_well();
      }
    }
    return {};
  }

  /// The target holds everything up to `last`: is that possible, and if so, what comes next?
  Outcome<void> begin_behind(rewal::Lsn last, bool is_a_look) {
    if (!std::exchange(is_announced_, true)) {
      options_.say("connected to " + target_ + ", which holds events up to " + text(last));
    }
    is_a_look ? progress_.at(last) : progress_.connected_at(last);
    if (auto right = judge(last); !right) return right;
    if (!is_a_look || last != shipped_) {
      if (auto same = compare(last); !same) return same;
    }
    if (is_a_look) all_is_well();
    if (last < shipped_) {
      progress_.rewound();
      options_.say(target_ + " holds events up to " + text(last) + ", but had acknowledged up to " + text(shipped_) +
                   ": it has lost its tail; shipping it again");
    }
    shipped_ = last;
    return follow_from(last + 1);
  }

  Outcome<void> judge(rewal::Lsn last) {
    while (last != 0 && wal_.first_lsn() == 0 && !is_over()) {  // an empty log is judged by its first event
      if (auto begun = follow_from(1); !begun) return begun;
      const auto gathered = gather();
      if (!gathered) return gathered.problem();
      if (*gathered == Gathered::end) return {};
    }
    const rewal::Lsn first = wal_.first_lsn();
    const rewal::Lsn end = wal_.last_lsn();  // not the durable one: the fsync for what comes first may be under way
    if (first == 0) return {};
    if (last > end) {
      return Problem{Trouble::ahead, target_ + " holds events up to " + text(last) + ", but the log ends at " +
                                         text(end) + ": it belongs to another log, or this log is an old copy"};
    }
    const bool had_events = last != 0 || shipped_ != 0;
    if (had_events && first > last + 1 && !options_.skip_missing) {
      return Problem{Trouble::missing, target_ + " holds events up to " + text(last) + ", but the log begins at " +
                                           text(first) + ": ship the older logs first, or allow it to skip them"};
    }
    return {};
  }

  /// Is the last event of the target the one that the log has there?
  Outcome<void> compare(rewal::Lsn last) {
    if constexpr (RemembersPayload<S>) {
      if (last == 0 || last < wal_.first_lsn()) return {};
      const auto held = sink_.last_payload();
      if (!held) return held.problem();
      auto events = wal_.iterator(last, last);
      if (!held->has_value() || !events) return {};  // it has none, or the log is closed
      const auto event = events->next_borrowed();
      if (event && *event && rewal::as_text((*event)->payload) != **held) {
        return Problem{Trouble::foreign, target_ + " holds another event " + text(last) +
                                             " than the log: it belongs to another log, and needs another name"};
      }
    }
    return {};
  }

  /// Gets a follower to `lsn`: the one there is, or a new one.
  Outcome<void> follow_from(rewal::Lsn lsn) {
    if (follower_) {
      const auto found = follower_->seek(lsn);
      if (found || found.error() != rewal::Errc::closed) return as_outcome(found);
    }
    auto follower = wal_.follow(lsn);
    if (!follower) return as_outcome(follower);
    const std::lock_guard lock(mutex_);
    follower_ = std::move(*follower);
    if (stopped_) follower_->stop();
    return {};
  }

  /// Waits for the next event, and takes with it what is there besides.
  Outcome<Gathered> gather() {
    batch_.clear();
    if (!follower_ || is_over()) return Gathered::end;
    auto event = follower_->next_borrowed(options_.look_every);
    if (!event) {
      if (event.error() != rewal::Errc::closed) return Problem{Trouble::log, event.error().message()};
      return is_over() || wal_.state() != rewal::State::running ? Gathered::end : Gathered::nothing;
    }
    if (!*event) return Gathered::nothing;
    batch_.add(**event);
    while (batch_.size() < options_.batch_events && batch_.bytes() < options_.batch_bytes && follower_->lag() > 0) {
      const auto more = follower_->next_borrowed();
      if (!more) break;  // the next call says the same
      batch_.add(*more);
    }
    return Gathered::events;
  }

  [[nodiscard]] bool is_over() const {
    const std::lock_guard lock(mutex_);
    return stopped_ || (finish_at_ && shipped_ >= *finish_at_);
  }

  /// False if it was stopped meanwhile.
  bool pause_after(const Problem& problem) {
    progress_.failed(problem.trouble);
    overtaken_ = problem.trouble == Trouble::overtaken ? overtaken_ + 1 : 0;
    if (problem.trouble == Trouble::away || problem.trouble == Trouble::refused) is_announced_ = false;
    auto pause = std::chrono::milliseconds(0);
    if (problem.trouble == Trouble::refused) {
      pause = backoff_.longest();
    } else if (overtaken_ != 1) {
      pause = backoff_.next();
    }
    if (pause.count() != 0) {
      const auto tenths = (pause.count() + 99) / 100;
      options_.say(target_ + ": " + problem.message + "; trying again in " + text(tenths / 10) + "." +
                   text(tenths % 10) + " s");
    }
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, pause, [this] { return stopped_; });
  }

  void all_is_well() {
    backoff_.reset();
    overtaken_ = 0;
  }

  template <class T>
  static Outcome<void> as_outcome(const rewal::Result<T>& result) {
    if (result || result.error() == rewal::Errc::closed) return {};  // of a closed log: gather() ends
    return Problem{Trouble::log, result.error().message()};
  }
  template <class Number>
  static std::string text(Number number) {
    return std::to_string(number);
  }

  W& wal_;
  S sink_;
  Options options_;
  std::string target_;
  Backoff backoff_;
  Batch batch_;
  Progress progress_;
  rewal::Lsn shipped_ = 0;  // what the target has acknowledged; run()'s thread's
  int overtaken_ = 0;       // in a row
  bool is_announced_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;                          // under mutex_
  std::optional<rewal::Lsn> finish_at_;           // under mutex_
  std::optional<typename W::Follower> follower_;  // replaced under mutex_, and by run()'s thread alone
};

}  // namespace outbox

#endif  // OUTBOX_OUTBOX_HPP
