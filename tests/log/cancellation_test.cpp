// SPDX-License-Identifier: MIT
//
// Cancellation: a thread that is cancelled inside a call ends behind it, and the log goes on.

#include <catch2/catch_test_macros.hpp>
#include <rewal/platform.hpp>

#if REWAL_POSIX && !REWAL_ANDROID

#include <pthread.h>

#include <rewal/wal.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>

namespace {

using namespace rewal_test;

void* append_for_ever(void* wal) {
  for (;;) {
    must(static_cast<Wal<>*>(wal)->append_durable("x"));
    ::pthread_testcancel();
  }
}

}  // namespace

TEST_CASE("a thread that is cancelled inside append_durable ends behind it, and the log goes on") {
  TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).build());
  for (int i = 0; i < 20; ++i) {
    const Lsn before = wal.durable_lsn();
    ::pthread_t thread;
    REQUIRE(::pthread_create(&thread, nullptr, &append_for_ever, &wal) == 0);
    CHECK(eventually([&] { return wal.durable_lsn() > before + 2; }));
    ::pthread_cancel(thread);
    void* ended = nullptr;
    ::pthread_join(thread, &ended);
    CHECK(ended == PTHREAD_CANCELED);
  }
  must(wal.append_durable("goes on"));
  must(wal.shutdown());
}

#endif  // REWAL_POSIX
