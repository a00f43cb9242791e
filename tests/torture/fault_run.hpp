// SPDX-License-Identifier: MIT
//
// One run of a log on a storage whose k-th operation fails, and everything that was wrong about it.

#ifndef REWAL_TESTS_TORTURE_FAULT_RUN_HPP
#define REWAL_TESTS_TORTURE_FAULT_RUN_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <torture/fault_store.hpp>
#include <torture/sim_log.hpp>
#include <vector>

namespace rewal_torture {

using rewal::Errc;
using rewal::MemoryStorage;
using rewal::SyncMode;
using Log = rewal::Wal<FaultStore<>>;

/// Two whole events and half of a third, so that opening has something to cut.
inline const Image& old_content() {
  static const Image made = [] {
    const MemoryStorage disk;
    auto wal = rewal::Wal<>::open("old").storage(disk).build().value();
    for (std::uint64_t i = 1; i <= 3; ++i) static_cast<void>(wal.append(bytes_of(made_bytes(i, 40))));
    static_cast<void>(wal.shutdown());
    const auto bytes = disk.bytes();
    return Image(bytes.begin(), bytes.end() - 30);
  }();
  return made;
}

/// One run of a log on a storage with a plan, and everything that was wrong about it.
class FaultRun {
 public:
  FaultRun(SyncMode mode, bool is_new, std::shared_ptr<FaultPlan> plan) : plan_(std::move(plan)), mode_(mode) {
    if (is_new) return;
    static_cast<void>(disk_.write(bytes_of(old_content())));
    for (std::uint64_t i = 1; i <= 2; ++i) history_.appended({{made_bytes(i, 40), {}}}, i);
    history_.acknowledged(2);
  }

  void run() {
    const auto before = disk_.bytes();
    const Image untouched(before.begin(), before.end());
    auto opened = rewal::Wal<>::open("log").sync_mode(mode_).storage(FaultStore<>(disk_, plan_)).build();
    if (opened) {
      wal_ = std::move(*opened);
      work();
    } else {
      expect(plan_->struck(), "build failed of itself");
      first_ = opened.error();
    }
    expect(!plan_->struck() || first_ || harmless_, "nobody was told");
    wal_ = Log();
    plan_->end();
    reopen();
  }

  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] const std::optional<rewal::Error>& first_error() const { return first_; }
  /// The fault is one that the log has to get over.
  void is_harmless() { harmless_ = true; }

 private:
  void work() {
    append({{made_bytes(11, 10), {}}}, false);
    flush();
    append({{made_bytes(12, 20), made_bytes(13, 3)}}, true);
    append({{made_bytes(14, 5), {}}, {made_bytes(15, 0), {}}, {made_bytes(16, 25), {}}}, false);
    told("sync", wal_.sync());
    flush();
    const auto written = wal_.last_lsn();
    if (told("sync", wal_.sync())) history_.acknowledged(written);
    append({{made_bytes(17, 600), {}}}, false);  // larger than a sector
    if (const auto last = history_.last(); told_beyond_durable("wait_durable", last)) history_.acknowledged(last);
    append({{made_bytes(18, 8), {}}, {made_bytes(19, 9), {}}}, true);
    read();
    const auto durable = wal_.durable_lsn();
    expect(wal_.wait_durable(durable).has_value(), "wait_durable of what is durable failed");
    append({{made_bytes(20, 7), {}}}, false);
    const bool ended = told("shutdown", wal_.shutdown());
    told("shutdown again", wal_.shutdown());
    if (ended) history_.acknowledged(history_.last());
    expect(wal_.state() == rewal::State::closed, "shutdown left the log open");
    expect(wal_.close().has_value(), "close after shutdown failed");
    if (first_ && first_from_log_) expect(wal_.durable_lsn() == durable_at_first_, "durable_lsn moved after an error");
  }

  void append(std::vector<std::pair<Image, Image>> records, bool durable) {
    auto batch = rewal::Batch::with_capacity(records.size());
    for (const auto& [payload, meta] : records) batch.add_with_meta(bytes_of(payload), bytes_of(meta));
    const auto due = history_.last() + records.size();
    const bool refused_before = first_.has_value();
    const auto lsn = durable ? wal_.append_batch_durable(batch) : wal_.append_batch(batch);
    const bool done = told("append", lsn);
    if (done) expect(*lsn == due, "an append returned another LSN");
    if (done || (durable && !refused_before)) history_.appended(std::move(records), due);
    if (done && durable) history_.acknowledged(due);
  }
  void flush() {
    const auto last = history_.last();
    if (!told("flush", wal_.flush())) return;
    expect(wal_.last_lsn() >= last, "flush returned too early");
    if (mode_.kind() == SyncMode::Kind::batch) history_.acknowledged(last);
  }
  bool told_beyond_durable(const char* call, rewal::Lsn lsn) {
    const bool durable_already = lsn <= wal_.durable_lsn();
    const auto done = wal_.wait_durable(lsn);
    return durable_already ? done.has_value() : told(call, done);
  }

  template <class R>
  bool told(const char* call, const R& result) {
    if (result) {
      expect(!first_, std::string(call) + " succeeded after an error");
      return true;
    }
    if (!first_) {
      first_ = result.error();
      first_from_log_ = true;
      durable_at_first_ = wal_.durable_lsn();
      expect(plan_->struck(), std::string(call) + " failed of itself: " + result.error().message());
    } else {
      expect(result.error().code() == first_->code() && result.error().system() == first_->system(),
             std::string(call) + " reported another error than the first: " + result.error().message());
    }
    return false;
  }

  /// Reading works, error or not, and shows what was written.
  void read() {
    const auto last = wal_.last_lsn();
    const auto events = read_back(wal_);
    if (!events) return expect(false, "reading failed: " + events.error().message());
    expect(events->size() == last, "reading did not show what was written");
    for (std::size_t i = 0; i < events->size() && i < history_.events().size(); ++i) {
      expect((*events)[i] == history_.events()[i], "reading showed another event");
    }
  }

  /// Everything acknowledged is there, nothing else than was appended, and the log goes on.
  void reopen() {
    for (int round = 0; round < 2; ++round) {
      auto opened = rewal::Wal<>::open("log").storage(disk_).build();
      if (!opened) return expect(false, "reopening failed: " + opened.error().message());
      const auto events = read_back(*opened);
      if (!events) return expect(false, "reading after reopening failed");
      if (const auto wrong = history_.judge(*events); !wrong.empty()) return expect(false, "reopened: " + wrong);
      history_.reopened(events->size());
      const auto lsn = opened->append_durable("one more");
      const std::string text = "one more";
      const auto* data = reinterpret_cast<const std::byte*>(text.data());
      history_.appended({{Image(data, data + text.size()), {}}}, history_.last() + 1);
      history_.acknowledged(history_.last());
      expect(lsn == history_.last(), "going on failed");
      expect(opened->shutdown().has_value(), "shutting down failed");
    }
  }

  void expect(bool right, const std::string& what) {
    if (!right && wrong_.empty()) wrong_ = what;
  }

  std::shared_ptr<FaultPlan> plan_;
  SyncMode mode_;
  MemoryStorage disk_;
  Log wal_;
  History history_;
  std::optional<rewal::Error> first_;
  bool first_from_log_ = false;
  bool harmless_ = false;
  rewal::Lsn durable_at_first_ = 0;
  std::string wrong_;
};

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_FAULT_RUN_HPP
