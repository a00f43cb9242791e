// SPDX-License-Identifier: MIT
//
// A process that appends to a log, tells over a pipe what was acknowledged, and is killed. Made by a parent that has no
// thread of its own.

#ifndef REWAL_TESTS_KILL_KILLED_PROCESS_HPP
#define REWAL_TESTS_KILL_KILLED_PROCESS_HPP

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <kill/killing_file_system.hpp>
#include <kill/lsn_content.hpp>
#include <optional>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace rewal_kill {

using rewal::Batch;
using rewal::SyncMode;

/// What a process does with a log, and where it is killed.
struct Workload {
  std::string path;
  std::uint64_t seed = 0;
  KillPoint kill_point;
  bool real_syncs = false;
};

inline constexpr Lsn opened_bit = Lsn{1} << 63;  // with the LSN found at open

inline void tell(int pipe, Lsn lsn) {
  // 8 bytes of a pipe are never torn.
  if (::write(pipe, &lsn, sizeof lsn) != static_cast<::ssize_t>(sizeof lsn)) ::_exit(3);
}

[[nodiscard]] inline SyncMode mode_of(std::uint64_t n) {
  if (n % 3 == 0) return SyncMode::never;
  return n % 3 == 1 ? SyncMode::batch : SyncMode::interval(std::chrono::milliseconds(1));
}

/// Appends, flushes and waits until it is killed, or 300 times. Returns 0 where it came to its end.
[[nodiscard]] inline int append_and_wait(const Workload& workload, int pipe) {
  Random random(workload.seed);
  KillingFileSystem files;
  files.real_syncs = workload.real_syncs;
  *files.point = workload.kill_point;
  auto storage = KillingStorage::open(workload.path, files);
  if (!storage) return 4;
  auto opened = rewal::Wal<>::open(workload.path)
                    .sync_mode(mode_of(random.next()))
                    .queue_bytes(random.below(2) == 0 ? 16 * 1024 : 512 * 1024)
                    .buffer_capacity(random.below(2) == 0 ? 512 : 64 * 1024)
                    .preallocate(random.below(3) * 128 * 1024)
                    .storage(std::move(*storage))
                    .build();
  if (!opened) {
    std::fprintf(stderr, "the child cannot open the log: %s\n", std::string(opened.error().message()).c_str());
    return 5;
  }
  rewal::Wal<KillingStorage> wal = std::move(*opened);
  Lsn last = wal.last_lsn();
  tell(pipe, opened_bit | last);
  std::vector<std::byte> payload;
  auto batch = Batch::with_capacity(batch_count);
  const std::uint64_t habit = random.below(4);  // how often it waits
  for (int i = 0; i < 300; ++i) {
    batch.clear();
    const bool durable = habit == 3 && random.below(2) == 0;
    do {
      fill(++last, payload);
      batch.add_with_meta(payload, meta_of(last));
    } while (!is_last_of_frame(last));
    const Result<Lsn> lsn = batch.size() == 1 ? (durable ? wal.append_durable_with_meta(payload, meta_of(last))
                                                         : wal.append_with_meta(payload, meta_of(last)))
                                              : (durable ? wal.append_batch_durable(batch) : wal.append_batch(batch));
    if (!lsn || *lsn != last) return 6;
    if (durable) {
      tell(pipe, last);
    } else if (random.below(habit == 0 ? 40 : 4) == 0) {
      const Result<void> done = habit == 2 ? wal.wait_durable(last) : wal.flush();
      if (!done) return 7;
      tell(pipe, last);
    }
  }
  if (!wal.shutdown()) return 8;
  tell(pipe, last);
  return 0;
}

/// What a process told before it was killed, and how it ended.
struct KilledProcess {
  Lsn found = 0;  // at open
  bool opened = false;
  Lsn acknowledged = 0;
  int status = 0;
  [[nodiscard]] bool was_killed() const { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }
};

/// Forks a process; `after` kills it from outside that long after it has opened the log, or after it was started.
inline KilledProcess run_process(const Workload& workload, std::optional<std::chrono::microseconds> after,
                                 bool from_start) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const ::pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child");
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(120);                                 // a hang is noticed by its signal
    ::_exit(append_and_wait(workload, ends[1]));  // nothing of the parent's is to be destroyed
  }
  ::close(ends[1]);
  KilledProcess process;
  const auto started = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (after && from_start) deadline = started + *after;
  for (;;) {
    ::pollfd ready{ends[0], POLLIN, 0};
    if (deadline && std::chrono::steady_clock::now() >= *deadline) {
      ::kill(child, SIGKILL);
      deadline.reset();
    }
    // Milliseconds are too coarse to be killed at: near the deadline it spins.
    const int wait = !deadline ? 1000
                               : static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                      *deadline - std::chrono::steady_clock::now())
                                                      .count());
    if (::poll(&ready, 1, (std::max)(0, wait)) <= 0) continue;
    Lsn said = 0;
    const auto got = ::read(ends[0], &said, sizeof said);
    if (got != static_cast<::ssize_t>(sizeof said)) break;
    if ((said & opened_bit) != 0) {
      process.opened = true;
      process.found = said & ~opened_bit;
      if (after && !from_start) deadline = std::chrono::steady_clock::now() + *after;
    } else {
      process.acknowledged = said;
    }
  }
  ::close(ends[0]);
  while (::waitpid(child, &process.status, 0) < 0) {
  }
  return process;
}

}  // namespace rewal_kill

#endif  // REWAL_TESTS_KILL_KILLED_PROCESS_HPP
