// SPDX-License-Identifier: MIT
//
// What the benches share: rounds of two sides in turn, their medians and ratio, raw system calls as yardsticks, and a
// line on the machine. POSIX only. What is measured is said in the bench that does it.

#ifndef REWAL_BENCH_YARDSTICK_HPP
#define REWAL_BENCH_YARDSTICK_HPP

#include <rewal/wal.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

/// The value, or the end of the bench.
template <class T>
T must(rewal::Result<T> result) {
  if (!result) die(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
inline void must_be(bool holds, const char* what) {
  if (!holds) die(std::string("this does not hold: ") + what);
}

inline double nanoseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Where the files of the benches go, and the number of rounds.
struct Setting {
  std::string directory = ".";
  int rounds = 7;

  [[nodiscard]] std::string path(const char* name) const { return directory + "/rewal-bench-" + name; }
  [[nodiscard]] std::string fresh(const char* name) const {
    const std::string file = path(name);
    ::unlink(file.c_str());
    return file;
  }
};

/// One row of the table: both sides in turn, the median of each and of their ratio.
struct Row {
  double ours = 0;
  double theirs = 0;
  double ratio = 0;
};

inline Row take_turns(int rounds, const std::function<double()>& ours, const std::function<double()>& theirs) {
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    a.push_back(ours());
    b.push_back(theirs());
    ratios.push_back(a.back() / b.back());
  }
  return {median(a), median(b), median(ratios)};
}

inline void print_header() {
  std::printf("| # | what | rewal | yardstick | ratio | bar | |\n|---|---|---|---|---|---|---|\n");
}
/// `least` turns the bar round: the ratio must be at least that.
inline void print_row(const char* number, const char* what, const char* unit, const Row& row, double bar, bool least = false) {
  const bool holds = least ? row.ratio >= bar : row.ratio <= bar;
  std::printf("| %s | %s | %.1f %s | %.1f %s | %.2f | %s %.2f | %s |\n", number, what, row.ours, unit, row.theirs, unit, row.ratio,
              least ? ">=" : "<=", bar, holds ? "ok" : "missed");
  std::fflush(stdout);
}

inline void print_machine(const Setting& setting) {
  std::string model = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  struct utsname system {};
  ::uname(&system);
  struct statfs files {};
  ::statfs(setting.directory.c_str(), &files);
  std::printf("%s, %u cores, %s %s, file system type 0x%lx, compiler %s\n", model.c_str(), std::thread::hardware_concurrency(),
              system.sysname, system.release, static_cast<unsigned long>(files.f_type), __VERSION__);
#ifndef __OPTIMIZE__
  std::printf("WARNING: built without optimisation, the figures mean nothing\n");
#endif
  std::printf("%d rounds, both sides in turn, medians\n\n", setting.rounds);
}

/// A file written with plain calls.
class RawFile {
 public:
  explicit RawFile(const std::string& path, std::uint64_t reserve = 0)
      : fd_(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    if (fd_ < 0) die("cannot open " + path);
    if (reserve != 0 && (::posix_fallocate(fd_, 0, static_cast<off_t>(reserve)) != 0 || ::fsync(fd_) != 0)) {
      die("cannot reserve space in " + path);
    }
  }
  ~RawFile() { ::close(fd_); }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  void write(const void* data, std::size_t size) const {
    if (::write(fd_, data, size) != static_cast<ssize_t>(size)) die("write failed");
  }
  void sync() const {
    if (::fdatasync(fd_) != 0) die("fdatasync failed");
  }

 private:
  int fd_;
};

/// Group commit with plain calls: whoever comes first leads, waits up to 50 us for those whom the last fsync released,
/// writes what is gathered and fsyncs; the others wait for it.
class LeaderCommit {
 public:
  explicit LeaderCommit(const RawFile& file) : file_(file) {}

  void commit(const char* frame, std::size_t size) {
    std::unique_lock lock(mutex_);
    pending_.append(frame, size);
    ++arrived_;
    const std::uint64_t mine = generation_ + 1 + (writing_ ? 1 : 0);
    while (generation_ < mine) {
      if (leading_) {
        done_.wait(lock);
        continue;
      }
      leading_ = true;
      lead(lock);
      leading_ = false;
      done_.notify_all();
    }
  }

  [[nodiscard]] std::uint64_t syncs() const { return generation_; }

 private:
  void lead(std::unique_lock<std::mutex>& lock) {
    const auto until = Clock::now() + std::chrono::microseconds(50);
    while (arrived_ < released_ && Clock::now() < until) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    std::string group;
    group.swap(pending_);
    const std::uint64_t members = std::exchange(arrived_, 0);
    writing_ = true;
    lock.unlock();
    file_.write(group.data(), group.size());
    file_.sync();
    lock.lock();
    writing_ = false;
    released_ = members + arrived_;
    ++generation_;
  }

  const RawFile& file_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::string pending_;
  std::uint64_t arrived_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t generation_ = 0;
  bool leading_ = false;
  bool writing_ = false;
};

/// `work(i)` on each of so many threads.
inline void on_threads(unsigned threads, const std::function<void(unsigned)>& work) {
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) running.emplace_back(work, i);
  for (auto& thread : running) thread.join();
}

}  // namespace bench

#endif  // REWAL_BENCH_YARDSTICK_HPP
