// SPDX-License-Identifier: MIT
//
// What does an idle log cost? (P12) Wake-ups and processor time of the log's own threads over a second in which nobody
// calls it, as the kernel counts them for each thread: a thread that ran has been switched away from since.

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

struct Activity {
  std::uint64_t threads = 0;
  std::uint64_t switches = 0;
  double microseconds = 0;
};

/// Of all threads of this process but the one that asks.
Activity others() {
  Activity all;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == std::to_string(::gettid())) continue;
    ++all.threads;
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    all.microseconds += nanoseconds / 1e3;
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      std::uint64_t count = 0;
      if (word.find("voluntary_ctxt_switches:") != std::string::npos && status >> count) all.switches += count;
    }
  }
  return all;
}

/// Between two readings, a second after the log has last been used. `followed`: two threads wait for its next event.
template <class Configure>
Activity of_an_idle_log(Configure configure, bool followed) {
  auto log = fresh_log("log", configure);
  std::vector<std::thread> followers;
  for (const auto what : {rewal::Follow::durable, rewal::Follow::written}) {
    if (!followed) continue;
    followers.emplace_back([follower = must(log->follow(1, what))]() mutable {
      while (follower.next_borrowed()) {
      }
    });
  }
  for (int i = 0; i < 1000; ++i) must(log->append(payload));
  must(log->flush());
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const Activity before = others();
  must_be(before.threads > 0 && before.switches > 0, "the log's thread is seen");
  std::this_thread::sleep_for(std::chrono::duration<double>(setting().quick ? 0.1 : 1.0));
  const Activity after = others();
  log.must_hold(1000);
  must(log->shutdown());
  for (auto& follower : followers) follower.join();
  return {after.threads - before.threads, after.switches - before.switches, after.microseconds - before.microseconds};
}

template <class Configure>
void ask_for_idleness(const std::string& row, const std::string& mode, Configure configure, bool followed = false) {
  ask({.row = row,
       .what = "wake-ups of an idle log in a second, sync mode " + mode +
               (followed ? ", two waiting followers included" : ""),
       .unit = "wake-ups",
       .bar = 0.0,
       .reach = 0.0},
      [=](Notes& notes) -> std::vector<Side> {
        return {{"rewal", [=, &notes] {
                   const Activity idle = of_an_idle_log(configure, followed);
                   notes.add("us of processor time", idle.microseconds);
                   return static_cast<double>(idle.switches);
                 }}};
      });
}

}  // namespace

void bench::questions() {
  using rewal::SyncMode;
  ask_for_idleness("P12/never", "never", [](auto builder) { return std::move(builder).sync_mode(SyncMode::never); });
  ask_for_idleness("P12/batch", "batch", [](auto builder) { return std::move(builder).sync_mode(SyncMode::batch); });
  ask_for_idleness("P12/interval", "interval(50ms)", [](auto builder) {
    return std::move(builder).sync_mode(SyncMode::interval(std::chrono::milliseconds(50)));
  });
  ask_for_idleness(
      "P12/followed", "never", [](auto builder) { return std::move(builder).sync_mode(SyncMode::never); }, true);
}
