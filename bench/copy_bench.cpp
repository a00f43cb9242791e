// SPDX-License-Identifier: MIT
//
// How long does `copy_to` take over a live log, 3.6M events of 256 bytes, 1 GB, in the page cache, while one thread appends
// 1,000 durable events a second? (P18) The yardstick is the program `cp`, with an fsync of what it wrote, as copy_to makes
// one, beside the same thread. Copying without an fsync is another promise.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include <rewal/wal.hpp>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::size_t event_bytes = 256;

class LiveLog {
 public:
  LiveLog()
      : path_(setting().fresh("live")),
        count_(setting().count(3'600'000)),
        wal_(must(rewal::Wal<>::open(path_).build())) {
    const std::string event(event_bytes, 'e');
    for (std::uint64_t i = 0; i < count_; ++i) must(wal_.append(event));
    must(wal_.flush());
    must(wal_.sync());
  }

  [[nodiscard]] double copy_to(Notes& notes) {
    const std::string copy = setting().fresh("copy");
    const double elapsed =
        beside_a_producer([&] { must_be(must(wal_.copy_to(copy)) >= count_, "every durable event is in the copy"); });
    notes.add("GB/s", static_cast<double>(std::filesystem::file_size(copy)) / elapsed);
    std::filesystem::remove(copy);
    return elapsed / 1e6;
  }

  [[nodiscard]] double cp() {
    const std::string copy = setting().fresh("copy");
    const std::string command = "cp '" + path_ + "' '" + copy + "' && sync '" + copy + "'";
    const double elapsed = beside_a_producer([&] { must_be(std::system(command.c_str()) == 0, "cp copies the file"); });
    std::filesystem::remove(copy);
    return elapsed / 1e6;
  }

 private:
  /// The nanoseconds that `copy` takes.
  template <class F>
  [[nodiscard]] double beside_a_producer(F&& copy) {
    std::atomic<bool> done{false};
    std::thread producer([&] {
      const std::string event(event_bytes, 'e');
      while (!done) {
        must(wal_.append_durable(event));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    const auto begin = Clock::now();
    copy();
    const double elapsed = nanoseconds_since(begin);
    done = true;
    producer.join();
    return elapsed;
  }

  std::string path_;
  std::uint64_t count_;
  rewal::Wal<> wal_;
};

}  // namespace

void bench::questions() {
  ask({.row = "P18",
       .what = "copy_to of a live log of 1 GB, warm; cp and an fsync of its copy",
       .unit = "ms",
       .bar = 1.25,
       .reach = 1.0},
      [](Notes& notes) -> std::vector<Side> {
        static LiveLog log;
        return {{"copy_to", [&notes] { return log.copy_to(notes); }}, {"cp", [] { return log.cp(); }}};
      });
}
