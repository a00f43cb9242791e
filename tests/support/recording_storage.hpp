// SPDX-License-Identifier: MIT
//
// RecordingStorage: a storage in memory that notes every call in its order, and fails, interrupts or shortens those
// that the test names. Copies share one tape. It also judges the log: calls of write, sync, truncate and close that
// overlap, and calls after close, are noted as trespasses. Holding calls up is left to BlockingStorage.

#ifndef REWAL_TESTS_SUPPORT_RECORDING_STORAGE_HPP
#define REWAL_TESTS_SUPPORT_RECORDING_STORAGE_HPP

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <rewal/bytes.hpp>
#include <rewal/error.hpp>
#include <rewal/result.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rewal_test {

enum class Op : std::uint8_t { write, sync, truncate, close };

inline std::ostream& operator<<(std::ostream& out, Op op) {
  constexpr const char* names[] = {"write", "sync", "truncate", "close"};
  return out << names[static_cast<std::size_t>(op)];
}

/// One call on the tape.
struct Operation {
  Op op;
  std::uint64_t offset;  // where a write began, what truncate was given, else the size
  std::uint64_t bytes;   // that a write was given
  std::uint64_t taken;   // of them
  bool ok;
};

[[nodiscard]] inline rewal::Error system_error(int number) {
  return {rewal::Errc::io, std::error_code(number, std::generic_category())};
}

/// What is to happen to some of the calls of one kind.
struct Fault {
  static constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();

  Op op;
  std::uint64_t first;                   // the first call concerned, counted from 1 when the fault is set
  std::uint64_t count = 1;               // how many calls in a row
  std::optional<rewal::Error> error{};   // what they return
  std::uint64_t most_bytes = for_ever;   // else: how many bytes a write takes of those it is given
  std::optional<std::uint64_t> claim{};  // and how many it says it took, where that is a lie
};

class RecordingStorage {
 public:
  RecordingStorage() = default;
  /// On a disk that holds something already.
  explicit RecordingStorage(std::vector<std::byte> content) { tape_->content = std::move(content); }

  // ---- what the log calls --------------------------------------------------------------------------------------

  rewal::Result<std::size_t> write(rewal::Bytes bytes) {
    const Turn turn(*tape_);
    const std::lock_guard lock(tape_->mutex);
    const Fault* const fault = next(Op::write);
    Operation operation{Op::write, tape_->content.size(), bytes.size(), 0, true};
    if (fault != nullptr && fault->error) return refuse(operation, *fault->error);
    operation.taken = fault == nullptr ? bytes.size() : (std::min)(fault->most_bytes, std::uint64_t{bytes.size()});
    const auto taken = bytes.first(static_cast<std::size_t>(operation.taken));
    tape_->content.insert(tape_->content.end(), taken.begin(), taken.end());
    tape_->operations.push_back(operation);
    if (fault != nullptr && fault->claim) return static_cast<std::size_t>(*fault->claim);
    return taken.size();
  }
  rewal::Result<void> sync() {
    const Turn turn(*tape_);
    const std::lock_guard lock(tape_->mutex);
    const Fault* const fault = next(Op::sync);
    const Operation operation{Op::sync, tape_->content.size(), 0, 0, true};
    if (fault != nullptr && fault->error) return refuse(operation, *fault->error);
    tape_->synced_bytes = tape_->content.size();
    tape_->operations.push_back(operation);
    return {};
  }
  rewal::Result<void> truncate(std::uint64_t n) {
    const Turn turn(*tape_);
    const std::lock_guard lock(tape_->mutex);
    const Fault* const fault = next(Op::truncate);
    const Operation operation{Op::truncate, n, 0, 0, true};
    if (fault != nullptr && fault->error) return refuse(operation, *fault->error);
    tape_->content.resize(static_cast<std::size_t>(n));
    tape_->synced_bytes = (std::min)(tape_->synced_bytes, n);
    tape_->operations.push_back(operation);
    return {};
  }
  rewal::Result<void> close() {
    const Turn turn(*tape_);
    const std::lock_guard lock(tape_->mutex);
    const Fault* const fault = next(Op::close);
    const Operation operation{Op::close, tape_->content.size(), 0, 0, true};
    tape_->closed = true;
    if (fault != nullptr && fault->error) return refuse(operation, *fault->error);
    tape_->operations.push_back(operation);
    return {};
  }
  rewal::Result<std::uint64_t> size() {
    const std::lock_guard lock(tape_->mutex);
    return std::uint64_t{tape_->content.size()};
  }
  rewal::Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    const std::lock_guard lock(tape_->mutex);
    if (offset >= tape_->content.size()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    const std::size_t count = (std::min)(into.size(), tape_->content.size() - from);
    std::memcpy(into.data(), tape_->content.data() + from, count);
    return count;
  }

  // ---- what the test asks for ----------------------------------------------------------------------------------

  /// Takes effect from now on; calls are counted from the next one on.
  void set(Fault fault) const {
    const std::lock_guard lock(tape_->mutex);
    const std::uint64_t before = tape_->calls[static_cast<std::size_t>(fault.op)];
    if (fault.first <= Fault::for_ever - before) fault.first += before;
    tape_->faults.push_back(std::move(fault));
  }
  void fail(Op op, std::uint64_t k, int number, std::uint64_t count = 1) const {
    set({.op = op, .first = k, .count = count, .error = system_error(number)});
  }
  void shorten(std::uint64_t k, std::uint64_t most_bytes, std::uint64_t count = 1) const {
    set({.op = Op::write, .first = k, .count = count, .most_bytes = most_bytes});
  }
  /// Forgets faults and operations; the content stays, and the storage may be opened again.
  void start_afresh() const {
    const std::lock_guard lock(tape_->mutex);
    tape_->faults.clear();
    tape_->operations.clear();
    tape_->trespasses.clear();
    tape_->closed = false;
  }

  [[nodiscard]] std::vector<Operation> operations() const {
    const std::lock_guard lock(tape_->mutex);
    return tape_->operations;
  }
  [[nodiscard]] std::vector<Operation> operations(Op op) const {
    std::vector<Operation> all = operations();
    std::erase_if(all, [op](const Operation& operation) { return operation.op != op; });
    return all;
  }
  [[nodiscard]] std::size_t count(Op op) const { return operations(op).size(); }
  /// The kinds of the operations in order, as "write sync close".
  [[nodiscard]] std::string sequence() const {
    std::string text;
    for (const Operation& operation : operations()) {
      constexpr const char* names[] = {"write", "sync", "truncate", "close"};
      if (!text.empty()) text += ' ';
      text += names[static_cast<std::size_t>(operation.op)];
    }
    return text;
  }
  [[nodiscard]] std::vector<std::byte> content() const {
    const std::lock_guard lock(tape_->mutex);
    return tape_->content;
  }
  /// How much of the content a successful sync covered.
  [[nodiscard]] std::uint64_t synced_bytes() const {
    const std::lock_guard lock(tape_->mutex);
    return tape_->synced_bytes;
  }
  /// What the log may not do and did.
  [[nodiscard]] std::vector<std::string> trespasses() const {
    const std::lock_guard lock(tape_->mutex);
    return tape_->trespasses;
  }

 private:
  struct Tape {
    std::mutex mutex;  // guards all but `busy`
    std::vector<std::byte> content;
    std::uint64_t synced_bytes = 0;
    std::vector<Operation> operations;
    std::vector<Fault> faults;
    std::uint64_t calls[4] = {};
    bool closed = false;
    std::vector<std::string> trespasses;
    std::atomic<int> busy{0};
  };

  /// The turn of a call that may overlap no other.
  class Turn {
   public:
    explicit Turn(Tape& tape) : tape_(tape) {
      if (tape_.busy.fetch_add(1) != 0) {
        const std::lock_guard lock(tape_.mutex);
        tape_.trespasses.emplace_back("two calls overlap");
      }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { tape_.busy.fetch_sub(1); }

   private:
    Tape& tape_;
  };

  /// Counts the call and finds the fault that concerns it. Under the mutex.
  const Fault* next(Op op) {
    if (tape_->closed) tape_->trespasses.emplace_back("a call after close");
    const std::uint64_t k = ++tape_->calls[static_cast<std::size_t>(op)];
    for (const Fault& fault : tape_->faults) {
      if (fault.op == op && k >= fault.first && k - fault.first < fault.count) return &fault;
    }
    return nullptr;
  }
  rewal::Error refuse(Operation operation, const rewal::Error& error) {
    operation.ok = false;
    tape_->operations.push_back(operation);
    return error;
  }

  std::shared_ptr<Tape> tape_ = std::make_shared<Tape>();
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_SUPPORT_RECORDING_STORAGE_HPP
