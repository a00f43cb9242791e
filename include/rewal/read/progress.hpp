// SPDX-License-Identifier: MIT
//
// Progress: how far a log is, as its followers see it, how it ended, and where they sleep. Advanced by whoever holds
// the write lock; read and slept on by followers, on any threads. It is kept by shared_ptr and outlives the log, so
// what a follower sleeps on can never be gone. When the log syncs is left to it; what is read, to the follower.
//
// WHO WAKES A FOLLOWER. One that waits for written events sleeps at `written`, one that waits for durable ones at
// `durable`: a write wakes only the former. Whoever has held the write lock tells them once, after releasing it,
// however much he has written. It is one addition to a counter where nobody sleeps, and one wake-up where somebody
// does; a producer takes no part in it.
//
// WHO WRITES AND SYNCS FOR IT. A follower never takes the write lock: it must not need the log. Everything appended is
// written within the log's usual millisecond. What is written and not durable, while a follower waits for it, is synced
// by the writer thread, which does not sleep then. So that it knows, it sleeps here, too, at `work`.
//
// EDGES
//   S1  written: LSN, then end, stored (seq_cst) after the writer shows last_lsn    S2  loaded by followers, end first
//   S3  durable: LSN, then end, stored (seq_cst) after the writer shows durable_lsn S4  loaded by followers, end first
//       So an event that is handed out is in last_lsn() or durable_lsn(), and lag() is never short of it.
//   S5  ending: stored after the last S1 and S3, the error before it, and before the storage is closed
//   S6  ending loaded before the ends: a follower that finds the log ended, and nothing more, has everything
//   S7  stopped: stored (seq_cst), then everyone at the follower's place woken      S8  loaded after prepare()
//   S9  a durable follower prepares to sleep, then checks whether something written is not durable, and then asks
//   S10 the log has written something, then checks whether somebody sleeps at `durable` or has asked
//
// NO WAKE-UP IS LOST
//   - A follower sleeps after prepare() and after it has seen no more than it had, no ending and no stop; each of them
//     is stored before the place is told. The rest is EventCount's.
//   - A durable follower does not sleep over written events that nobody syncs. S9 and S10 are seq_cst on both sides,
//     so one sees the other: the follower asks and tells `work`, or the log sees the sleeper, and whoever
//     releases the write lock tells `work`. The writer thread prepares there and then checks whether a sync is
//     wanted, so it does not sleep over it either.
//   - A follower that only polls (a timeout of 0) asks as well; what it asked for holds until it is durable.
// Idle, everything is durable, nobody asks and nobody is told.

#ifndef REWAL_READ_PROGRESS_HPP
#define REWAL_READ_PROGRESS_HPP

#include <atomic>
#include <cstdint>
#include <utility>

#include <rewal/error.hpp>
#include <rewal/lsn.hpp>
#include <rewal/options.hpp>
#include <rewal/platform.hpp>
#include <rewal/sync/event_count.hpp>
#include <rewal/sync/threads.hpp>

namespace rewal::detail {

/// How a log has ended, for those who follow it.
enum class Ending : std::uint8_t {
  none,
  failed,     ///< by an error: what was written can be read as long as the log is open
  finished,   ///< by shutdown: what was written can be read
  discarded,  ///< by close, or by destruction alone: nothing more is handed out
};

template <class Threads = NativeThreads>
class Progress {
 public:
  /// The log has nothing before `first_lsn`, and up to `last_lsn`, where the file ends at `end`, all is durable.
  Progress(Lsn first_lsn, Lsn last_lsn, std::uint64_t end) noexcept
      : first_lsn_(first_lsn), written_{last_lsn, end}, durable_{last_lsn, end} {}

  EventCount<Threads> work;  // where the writer thread sleeps

  // ---- by the write lock's holder --------------------------------------------------------------------------------

  void wrote(Lsn last_lsn, std::uint64_t end) noexcept { owes_written_ |= written_.advance(last_lsn, end); }   // S1
  void synced(Lsn last_lsn, std::uint64_t end) noexcept { owes_durable_ |= durable_.advance(last_lsn, end); }  // S3

  /// Who is to be told of what came since the last call; to be told when the write lock is released.
  struct Owed {
    bool written;
    bool durable;
  };
  [[nodiscard]] Owed take_owed() noexcept {
    return {std::exchange(owes_written_, false), std::exchange(owes_durable_, false)};
  }

  /// The log's first error.
  void fail(const Error& error) noexcept {
    if (ending() != Ending::none) return;
    error_ = error;
    end(Ending::failed);
  }
  /// Only the first ending counts, but that nothing is handed out any more after Ending::discarded.
  void end(Ending how) noexcept {
    const Ending before = ending();
    if (before != Ending::none && !(before == Ending::finished && how == Ending::discarded)) return;
    ending_.store(how, std::memory_order_release);  // S5, partner S6
    owes_written_ = owes_durable_ = true;
  }

  // ---- by anybody ------------------------------------------------------------------------------------------------

  void tell(Owed owed) {
    if (owed.written) written_.place.notify_all();
    if (owed.durable) durable_.place.notify_all();
  }

  /// Whether followers want what is written and not durable to be synced. `last_lsn` and `durable_lsn` are the log's.
  [[nodiscard]] bool wants_sync(Lsn last_lsn, Lsn durable_lsn) const noexcept {
    return last_lsn > durable_lsn && (durable_.place.has_sleepers() ||  // S10, partner S9
                                      sync_asked_.load(std::memory_order_seq_cst) > durable_lsn);
  }

  /// Whether a follower waits for durable events.
  [[nodiscard]] bool is_durable_awaited() const noexcept { return durable_.place.has_sleepers(); }

  [[nodiscard]] bool has_followers() const noexcept { return followers_.load(std::memory_order_seq_cst) != 0; }

  // ---- by followers ----------------------------------------------------------------------------------------------

  void join() noexcept { followers_.fetch_add(1, std::memory_order_seq_cst); }
  void leave() noexcept { followers_.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] Lsn first_lsn() const noexcept { return first_lsn_; }
  /// The end of what may be handed out, in the file, and the last LSN before it.
  [[nodiscard]] std::uint64_t end_of(Follow follow) const noexcept {
    return reach(follow).end.load(std::memory_order_seq_cst);  // S2, S4
  }
  [[nodiscard]] Lsn last_lsn_of(Follow follow) const noexcept {
    return reach(follow).last_lsn.load(std::memory_order_seq_cst);  // S2, S4
  }
  [[nodiscard]] Ending ending() const noexcept { return ending_.load(std::memory_order_acquire); }  // S6, partner S5
  /// Requires Ending::failed.
  [[nodiscard]] const Error& error() const noexcept { return error_; }

  [[nodiscard]] EventCount<Threads>& place_of(Follow follow) noexcept {
    return follow == Follow::durable ? durable_.place : written_.place;
  }

  /// What is written is to be synced, whether or not the caller sleeps.
  void ask_for_sync() {
    const Lsn written = last_lsn_of(Follow::written);  // S9, partner S10
    if (written <= last_lsn_of(Follow::durable)) return;
    Lsn asked = sync_asked_.load(std::memory_order_relaxed);
    while (asked < written && !sync_asked_.compare_exchange_weak(asked, written, std::memory_order_seq_cst)) {
    }
    work.notify_all();
  }

 private:
  template <class T>
  using Atomic = typename Threads::template Atomic<T>;

  /// How far something has come, and who waits for it.
  struct Reach {
    Reach(Lsn lsn, std::uint64_t offset) noexcept : last_lsn(lsn), end(offset) {}

    bool advance(Lsn lsn, std::uint64_t offset) noexcept {
      if (end.load(std::memory_order_relaxed) == offset) return false;
      last_lsn.store(lsn, std::memory_order_seq_cst);  // S1, S3
      end.store(offset, std::memory_order_seq_cst);    // S1, S3
      return true;
    }

    alignas(cache_line_bytes) Atomic<Lsn> last_lsn;  // by the write lock's holder
    Atomic<std::uint64_t> end;                       // by the write lock's holder
    EventCount<Threads> place;
  };

  [[nodiscard]] const Reach& reach(Follow follow) const noexcept {
    return follow == Follow::durable ? durable_ : written_;
  }

  const Lsn first_lsn_;
  Reach written_;
  Reach durable_;
  bool owes_written_ = false;  // by the write lock's holder
  bool owes_durable_ = false;  // by the write lock's holder
  Error error_{Errc::io};      // by the write lock's holder, before ending

  Atomic<Ending> ending_{Ending::none};  // by the write lock's holder, at last by the destructor of the log
  Atomic<Lsn> sync_asked_{0};            // by followers
  Atomic<std::uint32_t> followers_{0};   // by followers
};

}  // namespace rewal::detail

#endif  // REWAL_READ_PROGRESS_HPP
