// SPDX-License-Identifier: MIT
//
// Signals: no handler of the program runs on a thread of the log.

#include <catch2/catch_test_macros.hpp>
#include <rewal/platform.hpp>

#if REWAL_POSIX

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>

namespace {

using namespace rewal_test;

std::atomic<bool> writer_known{false};
std::atomic<::pthread_t> writer{};
std::atomic<std::uint64_t> handled_by_writer{0};

void handler(int) {
  if (writer_known.load() && ::pthread_equal(::pthread_self(), writer.load()) != 0) handled_by_writer.fetch_add(1);
}

/// Handles SIGUSR1 as long as it lives, and this thread does not.
class HandledElsewhere {
 public:
  HandledElsewhere() {
    struct ::sigaction action {};
    action.sa_handler = &handler;
    ::sigaction(SIGUSR1, &action, &before_);
    ::sigset_t usr1;
    ::sigemptyset(&usr1);
    ::sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &usr1, &mask_);
  }
  ~HandledElsewhere() {
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    ::sigaction(SIGUSR1, &before_, nullptr);
  }

 private:
  struct ::sigaction before_ {};
  ::sigset_t mask_;
};

/// Whoever writes where the appending thread only waits.
struct TellsWriter {
  void after_write(std::size_t) {
    writer.store(::pthread_self());
    writer_known.store(true);
  }
};

}  // namespace

TEST_CASE("a storm of signals to the process never runs a handler on the writer thread") {
  TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).hooks(TellsWriter{}).build());
  must(wal.append("x"));
  REQUIRE(eventually([] { return writer_known.load(); }));
  const HandledElsewhere storm;
  for (int i = 0; i < 2000; ++i) {
    ::pthread_kill(writer.load(), SIGUSR1);
    ::kill(::getpid(), SIGUSR1);
    must(wal.append("x"));
  }
  must(wal.flush());
  CHECK(handled_by_writer.load() == 0);
  must(wal.shutdown());
}

TEST_CASE("opening a log leaves the signals of the calling thread as they were") {
  ::sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  auto wal = must(Wal<>::open("a name").storage(MemoryStorage{}).build());
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal) CHECK(::sigismember(&before, signal) == ::sigismember(&after, signal));
}

#endif  // REWAL_POSIX
