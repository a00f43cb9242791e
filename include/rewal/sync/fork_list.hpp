// SPDX-License-Identifier: MIT
//
// ForkEntry: what is to happen in a forked child with something that belongs to its parent: a log, a locked file.
// Any thread may enter and leave; a fork waits for those who do. What a child must give up is left to the owners.
//
// A child has one thread, the one that forked, and a copy of everything else as it stood: also of locks whose holders
// it does not have. So nothing of the parent's is waited for in it. `in_child` runs before fork() returns there; it may
// store atomics and make system calls, and nothing else.
//
// A DESCRIPTOR IS NEVER MISSED. It is got with no fork beside it, and entered at once. Its owner forgets its number
// before he closes it: the kernel copies the descriptors before the memory, so a number that the child still has in
// memory is what it was.
//
// SHARED LIBRARIES. Each has a list and handlers of its own, which the C library takes out when it unloads the library.
// An entry knows its list, so that it may be left from another library.
//
// NOT SEEN: children that run no handlers, by a bare clone() or _Fork(). vfork() and posix_spawn() need none, since
// their children only exec, and no descriptor of a log survives that. Where the system has no fork this is empty.

#ifndef REWAL_SYNC_FORK_LIST_HPP
#define REWAL_SYNC_FORK_LIST_HPP

#include <utility>

#include <rewal/platform.hpp>

#if REWAL_POSIX
#include <atomic>
#include <mutex>

#include <pthread.h>
#endif

namespace rewal::detail {

#if REWAL_POSIX

class ForkEntry {
 public:
  using InChild = void (*)(void* owner) noexcept;

  ForkEntry() noexcept = default;
  ForkEntry(const ForkEntry&) = delete;
  ForkEntry& operator=(const ForkEntry&) = delete;
  ~ForkEntry() { leave(); }

  /// Runs `take` with no fork beside it; every fork from then on calls `in_child(owner)` in the child. False, with
  /// nothing taken, where the system has no memory for that. Once.
  template <class Take>
  [[nodiscard]] bool enter(void* owner, InChild in_child, Take&& take) {
    if (!register_handlers()) return false;
    const std::lock_guard no_fork(mutex_);
    std::forward<Take>(take)();
    owner_ = owner;
    in_child_ = in_child;
    list_ = {&mutex_, &first_};
    link(*this);
    return true;
  }
  [[nodiscard]] bool enter(void* owner, InChild in_child) {
    return enter(owner, in_child, [] {});
  }

  /// In the list's order of locks this is the last, so it may be called with any other held.
  void leave() noexcept {
    if (list_.mutex == nullptr) return;
    const std::lock_guard no_fork(*list_.mutex);
    (before_ != nullptr ? before_->after_ : *list_.first) = after_;
    if (after_ != nullptr) after_->before_ = before_;
    list_ = {};
  }

 private:
  /// The list of the library that entered it.
  struct List {
    std::mutex* mutex = nullptr;
    ForkEntry** first = nullptr;
  };

  static void link(ForkEntry& entry) noexcept {
    entry.before_ = nullptr;
    entry.after_ = first_;
    if (first_ != nullptr) first_->before_ = &entry;
    first_ = &entry;
  }

  /// Two threads may do this at once: handlers that are called twice do no harm.
  [[nodiscard]] static bool register_handlers() noexcept {
    if (registered_.load(std::memory_order_acquire)) return true;
    if (::pthread_atfork(&before_fork, &after_fork, &give_up_in_child) != 0) return false;
    registered_.store(true, std::memory_order_release);
    return true;
  }
  static void before_fork() {
    if (forks_++ == 0) mutex_.lock();
  }
  static void after_fork() {
    if (--forks_ == 0) mutex_.unlock();
  }
  static void give_up_in_child() {
    for (const ForkEntry* entry = first_; entry != nullptr; entry = entry->after_) entry->in_child_(entry->owner_);
    after_fork();
  }

  // Under mutex_.
  void* owner_ = nullptr;
  InChild in_child_ = nullptr;
  List list_;
  ForkEntry* before_ = nullptr;
  ForkEntry* after_ = nullptr;

  static inline std::mutex mutex_;
  static constinit inline ForkEntry* first_ = nullptr;  // under mutex_
  static constinit inline std::atomic<bool> registered_{false};
  static constinit inline thread_local unsigned forks_ = 0;  // handlers between fork's begin and end on this thread
};

#else

class ForkEntry {
 public:
  using InChild = void (*)(void* owner) noexcept;

  template <class Take>
  [[nodiscard]] bool enter(void*, InChild, Take&& take) {
    std::forward<Take>(take)();
    return true;
  }
  [[nodiscard]] bool enter(void*, InChild) noexcept { return true; }
  void leave() noexcept {}
};

#endif

}  // namespace rewal::detail

#endif  // REWAL_SYNC_FORK_LIST_HPP
