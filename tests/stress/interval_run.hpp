// SPDX-License-Identifier: MIT
//
// IntervalRun: a log with interval(d) on a ClockDisk, run by the virtual clock; and how late its fsyncs began.

#ifndef REWAL_TESTS_STRESS_INTERVAL_RUN_HPP
#define REWAL_TESTS_STRESS_INTERVAL_RUN_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <rewal/append/appending.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/commit/group_commit.hpp>
#include <rewal/commit/lifecycle.hpp>
#include <rewal/commit/writer_thread.hpp>
#include <rewal/wal.hpp>
#include <span>
#include <stdexcept>
#include <stress/append_schedule.hpp>
#include <stress/clock_disk.hpp>
#include <stress/virtual_threads.hpp>
#include <support/harness.hpp>
#include <tuple>
#include <utility>
#include <vector>

namespace rewal_test {

class IntervalRun {
 public:
  using Time = VirtualClock::Time;
  using nanoseconds = std::chrono::nanoseconds;
  using Core = rewal::detail::Core<ClockDisk, NoCompressor, NoIndexer, NoHooks, VirtualThreads>;

  IntervalRun(nanoseconds interval, nanoseconds sync_cost, nanoseconds write_cost, rewal::detail::Options options = {})
      : interval_(interval) {
    disk_.state->sync_cost = sync_cost;
    disk_.state->write_cost = write_cost;
    options.sync_mode = SyncMode::interval(interval);
    core_ = std::make_unique<Core>(std::make_shared<Core::Shared>(disk_, NoCompressor{}, options.max_frame_bytes),
                                   NoIndexer{}, NoHooks{}, options, RecoveryReport{}, 0, 0);
  }

  /// A log that is beyond its first sector, which a new one has to fsync before it goes on.
  void grow_beyond_the_first_sector() {
    const auto costs = std::pair(std::exchange(disk_.state->sync_cost, nanoseconds(0)),
                                 std::exchange(disk_.state->write_cost, nanoseconds(0)));
    for (int i = 0; i < 60; ++i) append();
    must(rewal::detail::GroupCommit<Core>(*core_).wait_durable(last_));
    std::tie(disk_.state->sync_cost, disk_.state->write_cost) = costs;
    disk_.state->operations.clear();
    appended_.clear();
  }

  /// A producer that never pauses, for so many intervals: wherever it finds room it fills it.
  void run_without_gap(double intervals, nanoseconds step) {
    const Time begin = clock_.now();
    fill_until(begin + span(intervals), step);
    run({"without gap", {}}, intervals);
  }

  void run(const AppendSchedule& schedule, double last = 0) {
    const Time begin = clock_.now();
    const auto plan = [&](const std::vector<double>& times, auto f) {
      for (const double time : times) {
        last = (std::max)(last, time);
        clock_.at(begin + span(time), f);
      }
    };
    plan(schedule.appends, [this] { append(); });
    plan(schedule.flushes, [this] { wait([this] { return rewal::detail::GroupCommit<Core>(*core_).flush(); }); });
    plan(schedule.durable_waits,
         [this] { wait([this] { return rewal::detail::GroupCommit<Core>(*core_).wait_durable(last_); }); });
    // Long after the last event the writer must have done all of it unasked. Then the log ends, which fsyncs too.
    clock_.at(begin + span(last + 50) + 50 * disk_.state->sync_cost, [this] {
      judged_ = disk_.state->operations;
      sleeps_ = clock_.sleeps();
      static_cast<void>(rewal::detail::Lifecycle<Core>(*core_).shutdown(nanoseconds(0)));
    });
    rewal::detail::WriterThread<Core>(*core_).run();
  }

  /// How late the fsync of the event began, beyond its interval and the fsync that ran when that was over; 0 or less is
  /// in time. What the storage needs to write, which it cannot do during an fsync, is not counted.
  [[nodiscard]] nanoseconds lateness(std::size_t event) const {
    const Appended& appended = appended_[event];
    Time allowed = appended.returned + interval_;
    for (const auto& operation : judged_) {
      if (operation.begin <= allowed && allowed < operation.end) allowed = operation.end;
    }
    nanoseconds writes{};
    for (const auto& operation : judged_) {
      if (operation.begin >= allowed && !operation.is_sync) writes += operation.end - operation.begin;
      if (operation.is_sync && operation.covers >= appended.end) return operation.begin - allowed - writes;
    }
    return nanoseconds::max();
  }
  /// How many writes its fsync waited for, of those that began when it should have.
  [[nodiscard]] std::uint64_t writes_waited_for(std::size_t event) const {
    const Appended& appended = appended_[event];
    const Time due = appended.returned + interval_;
    std::uint64_t writes = 0;
    for (const auto& operation : judged_) {
      writes += operation.begin > due && !operation.is_sync;
      if (operation.is_sync && operation.covers >= appended.end) break;
    }
    return writes;
  }
  /// Whether it was written by when its fsync should have begun, no other was going on, and what the last one had held
  /// up was written as well.
  [[nodiscard]] bool was_ready(std::size_t event) const {
    const Time due = appended_[event].returned + interval_;
    std::uint64_t written = 0;
    Time last_sync{};
    for (const auto& operation : judged_) {
      if (operation.begin > due) break;
      written = operation.covers;
      if (operation.is_sync) last_sync = operation.end;
    }
    const auto later = std::partition_point(appended_.begin(), appended_.end(),
                                            [&](const Appended& other) { return other.returned <= last_sync; });
    const std::uint64_t held_up = later == appended_.begin() ? 0 : (later - 1)->end;
    return last_sync <= due && written >= (std::max)(held_up, appended_[event].end);
  }
  [[nodiscard]] std::size_t events() const { return appended_.size(); }
  [[nodiscard]] std::uint64_t syncs() const {
    return static_cast<std::uint64_t>(
        std::count_if(judged_.begin(), judged_.end(), [](const auto& operation) { return operation.is_sync; }));
  }
  [[nodiscard]] std::vector<Time> sync_begins() const {
    std::vector<Time> begins;
    for (const auto& operation : judged_) {
      if (operation.is_sync) begins.push_back(operation.begin);
    }
    return begins;
  }
  [[nodiscard]] Time first_append() const { return appended_.front().returned; }
  [[nodiscard]] std::uint64_t sleeps() const { return sleeps_; }

 private:
  struct Appended {
    Time returned;
    std::uint64_t end;  // of its frame in the file
  };

  [[nodiscard]] nanoseconds span(double intervals) const {
    return nanoseconds(static_cast<std::int64_t>(intervals * static_cast<double>(interval_.count())));
  }
  void append() {
    const auto payload = std::span<const std::byte>(payload_).first(appended_.size() % payload_.size());
    const auto lsn = must(rewal::detail::Appending<Core>(*core_).one(payload, {}, rewal::detail::Append::queued));
    end_ += frame_bytes(payload.size());
    if (lsn != ++last_) throw std::runtime_error("an append got another LSN");
    appended_.push_back({clock_.now(), end_});
  }
  void fill_until(Time end, nanoseconds step) {
    while (core_->ring.bytes_in_flight() + payload_.size() + 100 < core_->ring.capacity_bytes()) append();
    if (clock_.now() < end) clock_.at(clock_.now() + step, [this, end, step] { fill_until(end, step); });
  }
  /// A waiter that finds the write lock held would wait for the writer, which is held up here: it comes again later.
  template <class F>
  void wait(F f) {
    if (core_->write_lock.is_held()) {
      clock_.at(clock_.now() + interval_ / 7, [this, f] { wait(f); });
    } else {
      must(f());
    }
  }

  nanoseconds interval_;
  VirtualClock clock_;
  ClockDisk disk_;
  std::unique_ptr<Core> core_;
  std::vector<std::byte> payload_{400};
  std::vector<Appended> appended_;
  std::uint64_t end_ = 0;
  Lsn last_ = 0;
  std::vector<ClockDisk::Operation> judged_;
  std::uint64_t sleeps_ = 0;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_STRESS_INTERVAL_RUN_HPP
