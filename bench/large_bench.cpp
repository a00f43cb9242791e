// SPDX-License-Identifier: MIT
//
// Do large events fall off a cliff? 128 MiB of them, flush included, beside a `write` of the same bytes, frame by
// frame, into a file as fresh as the log's. An event of 1 MiB or more is larger than the queue. The payloads alone are
// written too: without the 34 bytes around them, they begin and end with the file's pages, which is faster.

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/question.hpp"
#include "harness/raw_file.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::size_t KiB = 1024;

double megabytes_per_second(std::uint64_t bytes, double nanoseconds) {
  return static_cast<double>(bytes) * 1e3 / nanoseconds;
}

double append(const std::string& event, std::uint64_t times) {
  auto log = fresh_log("log");
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) must(log->append(event));
  must(log->flush());
  const double elapsed = nanoseconds_since(begin);
  log.must_hold(times, event);
  return megabytes_per_second((event.size() + frame_overhead) * times, elapsed);
}

double write(std::size_t size, std::uint64_t times) {
  const std::string bytes(size, 'r');
  RawFile file("raw");
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < times; ++i) file.write(bytes.data(), bytes.size());
  return megabytes_per_second(size * times, nanoseconds_since(begin));
}

}  // namespace

void bench::questions() {
  for (const std::size_t size : {1 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, 1024 * KiB, 8192 * KiB}) {
    const std::string kibibytes = std::to_string(size / KiB);
    Question question{.row = "large/KiB:" + kibibytes,
                      .what = "append of events of " + kibibytes + " KiB, flush included; `write` of each frame",
                      .unit = "MB/s",
                      .better = Better::more};
    if (size >= 64 * KiB) question.bar = 0.8;
    ask(question, [size](Notes&) -> std::vector<Side> {
      const std::string event(size, 'l');
      const std::uint64_t times = setting().quick ? 3 : (128 * KiB * KiB) / size;
      return {{"rewal", [=] { return append(event, times); }},
              {"raw", [=] { return write(size + frame_overhead, times); }},
              {"raw_payload", [=] { return write(size, times); }}};
    });
  }
}
