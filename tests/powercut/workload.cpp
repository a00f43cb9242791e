// SPDX-License-Identifier: MIT
//
// The workloads on whose disk the power goes: `rewal_powercut_workload NAME FOLDER TOLD SEED LIFE`, a program that uses
// the public names alone, so that it can be compiled with headers in which a bug is planted. It ends with 0, or with 1
// where a call failed that may not. Without arguments it prints the names of its workloads.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <rewal/wal.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "numbered_events.hpp"
#include "workload_context.hpp"
#if __has_include(<rewal/cursor.hpp>)
#include <rewal/cursor.hpp>
#endif

namespace rewal_powercut {
namespace {

using namespace std::chrono_literals;

/// The process is gone; what it had not fsynced is in the system's memory alone.
[[noreturn]] void die() { std::_Exit(0); }

/// One log after the other is created, gets a few events about the size of a sector or a page, and is closed or not.
void fresh(WorkloadContext& context) {
  Random random = context.random(1);
  for (std::uint32_t number = 0; number < 6; ++number) {
    auto log = context.open(number);
    Producer producer(context, log, number, 0);
    if (random.once_in(2)) context.sync_another_file(random);
    for (auto i = random.below(4); i > 0; --i) {
      const auto size = random.among<std::uint64_t>({40, 400, 470, 480, 490, 600, 4000, 4100, 9000});
      if (random.once_in(3)) {
        producer.append(size);
        if (random.once_in(2)) must(log.flush());
        if (random.once_in(2)) context.write_back_some(random, number);
      } else {
        producer.append_durable(size);
      }
    }
    if (random.once_in(2)) {
      must(log.shutdown());
      producer.tell(log.last_lsn());
    }
  }
}

void threads(WorkloadContext& context) {
  auto log = context.open(0);
  together(4, [&](std::uint32_t thread) {
    Random random = context.random(thread);
    Producer producer(context, log, 0, thread);
    for (int i = 0; i < 20; ++i) {
      if (random.once_in(4)) producer.append(random.below(300));
      producer.append_durable(random.below(1500));
    }
  });
}

void batches(WorkloadContext& context) {
  auto log = context.open(0);
  together(3, [&](std::uint32_t thread) {
    Random random = context.random(thread);
    Producer producer(context, log, 0, thread);
    for (int i = 0; i < 16; ++i) {
      if (random.once_in(2)) producer.append_batch(1 + random.below(20), random.below(700));
      if (random.once_in(3)) context.write_back_some(random, 0);
      producer.append_batch_durable(1 + random.below(30), random.below(700));
    }
  });
}

void large(WorkloadContext& context) {
  auto log = context.open(0);
  together(2, [&](std::uint32_t thread) {
    Random random = context.random(thread);
    Producer producer(context, log, 0, thread);
    for (int i = 0; i < 8; ++i) {
      producer.append(random.below(600));
      const auto lsn = producer.append(random.once_in(3) ? random.below(400'000) : random.below(30'000));
      if (random.once_in(3)) context.write_back_some(random, 0);
      if (random.once_in(2)) producer.wait_durable(lsn);
    }
  });
}

/// Nobody asks for an fsync; one watches what the interval made durable.
void intervals(WorkloadContext& context) {
  auto log = context.open(0, rewal::SyncMode::interval(3ms));
  std::atomic<bool> over{false};
  std::thread watching([&] {
    for (rewal::Lsn told = 0; !over; std::this_thread::sleep_for(500us)) {
      if (const auto durable = log.durable_lsn(); durable > told) context.tell_durable(0, 0, told = durable, 0);
    }
  });
  together(2, [&](std::uint32_t thread) {
    Random random = context.random(thread);
    Producer producer(context, log, 0, thread);
    for (int i = 0; i < 100; ++i) {
      producer.append(random.below(900));
      if (random.once_in(20)) context.write_back_some(random, 0);
      std::this_thread::sleep_for(std::chrono::microseconds(random.below(1200)));
    }
  });
  over = true;
  watching.join();
}

/// SyncMode::batch, where a flush is the acknowledgement.
void flushes(WorkloadContext& context) {
  auto log = context.open(0, rewal::SyncMode::batch);
  together(3, [&](std::uint32_t thread) {
    Random random = context.random(thread);
    Producer producer(context, log, 0, thread);
    for (int i = 0; i < 15; ++i) {
      rewal::Lsn lsn = 0;
      for (auto more = 1 + random.below(4); more > 0; --more) lsn = producer.append(random.below(1000));
      must(log.flush());
      producer.tell(lsn);
    }
  });
}

/// Written and seldom fsynced, while the file system writes some pages back before others: only an fsync may be marked.
void written(WorkloadContext& context) {
  auto log = context.open(0);
  Random random = context.random(7);
  Producer producer(context, log, 0, 0);
  if (random.once_in(2)) producer.append_durable(300'000);  // so that later pages are written over, not allocated
  for (int i = 0; i < 60; ++i) {
    const auto lsn = random.once_in(3) ? producer.append_batch(1 + random.below(10), random.below(900))
                                       : producer.append(random.below(3000));
    if (!random.once_in(3)) must(log.flush());
    if (random.once_in(4)) context.write_back_some(random, 0);
    if (random.once_in(12)) context.sync_another_file(random);
    if (random.once_in(15)) producer.wait_durable(lsn);
  }
  must(log.flush());
  for (int i = 0; i < 8; ++i) context.write_back_some(random, 0);
  die();
}

/// Bytes behind the log's end, as if its process had died in the middle of a write: half a frame, behind it a whole one.
void tear(const WorkloadContext& context, Random& random) {
  std::ifstream file(context.path("log", 0), std::ios::binary);
  std::string start(600, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (start.size() < 64) return;
  std::ofstream end(context.path("log", 0), std::ios::binary | std::ios::app);
  const auto torn = static_cast<std::streamsize>(1 + random.below(60));
  end.write(start.data(), torn);
  if (random.once_in(2)) end << std::string(random.below(3000), 't') << start;
}

/// A process is killed and the log is opened again, several times: an opening must keep what it hands out. The last
/// session is short, so that the power often goes when nothing but the opening was told.
void sessions(WorkloadContext& context) {
  Random random = context.random(9);
  const auto count = 2 + random.below(4);
  for (std::uint64_t session = 0; session < count; ++session, context.next_session()) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = context.open(0);
      Random own = context.random(context.session() + 10);
      if (own.once_in(3)) context.write_back_some(own, 0);
      Producer producer(context, log, 0, 0);
      for (auto i = own.below(12); i > 0; --i) {
        producer.append(own.below(1500));
        if (own.once_in(6)) producer.append_durable(own.below(1500));
      }
      must(log.flush());
      if (own.once_in(4)) context.write_back_some(own, 0);
      die();
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) std::_Exit(1);
    if (random.once_in(3)) tear(context, random);
  }
}

/// Whatever logs there are after a cut are opened, and the power goes once more.
void again(WorkloadContext& context) {
  Random random = context.random(11);
  for (std::uint32_t number = 0; number < 16; ++number) {
    if (!std::filesystem::exists(context.path("log", number))) continue;
    auto log = context.open(number);
    Producer producer(context, log, number, 0);
    for (auto i = random.below(4); i > 0; --i) producer.append_durable(random.below(2000));
    if (random.once_in(2)) producer.append(random.below(2000)), must(log.flush());
    if (random.once_in(3)) context.write_back_some(random, number);
    if (random.once_in(2)) must(log.shutdown());
  }
}

template <class Log>
constexpr bool has_copies = requires(Log& log, std::string path) {
  log.copy_to(path);
};

template <class Log>
void copy(WorkloadContext& context, Log& log, std::uint32_t number) {
  if constexpr (has_copies<Log>) {
    context.tell({.kind = Told::Kind::copying, .file = number, .author = {}, .lsn = log.durable_lsn()});
    const auto lsn = must(log.copy_to(context.path("copy", number)));
    context.tell({.kind = Told::Kind::copied, .file = number, .author = {}, .lsn = lsn});
  }
}

/// Copies of a log that goes on. The directory's other files are fsynced meanwhile, and names with them.
void copies(WorkloadContext& context) {
  auto log = context.open(0);
  together(2, [&](std::uint32_t thread) {
    Random random = context.random(thread);
    Producer producer(context, log, 0, thread);
    for (int i = 0; i < 24; ++i) {
      if (random.once_in(2)) producer.append(random.below(3000));
      if (random.once_in(3)) producer.append_durable(random.below(9000));
      if (thread == 0 && i % 4 == 3) copy(context, log, static_cast<std::uint32_t>(i / 4));
      if (random.once_in(6)) context.sync_another_file(random);
    }
  });
}

void cursors([[maybe_unused]] WorkloadContext& context) {
#if __has_include(<rewal/cursor.hpp>)
  together(2, [&](std::uint32_t number) {
    Random random = context.random(number);
    for (int session = 0; session < 3; ++session) {
      auto cursor = must(rewal::Cursor::open(context.path("cursor", number)));
      for (int i = 0; i < 8; ++i) {
        const auto lsn = 1 + random.below(1'000'000);
        context.tell({.kind = Told::Kind::committing, .file = number, .author = {}, .lsn = lsn});
        must(cursor.commit(lsn));
        context.tell({.kind = Told::Kind::committed, .file = number, .author = {}, .lsn = lsn});
        if (random.once_in(4)) context.sync_another_file(random);
      }
    }
  });
#endif
}

struct Workload {
  std::string_view name;
  void (*run)(WorkloadContext&);
  bool is_there = true;
};
constexpr Workload workloads[] = {
    {"fresh", fresh},         {"threads", threads},
    {"batches", batches},     {"large", large},
    {"intervals", intervals}, {"flushes", flushes},
    {"written", written},     {"sessions", sessions},
    {"again", again},         {"copies", copies, has_copies<rewal::Wal<>>},
#if __has_include(<rewal/cursor.hpp>)
    {"cursors", cursors},
#else
    {"cursors", cursors, false},
#endif
};

}  // namespace
}  // namespace rewal_powercut

int main(int count, char** arguments) {
  for (const auto& workload : rewal_powercut::workloads) {
    if (count == 1 && workload.is_there) std::printf("%s\n", workload.name.data());
    if (count < 6 || workload.name != arguments[1]) continue;
    rewal_powercut::WorkloadContext context(arguments[2], arguments[3], std::strtoull(arguments[4], nullptr, 10),
                                            static_cast<std::uint32_t>(std::strtoul(arguments[5], nullptr, 10)));
    workload.run(context);
    return 0;
  }
  return count == 1 ? 0 : 2;
}
