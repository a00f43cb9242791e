// SPDX-License-Identifier: MIT
//
// One mistake each: REWAL_MISTAKE is its name, and NONE leaves what is right. mistakes.txt holds what the compiler says.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rewal/cursor.hpp>
#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

#define NONE 0
#define NUMBER_AS_PAYLOAD 1
#define NUMBER_APPENDED_DURABLY 2
#define OBJECT_AS_PAYLOAD 3
#define FORGOTTEN_RESULT 4
#define CALLBACK_OF_SOMETHING_ELSE 5
#define HOOK_WITH_OTHER_ARGUMENTS 6
#define HOOKS_WITHOUT_A_HOOK 7
#define STORAGE_WITHOUT_A_MEMBER 8
#define COMPRESSOR_THAT_ONLY_SHRINKS 9
#define INDEXER_WITH_OTHER_ARGUMENTS 10
#define INTERVAL_OF_A_NUMBER 11
#define LOG_COPIED 12
#define BUILDER_FOR_A_LOG 13
#define CHAR_ARRAY_AS_PAYLOAD 14
#define NUMBER_IN_A_BATCH 15
#define TYPE_OF_A_LOG_WITH_WRONG_HOOKS 16

#if REWAL_MISTAKE == FORGOTTEN_RESULT
#pragma GCC diagnostic error "-Wunused-result"
#endif

struct Hook {
#if REWAL_MISTAKE == HOOK_WITH_OTHER_ARGUMENTS
  void on_durable(const char*) {}
#elif REWAL_MISTAKE == HOOKS_WITHOUT_A_HOOK
  void when_durable(rewal::Lsn) {}
#else
  void on_durable(rewal::Lsn) {}
#endif
};

struct Index {
#if REWAL_MISTAKE == INDEXER_WITH_OTHER_ARGUMENTS
  void on_append(rewal::Lsn, const std::string&, std::uint64_t) {}
#else
  void on_append(rewal::Lsn, std::optional<rewal::Bytes>, std::uint64_t) {}
#endif
};

struct Squeeze {
  rewal::Result<void> compress(rewal::Bytes, std::vector<std::byte>&) { return {}; }
#if REWAL_MISTAKE != COMPRESSOR_THAT_ONLY_SHRINKS
  rewal::Result<void> decompress(rewal::Bytes, std::vector<std::byte>&, std::size_t) { return {}; }
#endif
};

struct Nowhere {
  rewal::Result<std::size_t> write(rewal::Bytes bytes) { return bytes.size(); }
  rewal::Result<void> sync() { return {}; }
  rewal::Result<void> close() { return {}; }
  rewal::Result<std::uint64_t> size() { return 0; }
  rewal::Result<void> truncate(std::uint64_t) { return {}; }
#if REWAL_MISTAKE != STORAGE_WITHOUT_A_MEMBER
  rewal::Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return 0; }
#endif
};

struct Point {
  int x = 1;
  int y = 2;
};

int main() {
  using namespace std::chrono_literals;
#if REWAL_MISTAKE == INTERVAL_OF_A_NUMBER
  const auto mode = rewal::SyncMode::interval(50);
#else
  const auto mode = rewal::SyncMode::interval(50ms);
#endif
#if REWAL_MISTAKE == BUILDER_FOR_A_LOG
  auto wal = rewal::Wal<>::open("orders.wal").sync_mode(mode);
#else
  auto wal = rewal::Wal<>::open("orders.wal")
                 .sync_mode(mode)
                 .hooks(Hook{})
                 .indexer(Index{})
                 .compressor(Squeeze{})
                 .storage(Nowhere{})
                 .build();
#endif
  if (!wal) return 1;

  const int number = 42;
  const Point point;
#if REWAL_MISTAKE == NUMBER_AS_PAYLOAD
  if (!wal->append(number)) return 1;
#elif REWAL_MISTAKE == NUMBER_APPENDED_DURABLY
  if (!wal->append_durable(number)) return 1;
#elif REWAL_MISTAKE == OBJECT_AS_PAYLOAD
  if (!wal->append(point)) return 1;
#elif REWAL_MISTAKE == CHAR_ARRAY_AS_PAYLOAD
  char buffer[64] = "text";
  if (!wal->append(buffer)) return 1;
#elif REWAL_MISTAKE == FORGOTTEN_RESULT
  wal->append("event");
#else
  if (!wal->append(std::as_bytes(std::span(&number, 1)))) return 1;
  if (!wal->append(std::as_bytes(std::span(&point, 1)))) return 1;
#endif

#if REWAL_MISTAKE == CALLBACK_OF_SOMETHING_ELSE
  const auto count = wal->replay(1, [](const std::string&) {});
#else
  const auto count = wal->replay(1, [](const rewal::BorrowedEvent&) {});
#endif
#if REWAL_MISTAKE == NUMBER_IN_A_BATCH
  rewal::Batch().add(number);
#endif
#if REWAL_MISTAKE == TYPE_OF_A_LOG_WITH_WRONG_HOOKS
  struct Wrong {
    void on_durable(const char*) {}
  };
  rewal::Wal<rewal::FileStorage, rewal::NoCompressor, rewal::NoIndexer, Wrong> log;
#endif
#if REWAL_MISTAKE == LOG_COPIED
  const auto another = *wal;
#endif
  return count ? 0 : 1;
}
