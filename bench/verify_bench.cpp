// SPDX-License-Identifier: MIT
//
// How long does `walctl verify` take over a large log, 6M events of 256 bytes, 1.7 GB, in the page cache, with two
// threads? (P19) The yardstick maps the file and passes over its frames once with the log's own kernel, as for P7.

#include <sstream>
#include <string>

#include <rewal/wal.hpp>

#include <walctl/commands/commands.hpp>
#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/fresh_log.hpp"
#include "harness/mapped_file.hpp"
#include "harness/question.hpp"
#include "harness/setting.hpp"

namespace {

using namespace bench;

constexpr std::size_t event_bytes = 256;
constexpr std::size_t event_frame_bytes = event_bytes + frame_overhead;

class LargeLog {
 public:
  LargeLog() : path_(setting().fresh("large")), count_(setting().count(6'000'000)) {
    auto wal = must(rewal::Wal<>::open(path_).build());
    const std::string event(event_bytes, 'e');
    for (std::uint64_t i = 0; i < count_; ++i) must(wal.append(event));
    must(wal.shutdown());
  }

  [[nodiscard]] double verify(Notes& notes) const {
    walctl::VerifyOptions options;
    options.common.json = true;
    options.logs = {path_};
    options.threads = 2;
    std::ostringstream out;
    std::ostringstream err;
    const auto begin = Clock::now();
    const int code = walctl::verify(out, err, options);
    const double elapsed = nanoseconds_since(begin);
    must_be(code == 0 && out.str().find("\"events\":" + std::to_string(count_)) != std::string::npos,
            "every event is verified");
    notes.add("GB/s", static_cast<double>(count_ * event_frame_bytes) / elapsed);
    return elapsed / 1e6;
  }

  [[nodiscard]] double checksum_pass() const {
    const auto begin = Clock::now();
    const MappedFile file(path_);
    const std::uint64_t right = file.right_checksums(event_frame_bytes);
    const double elapsed = nanoseconds_since(begin);
    must_be(right == count_, "every checksum is right");
    return elapsed / 1e6;
  }

 private:
  std::string path_;
  std::uint64_t count_;
};

}  // namespace

void bench::questions() {
  ask({.row = "P19",
       .what = "walctl verify, 6M x 256 B, warm, two threads; one checksum pass over the mapping",
       .unit = "ms",
       .bar = 0.7,
       .reach = 0.55},
      [](Notes& notes) -> std::vector<Side> {
        static const LargeLog log;
        return {{"walctl", [&notes] { return log.verify(notes); }}, {"pass", [] { return log.checksum_pass(); }}};
      });
}
