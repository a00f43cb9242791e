// SPDX-License-Identifier: MIT
//
// CorePlay: a whole running log on the model: Core with its writer thread, appending, waiting and lifecycle, over a
// disk that says when it is used by two at once, or after its end. The threads call what a program calls. What they
// call, and how far it is searched, is left to the tests.

#ifndef REWAL_TESTS_INTERLEAVINGS_CORE_PLAY_HPP
#define REWAL_TESTS_INTERLEAVINGS_CORE_PLAY_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <rewal/append/appending.hpp>
#include <rewal/bytes.hpp>
#include <rewal/commit/core.hpp>
#include <rewal/commit/group_commit.hpp>
#include <rewal/commit/lifecycle.hpp>
#include <rewal/commit/writer_thread.hpp>
#include <rewal/error.hpp>
#include <rewal/options.hpp>
#include <rewal/result.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../torture/oracle.hpp"
#include "model_threads.hpp"
#include "play.hpp"
#include "scheduler.hpp"

namespace rewal_model {

/// What the log's storage has been asked for. By whoever holds the write lock: that nobody else comes is checked.
struct Disk {
  std::vector<std::byte> bytes;
  std::size_t synced = 0;
  bool closed = false;
  unsigned calls = 0;
  unsigned fails_at = 0;              // this call of write or sync, 1 the first; 0 none
  std::size_t most_taken = SIZE_MAX;  // of one write
  Shadow used{1};
};

class ModelStorage {
 public:
  explicit ModelStorage(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

  rewal::Result<std::size_t> write(rewal::Bytes bytes) {
    use();
    if (fails()) return broken();
    const std::size_t taken = (std::min)(bytes.size(), disk_->most_taken);
    disk_->bytes.insert(disk_->bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    return taken;
  }
  rewal::Result<void> sync() {
    use();
    if (fails()) return broken();
    disk_->synced = disk_->bytes.size();
    return {};
  }
  rewal::Result<void> close() {
    use();
    disk_->closed = true;
    return {};
  }
  rewal::Result<void> truncate(std::uint64_t n) {
    use();
    disk_->bytes.resize(static_cast<std::size_t>(n));
    return {};
  }
  rewal::Result<std::uint64_t> size() { return std::uint64_t{disk_->bytes.size()}; }
  rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    if (disk_->closed) return rewal::Errc::closed;
    if (offset + into.size() > disk_->bytes.size()) return broken();  // a complaint would not leave the policy call
    std::copy_n(disk_->bytes.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return into.size();
  }

 private:
  void use() {
    disk_->used.write(0);
    check(!disk_->closed, "the storage is used after its close");
  }
  [[nodiscard]] bool fails() { return ++disk_->calls == disk_->fails_at; }
  [[nodiscard]] static rewal::Error broken() { return {rewal::Errc::io, std::make_error_code(std::errc::io_error)}; }

  std::shared_ptr<Disk> disk_;
};

}  // namespace rewal_model

// The storage never calls back, and the mark of who is inside a policy is per thread of the system, not of the model.
template <>
inline constexpr bool
    rewal::detail::may_call_back<rewal_model::ModelStorage, rewal::NoCompressor, rewal::NoIndexer, rewal::NoHooks> =
        false;

namespace rewal_model {

class CorePlay : public Play<CorePlay> {
 public:
  using Core = rewal::detail::Core<ModelStorage, rewal::NoCompressor, rewal::NoIndexer, rewal::NoHooks, ModelThreads>;
  using Lsn = rewal::Lsn;
  using Errc = rewal::Errc;

  struct Setting {
    std::uint64_t queue_bytes = 512;
    rewal::SyncMode sync_mode = rewal::SyncMode::never;
    rewal::Backpressure backpressure = rewal::Backpressure::block;
    std::uint64_t buffer_capacity = 64 * 1024;
    unsigned fails_at = 0;
    int losing_place = -1;  // where wake-ups are lost: of room, written, durable, work, lifecycle
    unsigned callers = 1;   // threads that call; the last to end shuts the log down
  };

  std::shared_ptr<Disk> disk = std::make_shared<Disk>();
  std::unique_ptr<Core> core;

  explicit CorePlay(const Setting& setting) : setting_(setting) {
    disk->fails_at = setting.fails_at;
    rewal::detail::Options options;
    options.queue_bytes = setting.queue_bytes;
    options.sync_mode = setting.sync_mode;
    options.backpressure = setting.backpressure;
    options.buffer_capacity = setting.buffer_capacity;
    auto side = std::make_shared<Core::Shared>(ModelStorage(disk), rewal::NoCompressor{}, options.max_frame_bytes);
    core = std::make_unique<Core>(std::move(side), rewal::NoIndexer{}, rewal::NoHooks{}, options,
                                  rewal::RecoveryReport{}, 0, Lsn{0});
    if (setting.losing_place >= 0)
      lose_wake_ups(places()[static_cast<std::size_t>(setting.losing_place)], sizeof(core->room));
  }

  // ---- what threads do --------------------------------------------------------------------------------------------

  void writer_thread() { rewal::detail::WriterThread<Core>(*core).run(); }

  rewal::Result<Lsn> append(std::size_t bytes = 4, rewal::detail::Append how = rewal::detail::Append::queued) {
    const std::vector<std::byte> payload(bytes, std::byte{static_cast<unsigned char>('a' + current_thread())});
    auto lsn = rewal::detail::Appending<Core>(*core).one(payload, {}, how);
    if (lsn && *lsn != 0) accepted_.push_back(*lsn);
    return lsn;
  }
  /// An append that must succeed, unless the disk is broken.
  Lsn must_append(std::size_t bytes = 4) {
    const auto lsn = append(bytes);
    if (!lsn) allow(lsn.error());
    return lsn ? *lsn : 0;
  }
  void append_and_flush() {
    const Lsn lsn = must_append();
    const auto done = rewal::detail::GroupCommit<Core>(*core).flush();
    if (!done) return allow(done.error());
    check(written_lsn() >= lsn, "flush has returned before the event is written");
    if (setting_.sync_mode.kind() == rewal::SyncMode::Kind::batch) check(synced_lsn() >= lsn, "flush has not synced");
    check(core->writer.last_lsn() >= lsn, "last_lsn is behind flush");
  }
  void append_durable(rewal::detail::Append how = rewal::detail::Append::awaited) {
    const auto lsn = append(4, how);
    if (!lsn) return allow(lsn.error());
    wait_durable(*lsn);
  }
  void wait_durable(Lsn lsn) {
    const auto done = rewal::detail::GroupCommit<Core>(*core).wait_durable(lsn);
    if (!done) {
      // durable_lsn stands still after an error or a close, so what it covers now was durable when that came.
      check(core->writer.durable_lsn() < lsn, "wait_durable refuses what is durable");
      return allow(done.error());
    }
    check(synced_lsn() >= lsn, "wait_durable has returned before the event is fsynced");
    check(core->writer.durable_lsn() >= lsn, "durable_lsn is behind wait_durable");
  }
  void sync() {
    const Lsn written = core->writer.last_lsn();
    const auto done = rewal::detail::GroupCommit<Core>(*core).sync();
    if (!done) return allow(done.error());
    check(synced_lsn() >= written, "sync has returned before what was written is fsynced");
  }
  rewal::Result<void> shutdown(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) {
    ending_ = true;
    auto done = rewal::detail::Lifecycle<Core>(*core).shutdown(timeout);
    if (done) {
      check(disk->closed && synced_lsn() == written_lsn(), "shutdown succeeded and the file is not synced and closed");
      check(core->ring.empty(), "shutdown succeeded and the queue is not drained");
    }
    return done;
  }
  rewal::Result<void> close() {
    ending_ = true;
    abandoned_ = true;
    auto done = rewal::detail::Lifecycle<Core>(*core).close();
    check(disk->closed, "close has returned and the file is open");
    return done;
  }
  /// Errors that the play asked for.
  void allow(const rewal::Error& error) {
    const bool broken = setting_.fails_at != 0 && error.system() == std::errc::io_error;
    const bool ended = ending_ && (error == Errc::closed || error == Errc::draining);
    if (!broken && !ended) complain("an error that nobody asked for: " + std::string(error.message()));
  }

  /// Called by each thread at its end: the last one shuts down.
  void leave() {
    if (++left_ != setting_.callers) return;
    if (!core->finished.load(std::memory_order_relaxed)) {
      if (const auto done = shutdown(); !done) allow(done.error());
    }
  }

  // ---- afterwards -------------------------------------------------------------------------------------------------

  void finish() override {
    check(disk->closed, "the file is still open");
    const auto decoded = rewal_torture::decode_file(disk->bytes);
    if (disk->fails_at == 0) check(decoded.end == disk->bytes.size(), "the file does not end with a whole frame");
    Lsn next = 1;
    for (const auto& event : decoded.events) check(event.lsn == next++, "LSNs in the file are not contiguous");
    for (const Lsn lsn : accepted_) {
      check(abandoned_ || disk->fails_at != 0 || lsn < next, "an accepted event is not in the file");
    }
    for (const auto* place : places()) {
      check(place->sleepers() == 0, "a sleeper is still counted");
    }
    for (const auto what : {rewal::Follow::durable, rewal::Follow::written}) {
      check(core->progress->place_of(what).sleepers() == 0, "a follower is still counted");
    }
  }

  /// Long enough for the writer thread to fall asleep.
  void pause_a_second() {
    ModelThreads::sleep(nobody_wakes_, 0, ModelThreads::after(ModelThreads::now(), std::chrono::seconds(1)));
  }

  [[nodiscard]] Lsn written_lsn() const { return lsn_at(disk->bytes.size()); }
  [[nodiscard]] Lsn synced_lsn() const { return lsn_at(disk->synced); }

 private:
  [[nodiscard]] Lsn lsn_at(std::size_t end) const {
    const auto decoded = rewal_torture::decode_file(rewal_torture::View(disk->bytes).first(end));
    return decoded.events.empty() ? 0 : decoded.events.back().lsn;
  }

  [[nodiscard]] std::array<rewal::detail::EventCount<ModelThreads>*, 5> places() const {
    return {&core->room, &core->written, &core->durable, &core->work, &core->lifecycle};
  }

  const Setting setting_;
  ModelAtomic<std::uint32_t> nobody_wakes_{0};
  std::vector<Lsn> accepted_;
  unsigned left_ = 0;
  bool ending_ = false;
  bool abandoned_ = false;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_CORE_PLAY_HPP
