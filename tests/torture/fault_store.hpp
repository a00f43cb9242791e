// SPDX-License-Identifier: MIT
//
// FaultStore: a storage around another one whose k-th operation fails, is cut short, claims too much or blocks, once or
// for ever. Its plan is shared, so that the test that keeps it sees how far a run came.
// Threads are those of the storage inside; the plan may be read from any.

#ifndef REWAL_TESTS_TORTURE_FAULT_STORE_HPP
#define REWAL_TESTS_TORTURE_FAULT_STORE_HPP

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <rewal/storage/memory_storage.hpp>
#include <rewal/storage/storage.hpp>

namespace rewal_torture {

/// Which operations a plan counts.
enum Counted : unsigned { writes = 1, syncs = 2, cuts = 4, closes = 8, reads = 16, sizes = 32, copies = 64 };

/// What the k-th of them does.
struct Fault {
  int error = 0;                 // this errno, and nothing of the operation happens
  std::size_t takes = SIZE_MAX;  // a write or read is over after this many bytes
  bool claims_more = false;      // a write says that it took one byte more than it was given
  bool for_ever = false;         // the later ones too
  bool blocks = false;           // it waits for FaultPlan::release
};

class FaultPlan {
 public:
  FaultPlan() = default;
  FaultPlan(std::uint64_t k, unsigned counted, Fault fault) : k_(k), counted_(counted), fault_(fault) {}

  /// Whether the k-th operation was reached.
  [[nodiscard]] bool struck() const { return struck_.load(); }
  [[nodiscard]] std::uint64_t operations() const { return operations_.load(); }
  [[nodiscard]] const Fault& fault() const { return fault_; }
  /// The storage works again, and counts no more.
  void end() { ended_.store(true); }
  /// Lets a blocked operation go on.
  void release() {
    released_.store(true);
    released_.notify_all();
  }
  /// Waits until an operation is blocked.
  void await_block() const { blocked_.wait(false); }

  /// Whether the operation of this kind that begins now is struck.
  [[nodiscard]] bool strikes(Counted kind) {
    if (ended_.load() || (counted_ & kind) == 0) return false;
    const std::uint64_t n = ++operations_;
    if (n != k_ && !(fault_.for_ever && n > k_)) return false;
    struck_.store(true);
    if (fault_.blocks) {
      blocked_.store(true);
      blocked_.notify_all();
      released_.wait(false);
    }
    return true;
  }

 private:
  std::uint64_t k_ = 0;
  unsigned counted_ = 0;
  Fault fault_;
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<bool> struck_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> blocked_{false};
  std::atomic<bool> released_{false};
};

template <class Inner = rewal::MemoryStorage>
class FaultStore {
 public:
  FaultStore(Inner inner, std::shared_ptr<FaultPlan> plan) : inner_(std::move(inner)), plan_(std::move(plan)) {}

  rewal::Result<std::size_t> write(rewal::Bytes bytes) {
    if (!plan_->strikes(writes)) return inner_.write(bytes);
    const Fault& fault = plan_->fault();
    if (fault.error != 0) return failure();
    if (fault.takes == 0) return std::size_t{0};
    const auto taken = inner_.write(bytes.first((std::min)(fault.takes, bytes.size())));
    return taken && fault.claims_more ? bytes.size() + 1 : taken;
  }
  rewal::Result<void> sync() { return struck(syncs) ? failure() : inner_.sync(); }
  rewal::Result<void> truncate(std::uint64_t n) { return struck(cuts) ? failure() : inner_.truncate(n); }
  rewal::Result<void> close() {
    if (!struck(closes)) return inner_.close();
    static_cast<void>(inner_.close());
    return failure();
  }
  rewal::Result<std::uint64_t> size() {
    if (struck(sizes)) return failure();
    return inner_.size();
  }
  rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    if (!plan_->strikes(reads)) return inner_.read_at(into, offset);
    if (plan_->fault().error != 0) return failure();
    return inner_.read_at(into.first((std::min)(plan_->fault().takes, into.size())), offset);
  }
  rewal::Result<std::string> preserve(std::uint64_t offset, rewal::Bytes bytes) {
    if (struck(copies)) return failure();
    return inner_.preserve(offset, bytes);
  }

 private:
  [[nodiscard]] bool struck(Counted kind) { return plan_->strikes(kind) && plan_->fault().error != 0; }
  [[nodiscard]] rewal::Error failure() const {
    return {rewal::Errc::io, std::error_code(plan_->fault().error, std::generic_category())};
  }

  Inner inner_;
  std::shared_ptr<FaultPlan> plan_;
};
static_assert(rewal::Storage<FaultStore<>>);

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_FAULT_STORE_HPP
