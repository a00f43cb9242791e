// SPDX-License-Identifier: MIT
//
// WorkloadContext: what the workloads work with: their folder, the file that takes what they are told, one seed, and
// logs opened with options that it gives. Threads of a workload share it; each has its own Random. A call that fails
// ends the process, for on a sound disk none may.

#ifndef REWAL_TESTS_POWERCUT_WORKLOAD_CONTEXT_HPP
#define REWAL_TESTS_POWERCUT_WORKLOAD_CONTEXT_HPP

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "numbered_events.hpp"
#include "told.hpp"

namespace rewal_powercut {

/// The value of a result, or the end of the process.
template <class T>
T must(rewal::Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "workload: %s\n", result.error().message().c_str());
    std::_Exit(1);
  }
  return std::move(*result);
}
inline void must(const rewal::Result<void>& result) {
  if (result) return;
  std::fprintf(stderr, "workload: %s\n", result.error().message().c_str());
  std::_Exit(1);
}

class WorkloadContext {
 public:
  WorkloadContext(std::string folder, const char* told, std::uint64_t seed, std::uint32_t session)
      : folder_(std::move(folder)), told_(::open(told, O_WRONLY | O_CLOEXEC)), seed_(seed), session_(session) {
    if (told_ < 0) std::perror("workload: opening the file that takes what is told"), std::_Exit(1);
  }

  [[nodiscard]] std::string path(const char* what, std::uint32_t number) const {
    return folder_ + "/" + what + "-" + std::to_string(number);
  }
  [[nodiscard]] Random random(std::uint64_t of) const { return Random(seed_ * 1'000 + of); }
  [[nodiscard]] std::uint32_t session() const { return session_; }
  void next_session() { ++session_; }

  void tell(const Told& what) const {
    if (::write(told_, &what, sizeof what) != sizeof what) std::perror("workload: telling"), std::_Exit(1);
  }
  void tell_durable(std::uint32_t log, std::uint32_t thread, std::uint64_t lsn, std::uint64_t count) const {
    tell({.kind = Told::Kind::durable, .file = log, .author = {session_, thread}, .lsn = lsn, .count = count});
  }

  /// Opens log `number` with options of the seed, and tells what was found.
  [[nodiscard]] rewal::Wal<> open(std::uint32_t number, rewal::SyncMode mode = rewal::SyncMode::never) const {
    Random options = random(number + 500);
    auto builder = rewal::Wal<>::open(path("log", number));
    builder.sync_mode(mode)
        .buffer_capacity(options.among<std::uint64_t>({512, 4096, 65536, 65536}))
        .queue_capacity(options.among<std::uint64_t>({2, 64, 4096}))
        .preallocate(options.among<std::uint64_t>({0, 4096, 65536, 1 << 20, 4 << 20}));
    auto log = must(builder.build());
    Told told{.kind = Told::Kind::opened, .file = number, .author = {session_, 0}, .lsn = log.last_lsn()};
    must(log.replay(1, [&](const rewal::BorrowedEvent& event) {
      if (const auto numbered = read(event.payload)) told.digest = digest(told.digest, *numbered);
    }));
    tell(told);
    if (!log.recovery().saved_copy.empty()) tell_saved(number, log.recovery().saved_copy);
    return log;
  }

  /// A file system writes pages back when it likes; this has it do so now, for some of the log's bytes.
  void write_back_some(Random& random, std::uint32_t log) const {
    const int file = ::open(path("log", log).c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    const auto size = static_cast<std::uint64_t>(::lseek(file, 0, SEEK_END));
    const auto at = random.below(size / 4096 + 1) * 4096;
    const auto count = (1 + random.below(8)) * 4096;
    static_cast<void>(
        ::sync_file_range(file, static_cast<off_t>(at), static_cast<off_t>(count),
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
    ::close(file);
  }

  /// Another program fsyncs another file: metadata of all files may go with it, their bytes need not.
  void sync_another_file(Random& random) const {
    const int file = ::open((folder_ + "/another").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return;
    const std::vector<char> bytes(1 + random.below(5000), 'a');
    static_cast<void>(!::write(file, bytes.data(), bytes.size()));
    ::fsync(file);
    ::close(file);
  }

 private:
  /// `<log>.cut-<offset>`; a second one of that offset has a further number, and is not told.
  void tell_saved(std::uint32_t number, const std::string& name) const {
    const auto before = path("log", number) + ".cut-";
    if (!name.starts_with(before) || name.find('.', before.size()) != std::string::npos) return;
    std::ifstream file(name, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    tell({.kind = Told::Kind::saved,
          .file = number,
          .author = {session_, 0},
          .lsn = text.size(),
          .count = std::strtoull(name.c_str() + before.size(), nullptr, 10),
          .digest = digest_of_bytes(std::as_bytes(std::span(text)))});
  }

  std::string folder_;
  int told_;
  std::uint64_t seed_;
  std::uint32_t session_;
};

/// One thread that appends numbered events to one log.
class Producer {
 public:
  Producer(const WorkloadContext& context, rewal::Wal<>& log, std::uint32_t number, std::uint32_t thread)
      : context_(context), log_(log), number_(number), thread_(thread) {}

  rewal::Lsn append(std::uint64_t size) {
    make(1, size);
    return count(must(log_.append(payloads_[0])), 1);
  }
  void append_durable(std::uint64_t size) {
    make(1, size);
    tell(count(must(log_.append_durable(payloads_[0])), 1));
  }
  rewal::Lsn append_batch(std::uint64_t events, std::uint64_t size) {
    return count(must(log_.append_batch(batch(events, size))), events);
  }
  void append_batch_durable(std::uint64_t events, std::uint64_t size) {
    tell(count(must(log_.append_batch_durable(batch(events, size))), events));
  }
  void wait_durable(rewal::Lsn lsn) {
    must(log_.wait_durable(lsn));
    tell(lsn);
  }
  /// All that this thread has appended is durable.
  void tell(rewal::Lsn lsn) const { context_.tell_durable(number_, thread_, lsn, next_); }

 private:
  void make(std::uint64_t events, std::uint64_t size) {
    payloads_.resize(events);
    for (std::uint64_t i = 0; i < events; ++i) {
      fill(payloads_[i], Numbered{.author = {context_.session(), thread_},
                                  .place_in_batch = static_cast<std::uint16_t>(i),
                                  .batch_size = static_cast<std::uint16_t>(events),
                                  .number = next_ + i,
                                  .size = size});
    }
  }
  const rewal::Batch& batch(std::uint64_t events, std::uint64_t size) {
    make(events, size);
    batch_.clear();
    for (const auto& payload : payloads_) batch_.add(payload);
    return batch_;
  }
  rewal::Lsn count(rewal::Lsn lsn, std::uint64_t events) {
    next_ += events;
    return lsn;
  }

  const WorkloadContext& context_;
  rewal::Wal<>& log_;
  const std::uint32_t number_;
  const std::uint32_t thread_;
  std::uint64_t next_ = 0;
  std::vector<std::vector<std::byte>> payloads_;
  rewal::Batch batch_;
};

/// Runs `work(0)` .. `work(threads - 1)` at once.
template <class Work>
void together(std::uint32_t threads, Work work) {
  std::vector<std::thread> running;
  for (std::uint32_t i = 0; i < threads; ++i) running.emplace_back([&work, i] { work(i); });
  for (auto& thread : running) thread.join();
}

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_WORKLOAD_CONTEXT_HPP
