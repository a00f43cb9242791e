// SPDX-License-Identifier: MIT
//
// A log can be named, pointed to and passed on where its policies are only declared.

#include <rewal/fwd.hpp>

struct OrderIndex;
struct OrderHooks;

using OrderLog = rewal::Wal<rewal::FileStorage, rewal::NoCompressor, OrderIndex, OrderHooks>;
using ReaderOfThem = rewal::Reader<>;

struct Orders {
  OrderLog* log = nullptr;
  ReaderOfThem* reader = nullptr;
  rewal::Wal<>* another = nullptr;
  rewal::Cursor* cursor = nullptr;
  rewal::MemoryStorage* memory = nullptr;

  rewal::Result<void> store(OrderLog& into, const rewal::Batch& batch);
  void know(const rewal::Stats& stats, const rewal::RecoveryReport& report, rewal::State state, rewal::Errc code);
};

#include <cstdint>
#include <optional>

#include <rewal/cursor.hpp>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

struct OrderIndex {
  void on_append(rewal::Lsn, std::optional<rewal::Bytes>, std::uint64_t) {}
};
struct OrderHooks {
  void on_durable(rewal::Lsn) {}
};

rewal::Result<void> Orders::store(OrderLog& into, const rewal::Batch& batch) {
  const auto last = into.append_batch(batch);
  return last ? into.wait_durable(*last) : rewal::Result<void>(last.error());
}
