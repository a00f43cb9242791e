// SPDX-License-Identifier: MIT
//
// A backup of a log that is in use: copied while others append, examined before it counts, and opened as a log to see that
// it can be restored. The copy holds everything that was durable when it began.
//
//   backup [file [copy]]

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <rewal/reader.hpp>
#include <rewal/wal.hpp>

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "backup: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Copies and judges the copy; the last LSN in it. A copy that is not whole is no backup: better none than that.
rewal::Lsn back_up(const rewal::Wal<>& wal, const std::string& copy) {
  const rewal::Lsn last = must(wal.copy_to(copy));  // there under its name, whole and durable, or not at all
  const auto seen = must(must(rewal::Reader<>::open(copy).build()).examine());
  if (seen.verdict != rewal::Verdict::clean || seen.last_lsn != last) fail(copy + " is damaged: " + seen.reason);
  std::printf("%s: %llu events up to LSN %llu, %llu bytes\n", copy.c_str(),
              static_cast<unsigned long long>(seen.events), static_cast<unsigned long long>(last),
              static_cast<unsigned long long>(seen.kept_bytes));
  return last;
}

/// How many events a log has that was restored from the copy.
std::uint64_t restore(const std::string& copy) {
  const auto wal = must(rewal::Wal<>::open(copy).build());
  return must(wal.replay(1, [](const rewal::BorrowedEvent&) {}));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "backup.wal";
  const std::string copy = argc > 2 ? argv[2] : path + ".copy";
  for (const auto& file : {path, copy}) std::filesystem::remove(file);

  auto wal = must(rewal::Wal<>::open(path).build());
  for (int i = 1; i <= 1000; ++i) must(wal.append("event " + std::to_string(i)));
  must(wal.flush());  // written,
  must(wal.sync());   // and durable
  const rewal::Lsn durable = wal.durable_lsn();

  std::atomic<bool> done{false};
  std::thread producer([&] {
    for (int i = 1; !done; ++i) must(wal.append("meanwhile " + std::to_string(i)));
  });
  const rewal::Lsn last = back_up(wal, copy);
  done = true;
  producer.join();

  if (last < durable) fail("the copy lacks events that were durable before it began");
  must(wal.append_durable("the log goes on"));
  must(wal.close());
  std::printf("restored: %llu events\n", static_cast<unsigned long long>(restore(copy)));
}
