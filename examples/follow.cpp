// SPDX-License-Identifier: MIT
//
// An outbox: one thread follows the log and delivers each event once it is durable, so that nothing is delivered that a
// crash could take back. A cursor remembers how far it has come; a second run delivers what the first one left.
//
//   follow [file]

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include <rewal/cursor.hpp>
#include <rewal/wal.hpp>

namespace {

using namespace std::chrono_literals;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "follow: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(rewal::Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Until the log ends: waits, without using the processor, for whatever becomes durable.
int deliver(rewal::Wal<>::Follower& follower, rewal::Cursor& cursor) {
  int delivered = 0;
  for (;;) {
    const auto event = follower.next_borrowed();
    if (!event) {
      if (event.error() == rewal::Errc::closed) break;  // shut down, and everything handed out
      fail(event.error().message());
    }
    std::printf("%llu: %s\n", static_cast<unsigned long long>(event->lsn),
                std::string(rewal::as_text(event->payload)).c_str());
    must(cursor.commit(event->lsn));  // one commit for many events is cheaper: then some come twice after a crash
    ++delivered;
  }
  return delivered;
}

int run(const std::string& path, const std::string& who) {
  auto wal = must(rewal::Wal<>::open(path).build());
  auto cursor = must(rewal::Cursor::open(path + ".cursor"));
  auto follower = must(wal.follow(cursor.lsn() + 1));
  int delivered = 0;
  std::thread outbox([&] { delivered = deliver(follower, cursor); });
  for (int i = 1; i <= 3; ++i) {
    must(wal.append(who + " event " + std::to_string(i)));
    std::this_thread::sleep_for(2ms);
  }
  must(wal.shutdown(5s));  // the follower has all of it before it ends
  outbox.join();
  must(cursor.close());
  return delivered;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "follow.wal";
  for (const auto& file : {path, path + ".cursor"}) std::filesystem::remove(file);
  if (run(path, "first") != 3 || run(path, "second") != 3) fail("each event was to be delivered once");
}
