// SPDX-License-Identifier: MIT
//
// Policies of every kind {hooks, indexer, compressor, storage} that misbehave where and when a test says so: they throw,
// call back in, or block.

#ifndef REWAL_TESTS_STRESS_TROUBLED_POLICIES_HPP
#define REWAL_TESTS_STRESS_TROUBLED_POLICIES_HPP

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <stdexcept>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <vector>

namespace rewal_test {

/// PolicyCall a policy is called.
enum class PolicyCall : std::size_t {
  before_append,
  after_append,
  before_write,
  after_write,
  before_sync,
  after_sync,
  on_shutdown_start,
  on_shutdown_done,
  on_drop,
  index,
  compress,
  decompress,
  write,
  sync,
  close,
  read_at
};
inline constexpr std::array<const char*, 16> policy_call_names{
    "before_append",     "after_append",     "before_write",  "after_write",    "before_sync", "after_sync",
    "on_shutdown_start", "on_shutdown_done", "on_drop",       "indexer",        "compress",    "decompress",
    "storage.write",     "storage.sync",     "storage.close", "storage.read_at"};

enum class Misbehaviour : std::size_t { throws, calls_back, blocks };
inline constexpr std::array<const char*, 3> misbehaviour_names{"throws", "calls back in", "blocks"};

/// Misbehaviour the policies of one log do; shared by all of them and the test.
struct Trouble {
  std::atomic<bool> armed{false};
  PolicyCall where{};
  std::atomic<Misbehaviour> what{};
  Door door;
  std::function<void()> call_back;
  std::atomic<std::uint64_t> struck{0};

  void at(PolicyCall here) {
    if (here != where || !armed) return;
    ++struck;
    switch (what.load()) {
      case Misbehaviour::throws: throw std::runtime_error("a policy that throws");
      case Misbehaviour::calls_back: call_back(); return;
      case Misbehaviour::blocks: door.pass(); return;
    }
  }
};
using SharedTrouble = std::shared_ptr<Trouble>;

struct TroubledHooks {
  SharedTrouble t;
  void before_append(const Events&) { t->at(PolicyCall::before_append); }
  void after_append(Lsn, std::size_t) { t->at(PolicyCall::after_append); }
  void before_write(std::size_t) { t->at(PolicyCall::before_write); }
  void after_write(std::size_t) { t->at(PolicyCall::after_write); }
  void before_sync() { t->at(PolicyCall::before_sync); }
  void after_sync(std::chrono::nanoseconds) { t->at(PolicyCall::after_sync); }
  void on_shutdown_start() { t->at(PolicyCall::on_shutdown_start); }
  void on_shutdown_done(std::chrono::nanoseconds) { t->at(PolicyCall::on_shutdown_done); }
  void on_drop(std::size_t) { t->at(PolicyCall::on_drop); }
};

struct TroubledIndexer {
  SharedTrouble t;
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) { t->at(PolicyCall::index); }
};

/// Leaves out the second half, which is known: every event's payload is 200 times the same letter.
struct TroubledCompressor {
  SharedTrouble t;
  Result<void> compress(Bytes from, std::vector<std::byte>& to) {
    t->at(PolicyCall::compress);
    to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(from.size() / 2));
    return {};
  }
  Result<void> decompress(Bytes from, std::vector<std::byte>& to) {
    t->at(PolicyCall::decompress);
    to.insert(to.end(), from.begin(), from.end());
    to.insert(to.end(), from.size(), static_cast<std::byte>('e'));
    return {};
  }
};

struct TroubledStorage {
  SharedTrouble t;
  MemoryStorage disk{};
  Result<std::size_t> write(Bytes bytes) {
    t->at(PolicyCall::write);
    return disk.write(bytes);
  }
  Result<void> sync() {
    t->at(PolicyCall::sync);
    return disk.sync();
  }
  Result<void> close() {
    t->at(PolicyCall::close);
    return disk.close();
  }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    t->at(PolicyCall::read_at);
    return disk.read_at(into, offset);
  }
};

using TroubledWal = Wal<TroubledStorage, TroubledCompressor, TroubledIndexer, TroubledHooks>;
using UncompressedTroubledWal = Wal<TroubledStorage, NoCompressor, TroubledIndexer, TroubledHooks>;

}  // namespace rewal_test

#endif  // REWAL_TESTS_STRESS_TROUBLED_POLICIES_HPP
