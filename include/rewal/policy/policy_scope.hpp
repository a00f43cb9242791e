// SPDX-License-Identifier: MIT
//
// PolicyScope: marks that this thread is inside a call of user code (hook, indexer, compressor, storage) of some log.
// Each thread sees its own marks only. The log asks here whether it is being called back from its own policy, and
// refuses; what a policy may do besides is not decided here.
//
// SHARED LIBRARIES. A thread_local of a header is another variable in each library with hidden visibility, and a hook may
// call its log through a library. So the marks hang on a key of the C library, whose number stands in the log: whatever
// code asks, it asks at the same place. One key for all logs that a library opens; it is deleted with the library.
// Where there is no key to be had, and on Windows, each library sees its own marks.

#ifndef REWAL_POLICY_POLICY_SCOPE_HPP
#define REWAL_POLICY_POLICY_SCOPE_HPP

#include <rewal/platform.hpp>
#include <rewal/sync/cancellation.hpp>

#if REWAL_POSIX
#include <pthread.h>
#endif

namespace rewal::detail {

class PolicyScope;

/// Where the marks of a log are found. Every log has one.
class PolicyMarks {
 public:
  PolicyMarks() noexcept = default;
  PolicyMarks(const PolicyMarks&) = delete;
  PolicyMarks& operator=(const PolicyMarks&) = delete;

 private:
  friend class PolicyScope;

#if REWAL_POSIX
  struct Key {
    Key() noexcept : exists(::pthread_key_create(&number, nullptr) == 0) {}
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    ~Key() {
      if (exists) ::pthread_key_delete(number);
    }
    ::pthread_key_t number{};
    bool exists;
  };
  [[nodiscard]] static const Key& key_of_this_library() noexcept {
    static const Key key;
    return key;
  }

  [[nodiscard]] const PolicyScope* innermost() const noexcept {
    return has_key_ ? static_cast<const PolicyScope*>(::pthread_getspecific(key_)) : innermost_of_this_library_;
  }
  void set_innermost(const PolicyScope* scope) const noexcept {
    if (!has_key_) {
      innermost_of_this_library_ = scope;
    } else {
      static_cast<void>(::pthread_setspecific(key_, scope));  // without memory for it: not marked
    }
  }

  const bool has_key_ = key_of_this_library().exists;
  const ::pthread_key_t key_ = key_of_this_library().number;
#else
  [[nodiscard]] const PolicyScope* innermost() const noexcept { return innermost_of_this_library_; }
  void set_innermost(const PolicyScope* scope) const noexcept { innermost_of_this_library_ = scope; }
#endif

  static constinit inline thread_local const PolicyScope* innermost_of_this_library_ = nullptr;
};

/// Lives on the stack around one policy call. Scopes of several logs nest: a hook of one log may append to another,
/// and a hook of that one must still be refused by the first.
class PolicyScope {
 public:
  /// A null `log` marks nothing.
  explicit PolicyScope(const PolicyMarks* log) noexcept
      : log_(log), outer_(log != nullptr ? log->innermost() : nullptr) {
    if (log_ != nullptr) log_->set_innermost(this);
  }
  ~PolicyScope() {
    if (log_ != nullptr) log_->set_innermost(outer_);
  }
  PolicyScope(const PolicyScope&) = delete;
  PolicyScope& operator=(const PolicyScope&) = delete;

  /// Whether this thread is inside a policy call of `log`.
  [[nodiscard]] static bool inside(const PolicyMarks* log) noexcept {
    for (const PolicyScope* scope = log->innermost(); scope != nullptr; scope = scope->outer_) {
      if (scope->log_ == log) return true;
    }
    return false;
  }

 private:
  const NotCancelled whole_call_;  // a policy's call is often where a thread may be cancelled, and nothing may escape
  const PolicyMarks* log_;
  const PolicyScope* outer_;
};

}  // namespace rewal::detail

#endif  // REWAL_POLICY_POLICY_SCOPE_HPP
