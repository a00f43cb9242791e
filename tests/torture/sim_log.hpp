// SPDX-License-Identifier: MIT
//
// SimLog: a log on the simulated disk that is driven through a workload, with the points where a crash could strike.
// The test's thread drives it; the log's writer thread may come in between, so what both touch is under one mutex.

#ifndef REWAL_TESTS_TORTURE_SIM_LOG_HPP
#define REWAL_TESTS_TORTURE_SIM_LOG_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>

#include <torture/oracle.hpp>
#include <torture/sim_disk.hpp>
#include <torture/workload.hpp>

namespace rewal_torture {

/// What a crash at one moment meets.
struct CrashPoint {
  DiskState disk;
  History history;
  std::string after;  // the last operation
};

/// All events that the log reads back, and how the reading ended.
template <class Wal>
rewal::Result<std::vector<Appended>> read_back(const Wal& wal) {
  std::vector<Appended> events;
  const auto read = wal.replay(0, [&](const rewal::BorrowedEvent& event) {
    Appended copy{event.lsn, Image(event.payload.begin(), event.payload.end()), {}};
    if (event.meta) copy.meta.assign(event.meta->begin(), event.meta->end());
    events.push_back(std::move(copy));
  });
  if (!read) return read.error();
  return events;
}

template <class S>
rewal::Result<rewal::Wal<S>> open_log(const std::shared_ptr<SimVolume>& volume, const Workload& how = {},
                                      rewal::Recovery policy = rewal::Recovery::repair) {
  auto storage = open_sim<S>(volume);
  if (!storage) return storage.error();
  return rewal::Wal<>::open(log_name)
      .sync_mode(how.mode)
      .preallocate(how.preallocate)
      .queue_bytes(4096)
      .recovery(policy)
      .storage(std::move(*storage))
      .build();
}

template <class S>
class SimLog {
 public:
  using Wal = rewal::Wal<S>;

  explicit SimLog(Workload workload, std::shared_ptr<SimVolume> volume = std::make_shared<SimVolume>())
      : workload_(std::move(workload)), volume_(std::move(volume)) {
    volume_->before_operation = [this](const SimVolume& machine, const Op&) { note(machine); };
  }
  ~SimLog() {
    wal_ = Wal();
    const std::lock_guard lock(volume_->mutex);
    volume_->before_operation = nullptr;
  }
  SimLog(const SimLog&) = delete;
  SimLog& operator=(const SimLog&) = delete;

  /// All the calls, then a shutdown. Stops where the log refuses to open.
  void run() {
    open();
    for (const char call : workload_.calls) {
      if (opened_) perform(call);
    }
    finish();
  }
  void finish() {
    if (opened_) check("shutdown", wal_.shutdown());
    if (opened_ && !failed_) acknowledge(history_.last());
    if (failed_ && opened_ && wal_.durable_lsn() != durable_at_failure_) complain("durable_lsn moved after an error");
    wal_ = Wal();
    opened_ = false;
    const std::lock_guard lock(volume_->mutex);
    note(*volume_);
  }

  /// After an error nobody opens the log again: what the page cache then shows is no longer what the disk has.
  void open_again() {
    if (failed_) return finish();
    wal_ = Wal();
    open();
  }

  void open() {
    auto opened = open_log<S>(volume_, workload_);
    check("build", opened);
    opened_ = opened.has_value();
    if (!opened_) return;
    wal_ = std::move(*opened);
    const std::lock_guard lock(mutex_);
    history_.reopened(wal_.last_lsn());
    if (wal_.durable_lsn() != wal_.last_lsn()) complain("durable_lsn is not last_lsn after build");
  }

  void perform(char call) {
    switch (call) {
      case 'a': return append(one(20), false);
      case 'm': return append({{fresh(300), fresh(40)}}, false);
      case 'B': return append(one(1300), false);
      case 'z': return append({{fresh(700, true), {}}}, false);
      case 'L': return append(one(5000), false);
      case 'b': return append(three(), false);
      case 'd': return append(one(30), true);
      case 'D': return append(three(), true);
      case 'w': {
        const auto last = history_.last();
        const bool durable_already = last <= wal_.durable_lsn();  // success in every state
        const auto done = wal_.wait_durable(last);
        if (!durable_already || !done) check("wait_durable", done);
        if (done) acknowledge(last);
        return;
      }
      case 'f': {
        const auto last = history_.last();
        const auto done = wal_.flush();
        check("flush", done);
        if (!done) return;
        if (wal_.last_lsn() < last) complain("flush returned before everything was written");
        if (workload_.mode.kind() == rewal::SyncMode::Kind::batch) acknowledge(last);
        return;
      }
      case 's': {
        const auto written = wal_.last_lsn();
        const auto done = wal_.sync();
        check("sync", done);
        if (done) acknowledge(written);
        return;
      }
      case 'r': {
        check("shutdown", wal_.shutdown());
        check("shutdown", wal_.shutdown());  // the same answer each time
        if (!failed_) acknowledge(history_.last());
        return open_again();
      }
      case 'c': {
        const auto closed = wal_.close();
        if (closed) return open_again();
        check("close", closed);
        opened_ = false;  // and a shutdown would say that it is closed
        return;
      }
      default: complain(std::string("no call is written ") + call);
    }
  }

  [[nodiscard]] Wal& wal() { return wal_; }
  [[nodiscard]] const std::shared_ptr<SimVolume>& volume() const { return volume_; }
  [[nodiscard]] const std::vector<CrashPoint>& points() const { return points_; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] bool is_open() const { return opened_; }
  /// The first call that failed.
  [[nodiscard]] const std::optional<rewal::Error>& failure() const { return failed_; }
  /// What the log did wrong while it ran.
  [[nodiscard]] std::string complaint() const { return complaint_.empty() ? history_.complaint() : complaint_; }
  [[nodiscard]] std::uint64_t calls_failed() const { return calls_failed_; }

  void append(std::vector<std::pair<Image, Image>> records, bool durable) {
    const std::uint64_t due = history_.last() + records.size();
    auto batch = rewal::Batch::with_capacity(records.size());
    for (const auto& [payload, meta] : records) batch.add_with_meta(bytes_of(payload), bytes_of(meta));
    const bool single = records.size() == 1;
    const auto [payload, meta] = records.front();
    {
      const std::lock_guard lock(mutex_);  // before the append: the writer thread may be faster than its answer
      history_.appended(std::move(records), due);
    }
    const auto lsn = single    ? durable ? wal_.append_durable_with_meta(bytes_of(payload), bytes_of(meta))
                                         : wal_.append_with_meta(bytes_of(payload), bytes_of(meta))
                        : durable ? wal_.append_batch_durable(batch)
                               : wal_.append_batch(batch);
    const bool had_failed = failed_.has_value();
    check("append", lsn);
    if (!lsn) {
      // Refused, it takes no LSN. An append that failed while it waited may or may not be in the file.
      if (!durable || had_failed) {
        const std::lock_guard lock(mutex_);
        history_.refused(batch.size());
      }
      return;
    }
    if (*lsn != due) complain("append returned LSN " + std::to_string(*lsn) + " instead of " + std::to_string(due));
    if (durable) acknowledge(due);
  }
  /// The disk holds these events already, all of them durable; payloads made from now on are numbered from `made` on.
  void adopt(std::vector<Appended> events, std::uint64_t made) {
    made_ = made;
    for (auto& event : events) history_.appended({{std::move(event.payload), std::move(event.meta)}}, event.lsn);
    history_.acknowledged(history_.last());
  }
  void acknowledge(std::uint64_t lsn) {
    if (wal_.state() != rewal::State::init && wal_.durable_lsn() < lsn) complain("acknowledged beyond durable_lsn");
    const std::lock_guard lock(mutex_);
    history_.acknowledged(lsn);
  }

 private:
  /// Bytes that no other event has.
  Image fresh(std::size_t size, bool zeros = false) { return made_bytes(++made_, size, zeros); }
  std::vector<std::pair<Image, Image>> one(std::size_t size) { return {{fresh(size), {}}}; }
  std::vector<std::pair<Image, Image>> three() { return {{fresh(250), {}}, {Image(), fresh(5)}, {fresh(270), {}}}; }
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }
  template <class R>
  void check(const char* call, const R& result) {
    if (result) {
      if (failed_) complain(std::string(call) + " succeeded after an error");
      return;
    }
    ++calls_failed_;
    if (!failed_) {
      failed_ = result.error();
      durable_at_failure_ = wal_.durable_lsn();
      if (!volume_->refuse) complain(std::string(call) + " failed: " + result.error().message());
    } else if (opened_ && (result.error().code() != failed_->code() || result.error().system() != failed_->system())) {
      complain(std::string(call) + " reported another error than the first: " + result.error().message());
    }
  }
  /// With the volume locked.
  void note(const SimVolume& machine) {
    const std::lock_guard lock(mutex_);
    const auto& operations = machine.operations();
    points_.push_back({machine.disk(), history_, operations.empty() ? "nothing" : name_of(operations.back().kind)});
  }

  Workload workload_;
  std::shared_ptr<SimVolume> volume_;
  Wal wal_;
  bool opened_ = false;
  std::uint64_t made_ = 0;
  std::uint64_t calls_failed_ = 0;
  std::optional<rewal::Error> failed_;
  rewal::Lsn durable_at_failure_ = 0;
  std::string complaint_;

  std::mutex mutex_;  // taken after the volume's
  History history_;
  std::vector<CrashPoint> points_;
};

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_SIM_LOG_HPP
