// SPDX-License-Identifier: MIT
//
// ModelledLog: a log in memory beside a model of it. Every call is made on the log and on the model, and what the log
// says, keeps and gives back is held against the model.
// Used by one thread; the log's own writer runs beside it.

#ifndef REWAL_TESTS_FUZZ_MODELLED_LOG_HPP
#define REWAL_TESTS_FUZZ_MODELLED_LOG_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <rewal/wal.hpp>

#include "claim.hpp"
#include "compare.hpp"
#include "file_model.hpp"
#include "log_options.hpp"
#include "made_log.hpp"
#include "run_length.hpp"
#include "second_judge.hpp"
#include "snapshot_reader.hpp"

namespace rewal_fuzz {

/// `C` is NoCompressor or RunLength.
template <class C>
class ModelledLog {
 public:
  using Log = rewal::Wal<rewal::MemoryStorage, C>;

  explicit ModelledLog(C compressor = {}, Inflate inflate = Inflate::honest) : model_(std::move(compressor), inflate) {}

  // ---- opening and closing -----------------------------------------------------------------------------------------

  void open(const LogOptions& options) {
    options_ = options;
    auto builder = rewal::Wal<>::open("fuzz").storage(disk_);
    builder.sync_mode(options.sync_mode).backpressure(options.backpressure).recovery(options.recovery);
    builder.queue_capacity(options.queue_capacity).queue_bytes(options.queue_bytes);
    builder.buffer_capacity(options.buffer_capacity).max_frame_bytes(options.max_frame_bytes);
    builder.start_lsn(options.start_lsn);
    auto built = [&] {
      if constexpr (FileModel<C>::compresses) {
        return std::move(builder).compressor(model_.compressor()).build();
      } else {
        return builder.build();
      }
    }();
    claim(built.has_value(), "a log that was closed opens");
    log_ = std::move(*built);
    claim_equal<std::uint64_t>(log_.recovery().frames, frames_.size(), "frames found at open");
    claim_equal<std::uint64_t>(log_.recovery().cut_bytes, 0, "nothing is cut from a log that was closed");
    claim_equal<std::uint64_t>(log_.last_lsn(), last_lsn(), "last_lsn at open");
    claim_equal<std::uint64_t>(log_.durable_lsn(), last_lsn(), "durable_lsn at open");
    next_ = frames_.empty() ? options.start_lsn : last_lsn() + 1;
    drops_ = 0;
    found_at_open_ = frames_.size();
    synced_all();
  }

  void shut_down() {
    claim(log_.shutdown().has_value(), "a log in memory shuts down");
    check_closed();
    model_.check(disk_.bytes(), frames_, frames_.size());
  }

  /// Events not yet written may be lost, those flushed may not.
  void close() {
    claim(log_.close().has_value(), "a log in memory closes");
    check_closed();
    const SecondJudge judge(disk_.bytes());
    const std::size_t kept = judge.judgement().frames.size();
    claim(kept >= flushed_ && kept <= frames_.size(), "close loses nothing that was flushed and invents nothing");
    model_.check(disk_.bytes(), frames_, kept);
    frames_.resize(kept);
    flushed_ = kept;
  }

  // ---- appending ---------------------------------------------------------------------------------------------------

  void append(View payload, View meta, bool durable) {
    Image region;
    append_record(region, payload, meta);
    appended(durable ? log_.append_durable_with_meta(payload, meta) : log_.append_with_meta(payload, meta),
             std::move(region), 1, meta.size() <= 0xFFFF, durable);
  }
  void append_batch(const std::vector<std::pair<Image, Image>>& records, bool durable) {
    auto batch = rewal::Batch::with_capacity(records.size());
    Image region;
    bool fits = true;
    for (const auto& [payload, meta] : records) {
      batch.add_with_meta(payload, meta);
      append_record(region, payload, meta);
      fits = fits && meta.size() <= 0xFFFF;
    }
    const auto lsn = durable ? log_.append_batch_durable(batch) : log_.append_batch(batch);
    if (records.empty()) {
      claim(!lsn && lsn.error() == Errc::empty_batch, "an empty batch is refused");
      return;
    }
    appended(lsn, std::move(region), static_cast<std::uint32_t>(records.size()), fits, durable);
  }

  // ---- waiting -----------------------------------------------------------------------------------------------------

  void flush() {
    claim(log_.flush().has_value(), "a log in memory flushes");
    flushed_ = frames_.size();
    claim_equal<std::uint64_t>(log_.last_lsn(), last_lsn(), "last_lsn after a flush");
    const rewal::Stats stats = log_.stats();
    claim_equal<std::uint64_t>(stats.batches_written, frames_.size() - found_at_open_, "frames written");
    claim(queue_empties(), "the queue is empty after a flush");
    claim_equal<std::uint64_t>(stats.drops, drops_, "dropped events");
    claim_equal<std::uint64_t>(stats.file_size, disk_.bytes().size(), "file size");
    if (options_.sync_mode.kind() == rewal::SyncMode::Kind::batch) synced_all();
  }
  void sync() {
    may_mark_unflushed();
    claim(log_.sync().has_value(), "a log in memory fsyncs");
    if (flushed_ == frames_.size()) synced_all();
  }
  void wait_durable(std::uint64_t lsn) {
    const std::uint64_t last = last_lsn();
    const bool durable = lsn <= log_.durable_lsn();
    const auto waited = log_.wait_durable(lsn);
    if (!durable && (lsn > last || lsn < frames_.front().first)) {
      claim(!waited && waited.error() == Errc::invalid_lsn, "an LSN that was never assigned cannot be waited for");
      return;
    }
    claim(waited.has_value() && log_.durable_lsn() >= lsn, "what was waited for is durable");
    may_mark_unflushed();
    if (lsn == last) {
      flushed_ = frames_.size();
      synced_all();
    }
  }

  // ---- reading -----------------------------------------------------------------------------------------------------

  void read(std::uint64_t from) {
    flush();
    model_.check(disk_.bytes(), frames_, frames_.size());
    const SecondJudge judge(disk_.bytes());
    const ExpectedReading expected = model_.expected_from(judge, from, options_.max_frame_bytes);
    auto it = log_.iterator(from);
    claim(it.has_value(), "an open log gives an iterator");
    compare_reading(*it, expected);
    compare_replay([&](auto f) { return log_.replay(from, f); }, expected);
  }
  void replay_some(std::uint64_t from, std::size_t most) {
    flush();
    const SecondJudge judge(disk_.bytes());
    const ExpectedReading expected = model_.expected_from(judge, from, options_.max_frame_bytes);
    std::size_t seen = 0;
    const auto replayed = log_.replay(from, [&](rewal::Event&& event) {
      claim(seen < expected.events.size() && event.lsn == expected.events[seen].lsn &&
                same(event.payload, expected.events[seen].payload),
            "replay hands over owned events");
      return ++seen < most;
    });
    const bool stopped = most <= expected.events.size() && !expected.events.empty();
    claim(replayed.has_value() == (stopped || !expected.error), "a replay that is stopped meets no damage behind");
    if (!replayed) return;
    claim_equal<std::uint64_t>(*replayed, seen, "replay counts its events");
    claim(stopped || seen == expected.events.size(), "replay hands over every event");
  }

  /// A reader that stays while the log goes on.
  void begin_reading(std::uint64_t from) {
    flush();
    auto it = log_.iterator(from);
    claim(it.has_value(), "an open log gives an iterator");
    snapshot_ = std::make_unique<SnapshotReader<typename Log::Iterator>>(
        image_of(disk_.bytes()), std::move(*it),
        [&](const SecondJudge& judge) { return model_.expected_from(judge, from, options_.max_frame_bytes); });
  }
  void go_on_reading(std::size_t events) {
    if (snapshot_) snapshot_->go_on(events);
  }

  [[nodiscard]] std::uint64_t last_lsn() const {
    return frames_.empty() ? 0 : frames_.back().first + frames_.back().count - 1;
  }
  [[nodiscard]] std::size_t file_bytes() const { return file_bytes_; }

 private:
  void appended(const rewal::Result<rewal::Lsn>& lsn, Image region, std::uint32_t count, bool fits, bool durable) {
    if (!fits || region.size() + empty_frame_size > options_.max_frame_bytes) {
      claim(!lsn && lsn.error() == Errc::invalid_record, "what is over the limits is refused");
      return;
    }
    if constexpr (FileModel<C>::compresses) {
      if (const auto refusal = model_.compressor().refusal()) {
        claim(!lsn && lsn.error() == *refusal, "what the compressor refuses is refused");
        return;
      }
    }
    const bool exhausted = next_ > highest_lsn || count - 1 > highest_lsn - next_;
    if (!lsn) {
      const bool full = lsn.error() == Errc::queue_full && (options_.backpressure != rewal::Backpressure::block) &&
                        (durable || options_.backpressure == rewal::Backpressure::error);
      claim(full || (exhausted && lsn.error() == Errc::invalid_lsn), "an append fails for a reason");
      return;
    }
    if (*lsn == 0) {
      claim(options_.backpressure == rewal::Backpressure::drop && !durable,
            "an event is dropped if that was asked for");
      drops_ += count;
      return;
    }
    claim(!exhausted, "no LSN is past the last one");
    claim_equal<std::uint64_t>(*lsn, next_ + count - 1, "the LSN of an append");
    const bool unasked = options_.sync_mode.kind() != rewal::SyncMode::Kind::never;
    const bool first = frames_.empty();
    frames_.push_back({next_, count, std::move(region), all_synced_ && !first, (any_synced_ || unasked) && !first});
    file_bytes_ += frames_.back().region.size() + empty_frame_size;
    next_ += count;
    all_synced_ = any_synced_ = false;
    if (durable) {
      claim(log_.durable_lsn() >= *lsn, "a durable append is durable");
      may_mark_unflushed();
      flushed_ = frames_.size();
      synced_all();
    }
  }

  /// The place of what was written is given back just after it shows as written.
  [[nodiscard]] bool queue_empties() const {
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (log_.stats().queue_len != 0) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  void synced_all() { all_synced_ = any_synced_ = true; }
  /// An fsync may have come just before any frame that was not flushed, and before the next.
  void may_mark_unflushed() {
    any_synced_ = true;
    for (std::size_t i = flushed_; i < frames_.size(); ++i) frames_[i].may_mark = i > 0;
  }

  void check_closed() {
    claim(log_.state() == rewal::State::closed, "a closed log is closed");
    claim(!log_.append("late") && !log_.flush() && !log_.iterator(), "a closed log takes nothing");
    if (!snapshot_) return;
    snapshot_->finds_log_closed();
    snapshot_.reset();
  }

  FileModel<C> model_;
  rewal::MemoryStorage disk_;
  LogOptions options_;
  Log log_;
  std::unique_ptr<SnapshotReader<typename Log::Iterator>> snapshot_;

  std::vector<ModelFrame> frames_;  // accepted; all of them, once flushed, are in the file
  std::size_t found_at_open_ = 0;   // how many of them
  std::size_t flushed_ = 0;         // so many are in the file for sure
  std::uint64_t next_ = 1;
  std::uint64_t drops_ = 0;
  std::size_t file_bytes_ = 0;
  bool all_synced_ = false;  // everything accepted so far is fsynced
  bool any_synced_ = false;  // an fsync came since the last frame was accepted, so that all may be
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_MODELLED_LOG_HPP
