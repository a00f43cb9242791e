// SPDX-License-Identifier: MIT
//
// PolicyScope: marks that this thread is inside a call of user code (hook, indexer, compressor, storage) of some log.
// Each thread sees its own marks only. The log asks here whether it is being called back from its own policy, and
// refuses; what a policy may do besides is not decided here.

#ifndef REWAL_POLICY_POLICY_SCOPE_HPP
#define REWAL_POLICY_POLICY_SCOPE_HPP

namespace rewal::detail {

/// Lives on the stack around one policy call. Scopes of several logs nest: a hook of one log may append to another,
/// and a hook of that one must still be refused by the first.
class PolicyScope {
 public:
  explicit PolicyScope(const void* log) noexcept : log_(log), outer_(innermost_) { innermost_ = this; }
  ~PolicyScope() { innermost_ = outer_; }
  PolicyScope(const PolicyScope&) = delete;
  PolicyScope& operator=(const PolicyScope&) = delete;

  /// Whether this thread is inside a policy call of `log`.
  [[nodiscard]] static bool inside(const void* log) noexcept {
    for (const PolicyScope* scope = innermost_; scope != nullptr; scope = scope->outer_) {
      if (scope->log_ == log) return true;
    }
    return false;
  }

 private:
  const void* log_;
  const PolicyScope* outer_;

  static constinit inline thread_local const PolicyScope* innermost_ = nullptr;
};

}  // namespace rewal::detail

#endif  // REWAL_POLICY_POLICY_SCOPE_HPP
