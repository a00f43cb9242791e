// SPDX-License-Identifier: MIT
//
// Followers on the model. FollowedFile: the library's Follower, Progress and WriteLock around a file that threads write
// and sync as the log does, in so few steps that every interleaving can be played. FollowedLog: followers of the whole
// log. Both check each event that is handed out: the next one, and not too early. What is played is left to the tests.

#ifndef REWAL_TESTS_INTERLEAVINGS_FOLLOWER_PLAY_HPP
#define REWAL_TESTS_INTERLEAVINGS_FOLLOWER_PLAY_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <rewal/commit/write_lock.hpp>
#include <rewal/format/frame_sink.hpp>
#include <rewal/options.hpp>
#include <rewal/read/follower.hpp>
#include <rewal/read/progress.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/sync/event_count.hpp>
#include <utility>
#include <vector>

#include "core_play.hpp"

namespace rewal_model {

using ModelFollower = rewal::detail::Follower<ModelStorage, rewal::NoCompressor, ModelThreads>;

/// What is expected of a follower that began at 1: each event once, in order, none that is not `reached` yet.
class Expected {
 public:
  explicit Expected(rewal::Lsn next = 1) : next_(next) {}

  void handed_out(rewal::Lsn lsn, rewal::Lsn reached) {
    check(lsn >= next_, "an event is handed out twice");
    check(lsn == next_, "an event is left out");
    check(lsn <= reached, "an event is handed out too early");
    ++next_;
  }
  void sought(rewal::Lsn next) { next_ = next; }
  [[nodiscard]] rewal::Lsn next() const { return next_; }

 private:
  rewal::Lsn next_;
};

class FollowedFile final : public Play<FollowedFile> {
 public:
  using Lsn = rewal::Lsn;
  using Follow = rewal::Follow;
  using Shared = rewal::detail::SharedLog<ModelStorage, rewal::NoCompressor>;
  using Progress = rewal::detail::Progress<ModelThreads>;
  using Ending = rewal::detail::Ending;

  std::shared_ptr<Disk> disk = std::make_shared<Disk>();
  std::shared_ptr<Shared> shared = std::make_shared<Shared>(ModelStorage(disk), rewal::NoCompressor{}, 1 << 20);
  std::shared_ptr<Progress> progress = std::make_shared<Progress>(1, 0, 0);
  std::optional<ModelFollower> follower;

  explicit FollowedFile(Follow what) : what_(what) { follower.emplace(shared, progress, 1, what); }

  // ---- the log ---------------------------------------------------------------------------------------------------

  /// As a flush: one event, or two in one write.
  void write(unsigned events = 1) {
    acquire();
    for (unsigned i = 0; i < events; ++i) put_frame();
    last_lsn_.store(written_lsn_, std::memory_order_release);
    progress->wrote(written_lsn_, disk->bytes.size());
    release();
  }
  /// As a sync by somebody who waits.
  void write_and_sync() {
    acquire();
    put_frame();
    last_lsn_.store(written_lsn_, std::memory_order_release);
    progress->wrote(written_lsn_, disk->bytes.size());
    sync_all();
    release();
  }
  /// As the writer thread, for followers alone: `syncs` times.
  void sync_for_followers(unsigned syncs = 1) {
    while (syncs != 0) {
      if (followers_want_sync()) {
        acquire();
        sync_all();
        release();
        --syncs;
        continue;
      }
      const auto key = progress->work.prepare();
      if (followers_want_sync()) {
        progress->work.cancel();
      } else {
        progress->work.sleep(key);
      }
    }
  }
  void end(Ending how) {
    acquire();
    progress->end(how);
    ended_ = how;
    release();
  }
  void fail() {
    acquire();
    error_.write(0);
    progress->fail(rewal::Errc::io);
    release();
  }

  // ---- the follower ----------------------------------------------------------------------------------------------

  void take(unsigned events) {
    while (events-- != 0) {
      const auto event = follower->next_borrowed();
      if (!event) return complain("the follower ends too early");
      handed_out(*event);
    }
  }
  /// Until the log ends or somebody stops it.
  void take_all() {
    for (;;) {
      const auto event = follower->next_borrowed();
      if (!event && event.error() == rewal::Errc::io) error_.read(0);
      if (!event) break;
      handed_out(*event);
    }
    if (ended_ == Ending::finished) check(expected_.next() > reached(), "the follower ends before the log");
  }
  void poll_until(Lsn lsn) {
    while (expected_.next() <= lsn) {
      const auto event = follower->next_borrowed(std::chrono::milliseconds(1));
      if (!event) return complain("the follower ends too early");
      if (*event) handed_out(**event);
    }
  }

  void finish() override {
    for (const auto what : {Follow::durable, Follow::written}) {
      check(progress->place_of(what).sleepers() == 0, "a follower is still counted");
    }
  }

 private:
  void handed_out(const rewal::BorrowedEvent& event) {
    content_.read(static_cast<std::size_t>(event.offset), frame_bytes);
    expected_.handed_out(event.lsn, reached());
  }
  [[nodiscard]] Lsn reached() const { return what_ == Follow::durable ? durable_lsn_ : written_lsn_; }
  [[nodiscard]] bool followers_want_sync() const {
    return progress->wants_sync(last_lsn_.load(std::memory_order_acquire), synced_lsn_.load(std::memory_order_acquire));
  }

  void acquire() {
    while (!lock_.try_acquire()) {
      const auto key = lock_waiters_.prepare();
      if (!lock_.is_held()) {
        lock_waiters_.cancel();
      } else {
        lock_waiters_.sleep(key);
      }
    }
    storage_.write(0);
  }
  /// As Core does it.
  void release() {
    const auto owed = progress->take_owed();
    lock_.release();
    lock_waiters_.notify_all();
    progress->tell(owed);
    if (followers_want_sync()) progress->work.notify_all();
  }
  void put_frame() {
    const std::size_t at = disk->bytes.size();
    disk->bytes.resize(at + frame_bytes);
    content_.write(at, frame_bytes);
    rewal::detail::encode_record_frame(disk->bytes.data() + at, ++written_lsn_, frame_bytes, {}, {});
  }
  void sync_all() {
    durable_lsn_ = written_lsn_;
    synced_lsn_.store(durable_lsn_, std::memory_order_release);
    progress->synced(durable_lsn_, disk->bytes.size());
  }

  static constexpr std::uint32_t frame_bytes = 34;

  const Follow what_;
  Shadow content_{3 * frame_bytes};  // of the file
  Shadow error_{1};
  rewal::detail::WriteLock<ModelThreads> lock_;
  rewal::detail::EventCount<ModelThreads> lock_waiters_;
  Shadow storage_{1};
  Lsn written_lsn_ = 0;  // by the write lock's holder
  Lsn durable_lsn_ = 0;  // by the write lock's holder
  ModelAtomic<Lsn> last_lsn_{0};
  ModelAtomic<Lsn> synced_lsn_{0};
  Ending ended_ = Ending::none;
  Expected expected_;
};

class FollowedLog final : public CorePlay {
 public:
  using Follow = rewal::Follow;

  std::optional<ModelFollower> shared_follower;

  FollowedLog(const Setting& setting, Follow what, bool loses) : CorePlay(setting), what_(what) {
    if (loses) lose_wake_ups(&core->progress->place_of(what), sizeof(core->room));
    shared_follower.emplace(core->shared, core->progress, 1, what);
  }

  using Bodies = std::vector<std::function<void(FollowedLog&)>>;
  using Body = Bodies::value_type;
  void set_bodies(std::shared_ptr<Bodies> bodies) { bodies_ = std::move(bodies); }
  [[nodiscard]] unsigned threads() const override { return static_cast<unsigned>(bodies_->size()); }
  void run(unsigned thread) override { (*bodies_)[thread](*this); }

  /// `events` of them, with a follower of its own.
  void follow(unsigned events) {
    ModelFollower follower(core->shared, core->progress, 1, what_);
    Expected expected;
    while (events-- != 0 && take(follower, expected)) {
    }
  }
  void follow_to_the_end(ModelFollower& follower) {
    Expected expected;
    while (take(follower, expected)) {
    }
    if (!core->writer.failed() && !core->writer.abandoned() && !stopped_) {
      check(expected.next() > core->writer.last_lsn(), "the follower ends before the log");
    }
  }
  void follow_back_and_forth(unsigned events) {
    ModelFollower follower(core->shared, core->progress, 1, what_);
    Expected expected;
    for (unsigned i = 0; i < events; ++i) {
      if (!take(follower, expected)) return;
    }
    if (!follower.seek(1)) return;
    expected.sought(1);
    for (unsigned i = 0; i < events; ++i) {
      if (!take(follower, expected)) return;
    }
  }
  void poll(unsigned events) {
    ModelFollower follower(core->shared, core->progress, 1, what_);
    Expected expected;
    while (expected.next() <= events) {
      const auto event = follower.next_borrowed(std::chrono::milliseconds(2));
      if (!event) return ended(event.error());
      if (*event) handed_out((*event)->lsn, expected);
    }
  }
  void stop() {
    stopped_ = true;
    shared_follower->stop();
  }

 private:
  bool take(ModelFollower& follower, Expected& expected) {
    const auto event = follower.next_borrowed();
    if (!event) {
      ended(event.error());
      return false;
    }
    handed_out(event->lsn, expected);
    return true;
  }
  void handed_out(Lsn lsn, Expected& expected) {
    expected.handed_out(lsn, what_ == Follow::durable ? synced_lsn() : written_lsn());
    check(lsn <= (what_ == Follow::durable ? core->writer.durable_lsn() : core->writer.last_lsn()),
          "an event is handed out before the log shows it");
  }
  void ended(const rewal::Error& error) {
    if (!(stopped_ && error == Errc::closed)) allow(error);
  }

  const Follow what_;
  std::shared_ptr<Bodies> bodies_;
  bool stopped_ = false;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_FOLLOWER_PLAY_HPP
