// SPDX-License-Identifier: MIT
//
// Follower: the pull reader that Wal::follow() returns, which waits for what comes.
// Used by one thread, but for stop(), which any thread may call. It takes no lock that a writer holds, and neither
// shutdown nor the file lock waits for it. Where it sleeps and who wakes it is said in Progress, how events are read in
// EventReader.
//
// WHAT IT MAY TOUCH. It reads below the end that Progress shows, where whole frames stand that nobody changes; so bad
// bytes there are damage, never a frame that is being written. It holds what the readers of a log share, and Progress,
// by shared_ptr, and nothing else of the log: moving or destroying the log moves or destroys nothing under it.
//
// HOW IT ENDS
//   stop                everything else gives way to it: closed
//   damage, a failed    that error, for ever
//     read of the storage
//   shutdown            what is there is handed out, from what the log has kept; then closed
//   I/O error           what is durable (written) is handed out while the log is open; then the log's error
//   close, destruction  closed
// A log that is destroyed after shutdown() ends as one that is not: the end that came first counts.

#ifndef REWAL_READ_FOLLOWER_HPP
#define REWAL_READ_FOLLOWER_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/format/event.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/out_of_memory.hpp>
#include <rewal/platform.hpp>
#include <rewal/policy/policy_scope.hpp>
#include <rewal/read/event_reader.hpp>
#include <rewal/read/progress.hpp>
#include <rewal/read/shared_log.hpp>
#include <rewal/result.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

/// Reads a log from an LSN on and waits, at its end, for what comes. Movable, not copyable. Each call that waits for an
/// event returns the next one in file order; gaps of LSNs in old files show as they are.
///
/// Errors of those calls: `closed` after stop(), or when a log that has ended has no more to hand out; the log's error
/// when it failed; `corrupted` with the offset for damage, and what the storage said, the same again each time;
/// `invalid_state` inside a policy of the log.
///
/// After shutdown of a log on a storage that cannot be mapped, the last 1 MiB of it is still handed out, and more where
/// the storage can be read when it is closed.
template <class S, class C, class Threads = NativeThreads>
class Follower {
  using Shared = SharedLog<S, C>;
  using Time = typename Threads::Time;

 public:
  /// Requires a `shared` and a `progress` that are not null. May throw std::bad_alloc.
  Follower(std::shared_ptr<Shared> shared, std::shared_ptr<Progress<Threads>> progress, Lsn from, Follow follow)
      : ends_(std::make_shared<Ends>(std::move(progress), follow)),
        shared_(std::move(shared)),
        next_lsn_(from),
        reader_(open(from)) {}

  Follower(Follower&&) noexcept = default;
  Follower& operator=(Follower&&) noexcept = default;
  ~Follower() = default;

  /// The next event as a view, as long as it takes. The view is valid until the next call of this follower.
  Result<BorrowedEvent> next_borrowed() {
    Result<BorrowedEvent> result;
    if (REWAL_LIKELY(step(*result, nullptr) == Read::event)) return result;
    return error_;
  }
  /// The same, but none when `timeout` is over. One of 0 or less checks once.
  template <class Rep, class Period>
  Result<std::optional<BorrowedEvent>> next_borrowed(std::chrono::duration<Rep, Period> timeout) {
    Result<std::optional<BorrowedEvent>> result;
    const auto limit = saturated(timeout);
    const Read read = step(result->emplace(), &limit);
    if (REWAL_LIKELY(read == Read::event)) return result;
    if (read == Read::end) return std::optional<BorrowedEvent>();
    return error_;
  }

  /// The next event with bytes of its own, as long as it takes.
  Result<Event> next() {
    BorrowedEvent event;
    if (step(event, nullptr) == Read::failed) return error_;
    auto owned = own(event);
    if (!owned) return error_;
    return std::move(*owned);
  }
  /// The same, but none when `timeout` is over. One of 0 or less checks once.
  template <class Rep, class Period>
  Result<std::optional<Event>> next(std::chrono::duration<Rep, Period> timeout) {
    BorrowedEvent event;
    const auto limit = saturated(timeout);
    const Read read = step(event, &limit);
    if (read == Read::end) return std::optional<Event>();
    if (read == Read::failed) return error_;
    auto owned = own(event);
    if (!owned) return error_;
    return owned;
  }

  /// Goes on with the first event with `lsn` or more, backwards too; found through an index, not a scan.
  /// Errors as those of next(); nothing waits.
  Result<void> seek(Lsn lsn) {
    if (const auto refused = refusal()) return *refused;
    reader_ = open(lsn);
    next_lsn_ = lsn;
    reads_what_is_kept_ = false;
    return {};
  }

  /// How many LSNs are durable (written, where it follows what is written) and not yet handed out.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    if (ends_ == nullptr) return 0;
    const Lsn last = ends_->progress->last_lsn_of(ends_->follow);
    const Lsn next = (std::max)(next_lsn_, ends_->progress->first_lsn());
    return last >= next ? last - next + 1 : 0;
  }

  /// The call that waits, and all later ones, return `closed`. From any thread, at any time.
  void stop() noexcept {
    const auto ends = ends_;  // the follower may be gone before this returns
    if (ends == nullptr) return;
    ends->stopped.store(true, std::memory_order_seq_cst);  // S7, partner S8
    ends->progress->place_of(ends->follow).notify_all();
  }

 private:
  /// What another thread touches.
  struct Ends {
    Ends(std::shared_ptr<Progress<Threads>> p, Follow f) : progress(std::move(p)), follow(f) { progress->join(); }
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;
    ~Ends() { progress->leave(); }

    const std::shared_ptr<Progress<Threads>> progress;
    const Follow follow;
    typename Threads::template Atomic<bool> stopped{false};  // by stop()
  };

  [[nodiscard]] EventReader<S, C> open(Lsn from) const {
    return EventReader<S, C>::with_moving_end(shared_, from, ends_->progress->end_of(ends_->follow));
  }

  /// Why a call does nothing, if it does not. (A call in a forked child has its place here.)
  [[nodiscard]] std::optional<Error> refusal() const noexcept {
    if (REWAL_UNLIKELY(ends_ == nullptr)) return Error(Errc::closed);
    if (REWAL_UNLIKELY(shared_->inherited.load(std::memory_order_relaxed))) return not_this_process();
    if (REWAL_UNLIKELY(PolicyScope::inside(shared_.get()))) return Error(Errc::invalid_state);
    if (REWAL_UNLIKELY(ends_->stopped.load(std::memory_order_acquire))) return Error(Errc::closed);
    if (REWAL_UNLIKELY(failed_)) return error_;
    if (REWAL_UNLIKELY(ends_->progress->ending() == Ending::discarded)) return Error(Errc::closed);
    return std::nullopt;
  }

  /// Steps to the next event; `end` when the time is over, `failed` with error_. A `timeout` of null is none.
  Read step(BorrowedEvent& event, const std::chrono::nanoseconds* timeout) {
    std::optional<Time> deadline;
    for (;;) {
      if (const auto refused = refusal(); REWAL_UNLIKELY(refused.has_value())) return fail(*refused);
      const Ending ending = ends_->progress->ending();  // S6: before the end
      if (REWAL_UNLIKELY(shared_->closed.load(std::memory_order_acquire))) read_what_is_kept();
      const Read read = reader_.next(event);
      if (REWAL_LIKELY(read == Read::event)) {
        next_lsn_ = event.lsn + 1;
        return read;
      }
      if (read == Read::failed) {
        if (is_over_by_close()) continue;
        return reads_what_is_kept_ && reader_.error()->code() != Errc::corrupted ? fail(Errc::closed)
                                                                                 : fail_for_ever(*reader_.error());
      }
      const std::uint64_t end = ends_->progress->end_of(ends_->follow);
      if (end != reader_.end()) {
        reader_.extend(end);
        continue;
      }
      if (ending == Ending::failed) return fail(ends_->progress->error());
      if (ending != Ending::none) return fail(Errc::closed);
      if (is_over(timeout, deadline)) return Read::end;
      wait(deadline.value_or(Threads::never));
    }
  }

  /// The storage is closed: from the next frame on what the log has kept is read.
  void read_what_is_kept() noexcept {
    if (reads_what_is_kept_ || !reader_.is_between_frames()) return;
    reader_.read_what_is_kept(ends_->progress->end_of(ends_->follow));
    reads_what_is_kept_ = true;
  }

  /// Whether a read failed because the log was closed meanwhile, and what it has kept is still to be tried.
  [[nodiscard]] bool is_over_by_close() const noexcept {
    return !reads_what_is_kept_ && shared_->closed.load(std::memory_order_acquire);
  }

  /// Whether the time is over; it begins with the first question.
  [[nodiscard]] bool is_over(const std::chrono::nanoseconds* timeout, std::optional<Time>& deadline) {
    if (timeout == nullptr) return false;
    if (timeout->count() > 0) {
      const Time now = Threads::now();
      if (!deadline) deadline = Threads::after(now, *timeout);
      if (now < *deadline) return false;
    }
    if (ends_->follow == Follow::durable) ends_->progress->ask_for_sync();
    return true;
  }

  /// Sleeps until there may be more.
  void wait(Time deadline) {
    Progress<Threads>& progress = *ends_->progress;
    EventCount<Threads>& place = progress.place_of(ends_->follow);
    const auto key = place.prepare();  // S9
    if (progress.end_of(ends_->follow) != reader_.end() || progress.ending() != Ending::none ||
        ends_->stopped.load(std::memory_order_seq_cst)) {  // S8, partner S7
      place.cancel();
      return;
    }
    if (ends_->follow == Follow::durable) progress.ask_for_sync();
    place.sleep(key, deadline);
  }

  [[nodiscard]] std::optional<Event> own(const BorrowedEvent& event) noexcept {
    REWAL_TRY { return event.to_owned(); }
    REWAL_CATCH_ALL {
      fail_for_ever(not_enough_memory().at_offset(event.offset).at_lsn(event.lsn));
      return std::nullopt;
    }
  }

  Read fail(const Error& error) noexcept {
    error_ = error;
    return Read::failed;
  }
  Read fail_for_ever(const Error& error) noexcept {
    failed_ = true;
    return fail(error);
  }

  std::shared_ptr<Ends> ends_;  // null when moved from
  std::shared_ptr<Shared> shared_;
  Lsn next_lsn_;  // the least that can come next in a file in order
  EventReader<S, C> reader_;
  bool reads_what_is_kept_ = false;
  bool failed_ = false;        // error_ is returned for ever
  Error error_{Errc::closed};  // of the last call that failed
};

}  // namespace rewal::detail

#endif  // REWAL_READ_FOLLOWER_HPP
