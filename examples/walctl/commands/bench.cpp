// SPDX-License-Identifier: MIT
//
// bench: what a disk can do with plain system calls, what rewal makes of it, and what that says about the options.
// All files are made in a folder of its own, which goes with it. Lone times of a shared machine are noisy: each figure
// is a median.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <rewal/wal.hpp>

#include <walctl/commands/commands.hpp>
#include <walctl/numbers.hpp>

namespace walctl {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// A folder that goes with the object.
class Folder {
 public:
  explicit Folder(const std::filesystem::path& parent)
      : path_(parent / ("walctl-bench-" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(path_, failed_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::error_code& failed() const noexcept { return failed_; }
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
  std::error_code failed_;
};

struct RawFile {
  RawFile(const std::string& path, int flags)
      : descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600)) {}
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;
  ~RawFile() { ::close(descriptor); }
  int descriptor;
};

class Bench {
 public:
  Bench(Output& output, const BenchOptions& options, const Folder& folder)
      : output_(output), folder_(folder), each_(static_cast<double>(options.seconds) / 7) {}

  void run() {
    output_.text(output_.bold("                                              figure"));
    const double raw_rate = write_rate();
    row("write, 64 KiB at a time, a fresh file", "write_bytes_per_second", raw_rate, sized(raw_rate) + "/s");
    const double sync_us = raw_durable("fdatasync", 0);
    row("write of 4 KiB + fdatasync", "fdatasync_us", sync_us, fixed(sync_us, 0) + " us");
    const double dsync_us = raw_durable("dsync", O_DSYNC);
    row("write of 4 KiB, O_DSYNC", "o_dsync_us", dsync_us, fixed(dsync_us, 0) + " us");
    const double append_ns = append();
    row("rewal: append of 128 bytes", "append_ns", append_ns, fixed(append_ns, 0) + " ns");
    const double alone = durable(1);
    row("rewal: durable append, 1 thread", "durable_1_per_second", alone,
        grouped(static_cast<std::uint64_t>(alone)) + "/s");
    const double eight = durable(8);
    row("rewal: durable append, 8 threads", "durable_8_per_second", eight,
        grouped(static_cast<std::uint64_t>(eight)) + "/s");
    const double many = durable(32);
    row("rewal: durable append, 32 threads", "durable_32_per_second", many,
        grouped(static_cast<std::uint64_t>(many)) + "/s");
    advise(sync_us, alone, many);
  }
  [[nodiscard]] const std::optional<rewal::Error>& error() const noexcept { return error_; }

 private:
  void row(const char* what, const char* key, double value, const std::string& words) {
    if (error_ || !output_.goes_on()) return;
    std::ostringstream line;
    line << "  " << std::left << std::setw(38) << what << std::right << std::setw(14) << words;
    output_.text(line.str());
    output_.json({{"type", "figure"}, {"name", key}, {"value", value}});
    output_.out().flush();
  }

  void advise(double sync_us, double alone, double many) {
    if (error_ || !output_.goes_on()) return;
    std::vector<std::string> advice;
    if (sync_us < 20) {
      advice.push_back("An fsync of " + fixed(sync_us, 0) + " us: no disk was asked. This is memory, or a drive that");
      advice.push_back("answers before it has written; durable means nothing here.");
    } else if (sync_us > 2000) {
      advice.push_back("An fsync takes " + fixed(sync_us / 1000, 1) +
                       " ms. Let many threads share it (append_durable from each),");
      advice.push_back("or accept to lose a little: SyncMode::interval(50ms).");
    } else {
      advice.push_back("One thread that waits for each event gets " + grouped(static_cast<std::uint64_t>(alone)) +
                       " a second; threads share fsyncs:");
      advice.push_back("32 of them get " + grouped(static_cast<std::uint64_t>(many)) +
                       ". append_batch makes many events one frame.");
    }
    advice.push_back("Where a power loss may take the last moments: SyncMode::interval(d).");
    output_.text("");
    for (const auto& line : advice) output_.text("  " + line);
    output_.json({{"type", "advice"}, {"lines", advice}});
  }

  void failed(const char* what) {
    if (!error_) error_ = rewal::Error(rewal::Errc::io, std::error_code(errno, std::system_category()), what);
  }
  template <class T>
  bool ok(const rewal::Result<T>& result) {
    if (!result && !error_) error_ = result.error();
    return result.has_value();
  }
  [[nodiscard]] bool lasts(Clock::time_point begin) const {
    return !error_ && output_.goes_on() && seconds_since(begin) < each_;
  }

  /// Bytes a second.
  double write_rate() {
    const std::vector<char> piece(65536, 'w');
    std::vector<double> rates;
    for (const auto begin = Clock::now(); lasts(begin);) {
      const RawFile file(folder_.file("raw"), O_TRUNC);
      const auto round = Clock::now();
      constexpr int pieces = 1024;
      for (int i = 0; i < pieces; ++i) {
        if (::write(file.descriptor, piece.data(), piece.size()) != static_cast<::ssize_t>(piece.size())) {
          failed("writing a file of the bench failed: make room");
          return 0;
        }
      }
      rates.push_back(static_cast<double>(piece.size()) * pieces / seconds_since(round));
    }
    return median(std::move(rates));
  }

  /// Microseconds for one durable overwrite.
  double raw_durable(const char* name, int flags) {
    const RawFile file(folder_.file(name), flags);
    const std::vector<char> block(4096, 'd');
    std::vector<double> times;
    constexpr ::off_t blocks = 256;
    for (::off_t i = 0; i < blocks; ++i) {
      if (::pwrite(file.descriptor, block.data(), block.size(), i * 4096) < 0)
        failed("writing a file of the bench failed: make room");
    }
    if (::fsync(file.descriptor) != 0) failed("fsync failed: check the device");
    ::off_t i = 0;
    for (const auto begin = Clock::now(); lasts(begin);) {
      const auto one = Clock::now();
      if (::pwrite(file.descriptor, block.data(), block.size(), i++ % blocks * 4096) < 0)
        failed("writing a file of the bench failed");
      if (flags == 0 && ::fdatasync(file.descriptor) != 0) failed("fdatasync failed: check the device");
      times.push_back(seconds_since(one) * 1e6);
    }
    return median(std::move(times));
  }

  /// Nanoseconds an event, the write included.
  double append() {
    const std::string event(128, 'e');
    std::vector<double> times;
    for (const auto begin = Clock::now(); lasts(begin);) {
      std::error_code ignored;
      std::filesystem::remove(folder_.file("append"), ignored);
      auto wal = rewal::Wal<>::open(folder_.file("append")).build();
      if (!ok(wal)) return 0;
      constexpr int events = 200'000;
      const auto round = Clock::now();
      for (int i = 0; i < events; ++i) {
        if (!ok(wal->append(event))) return 0;
      }
      if (!ok(wal->flush())) return 0;
      times.push_back(seconds_since(round) * 1e9 / events);
    }
    return median(std::move(times));
  }

  /// Events a second of so many threads that wait for each.
  double durable(int threads) {
    const std::string path = folder_.file("durable");
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    auto opened = rewal::Wal<>::open(path).build();
    if (!ok(opened)) return 0;
    rewal::Wal<>& wal = *opened;
    std::atomic<std::uint64_t> events{0};
    std::atomic<bool> has_failed{false};
    const auto begin = Clock::now();
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        const std::string event(128, 'e');
        while (seconds_since(begin) < each_ && !output_.common().stopped() &&
               !has_failed.load(std::memory_order_relaxed)) {
          if (wal.append_durable(event)) {
            events.fetch_add(1, std::memory_order_relaxed);
          } else {
            has_failed.store(true, std::memory_order_relaxed);
          }
        }
      });
    }
    for (auto& worker : workers) worker.join();
    const double elapsed = seconds_since(begin);
    if (!ok(wal.shutdown())) return 0;
    return static_cast<double>(events.load(std::memory_order_relaxed)) / elapsed;
  }

  Output& output_;
  const Folder& folder_;
  double each_;
  std::optional<rewal::Error> error_;
};

}  // namespace

int bench(std::ostream& out, std::ostream& err, const BenchOptions& options) {
  Output output(out, err, options.common, "bench");
  const Folder folder(options.directory);
  if (folder.failed()) return output.finish(output.failure(options.directory, folder.failed().message()));
  Bench bench(output, options, folder);
  bench.run();
  if (bench.error()) return output.finish(output.failure(options.directory, *bench.error()));
  return output.finish(exit_clean);
}

}  // namespace walctl
