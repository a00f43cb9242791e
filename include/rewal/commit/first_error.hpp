// SPDX-License-Identifier: MIT
//
// FirstError: the write or fsync error that ended a log's writing. Set once, by the write lock's holder; read by anybody.
// What follows from it is left to the writer and to those who wait.
//
// EDGE F1: the error is stored, then happened.store(release); partner: happened.load(acquire) before get().

#ifndef REWAL_COMMIT_FIRST_ERROR_HPP
#define REWAL_COMMIT_FIRST_ERROR_HPP

#include <atomic>

#include <rewal/error.hpp>

namespace rewal::detail {

template <class Threads>
class FirstError {
 public:
  /// Requires that none has happened.
  void set(const Error& error) noexcept {
    error_ = error;
    happened_.store(true, std::memory_order_release);  // F1
  }

  [[nodiscard]] bool happened() const noexcept { return happened_.load(std::memory_order_acquire); }  // F1
  /// Requires happened().
  [[nodiscard]] const Error& get() const noexcept { return error_; }

 private:
  Error error_{Errc::io};
  typename Threads::template Atomic<bool> happened_{false};
};

}  // namespace rewal::detail

#endif  // REWAL_COMMIT_FIRST_ERROR_HPP
