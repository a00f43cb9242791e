// SPDX-License-Identifier: MIT
//
// The long run of everything at once: `rewal_soak SECONDS FOLDER [SEED]`, started by tests/torture/soak. In rounds: one
// log is used in this process, another in a child that is killed, a third on a full device or at a file size limit; each
// is judged when its session is over. One line a minute; what this process holds must not grow; the exit code is 1 after a
// violation. Rounds pause so that all of it uses half a processor.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "soak_acknowledged.hpp"
#include "soak_log.hpp"
#include "soak_resources.hpp"
#include "soak_session.hpp"
#if __has_include(<rewal/reader.hpp>)
#include <rewal/reader.hpp>
#endif

namespace rewal_soak {
namespace {

using std::chrono::milliseconds;

constexpr double most_processors = 0.5;
constexpr std::uint64_t most_bytes = 32 << 20;  // then the log is started anew

struct Counts {
  std::uint64_t rounds = 0, kills = 0, full = 0, limits = 0, anew = 0, outside = 0;
  std::uint64_t appended = 0, judged = 0, read = 0, followed = 0, copies = 0, violations = 0;

  void add(const Acknowledged& told) {
    appended += told.appended;
    read += told.read;
    followed += told.followed;
    copies += told.copies;
    violations += told.violations;
  }
};

/// `rewal_soak --session PATH TOLD SEED NUMBER MILLISECONDS LIMIT`: one session in a process of its own.
int run_alone(char** arguments) {
  SharedAcknowledged told(arguments[1]);
  Session session{.path = arguments[0],
                  .seed = std::strtoull(arguments[2], nullptr, 10),
                  .number = static_cast<std::uint32_t>(std::strtoul(arguments[3], nullptr, 10)),
                  .length = milliseconds(std::atoi(arguments[4]))};
  if (const auto limit = std::strtoull(arguments[5], nullptr, 10); limit > 0) {
    session.device_may_be_full = true;
    const struct ::rlimit most { limit, limit };
    ::setrlimit(RLIMIT_FSIZE, &most);
  }
  return run_session(session, told.get()) ? 0 : 1;
}

/// `rewal_soak --outside PATH MILLISECONDS`: reads a log that another process writes.
int read_outside([[maybe_unused]] char** arguments) {
#if __has_include(<rewal/reader.hpp>)
  const auto until = Clock::now() + milliseconds(std::atoi(arguments[1]));
  while (Clock::now() < until) {
    std::this_thread::sleep_for(milliseconds(50));
    auto reader = rewal::Reader<>::open(arguments[0]).build();
    if (!reader) {
      if (!std::filesystem::exists(arguments[0])) continue;
      std::fprintf(stderr, "VIOLATION: a reader outside: %s\n", reader.error().message().c_str());
      return 1;
    }
    History history;
    std::string wrong;
    const auto read = reader->replay(1, [&](const rewal::BorrowedEvent& event) {
      wrong = history.add(event.lsn, event.payload);
      return wrong.empty() && Clock::now() < until;
    });
    if (!read) wrong = read.error().message();
    if (!wrong.empty()) {
      std::fprintf(stderr, "VIOLATION: a reader outside: %s\n", wrong.c_str());
      return 1;
    }
  }
#endif
  return 0;
}

class Soak {
 public:
  Soak(std::string folder, std::uint64_t seed)
      : folder_(std::move(folder)),
        seed_(seed),
        random_(seed),
        told_(folder_ + "/told"),
        other_told_(folder_ + "/other-told"),
        here_(folder_ + "/here/log", most_bytes),
        killed_(folder_ + "/killed/log", most_bytes),
        full_(folder_ + "/small/log", std::uint64_t{1} << 20) {
    for (const char* part : {"here", "killed", "small"}) std::filesystem::create_directories(folder_ + "/" + part);
    has_small_device_ = std::filesystem::space(folder_ + "/small").capacity < (std::uint64_t{16} << 20);
  }

  bool run(std::chrono::seconds length) {
    std::printf("soak: seed %llu, %lld s%s\n", static_cast<unsigned long long>(seed_),
                static_cast<long long>(length.count()), has_small_device_ ? "" : "; no small device, so no full one");
    auto line = begin_ + std::chrono::minutes(1);
    while (Clock::now() < begin_ + length) {
      round();
      const auto learned = std::min<Clock::duration>(std::chrono::minutes(3), length / 2);
      const auto grew = limits_.check(Resources::now(), Clock::now() < begin_ + learned);
      if (!grew.empty()) {
        ++counts_.violations;
        std::fprintf(stderr, "VIOLATION: %s\n", grew.c_str());
      }
      if (Clock::now() > line) {
        print();
        line += std::chrono::minutes(1);
      }
      pause();
    }
    print();
    std::printf("soak: %s\n", counts_.violations == 0 ? "no violation" : "VIOLATIONS");
    report();
    return counts_.violations == 0;
  }

 private:
  void round() {
    ++counts_.rounds;
    const milliseconds length(100 + random_.below(1500));
    other_told_.begin();
    const bool limited = random_.once_in(10);
    const auto session = killed_.next_session(random_.next(), limited ? milliseconds(4000) : length * 3);
    const std::uint64_t limit = limited ? size_of(killed_.path()) + 100'000 + random_.below(std::uint64_t{2} << 20) : 0;
    const auto child =
        start({"--session", session.path, folder_ + "/other-told", std::to_string(session.seed),
               std::to_string(session.number), std::to_string(session.length.count()), std::to_string(limit)});
    live_here(length);
    end_child(child, limited);
    if (has_small_device_ && random_.once_in(6)) fill_the_device();
  }

  void live_here(milliseconds length) {
    told_.begin();
    const auto session = here_.next_session(random_.next(), length);
#if __has_include(<rewal/reader.hpp>)
    const auto outside = start({"--outside", session.path, std::to_string(length.count())});
    run_session(session, told_.get());
    ++counts_.outside;
    if (wait_for(outside) != 0) ++counts_.violations;
#else
    run_session(session, told_.get());
#endif
    counts_.judged += here_.judge(told_.get(), counts_.violations);
    counts_.add(told_.get());
  }

  void end_child(pid_t child, bool limited) {
    if (limited) {
      ++counts_.limits;
      if (wait_for(child) != 0) ++counts_.violations;
    } else {
      std::this_thread::sleep_for(milliseconds(random_.below(100)));
      ::kill(child, SIGKILL);
      ++counts_.kills;
      wait_for(child);
    }
    counts_.judged += killed_.judge(other_told_.get(), counts_.violations);
    counts_.add(other_told_.get());
  }

  /// Room is made before it is judged, so that recovery has room for a copy.
  void fill_the_device() {
    const std::string filler = folder_ + "/small/filler";
    {
      std::ofstream file(filler, std::ios::binary);
      file << std::string(2 << 20, 'x');
    }
    told_.begin();
    auto session = full_.next_session(random_.next(), milliseconds(3000));
    session.device_may_be_full = true;
    run_session(session, told_.get());
    std::filesystem::remove(filler);
    counts_.judged += full_.judge(told_.get(), counts_.violations);
    counts_.add(told_.get());
    ++counts_.full;
  }

  static std::uint64_t size_of(const std::string& path) {
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    return none ? 0 : size;
  }

  static pid_t start(const std::vector<std::string>& arguments) {
    std::vector<char*> words{const_cast<char*>("rewal_soak")};
    for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execv("/proc/self/exe", words.data());
      ::_exit(127);
    }
    return child;
  }
  static int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  void pause() const {
    const double wanted = processor_seconds() / most_processors;
    const std::chrono::duration<double> so_far = Clock::now() - begin_;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::clamp(wanted - so_far.count(), 0.0, 10.0)));
  }

  void print() {
    const auto held = Resources::now();
    const std::chrono::duration<double> so_far = Clock::now() - begin_;
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf(
        "%6.0f s  %llu rounds, %llu kills, %llu full disks, %llu size limits; %llu appended, %llu judged, "
        "%llu read, %llu followed, %llu copies, %llu readers outside; %llu fds, %llu maps, %llu threads, "
        "%llu KiB, %.2f processors; %llu violations\n",
        so_far.count(), n(counts_.rounds), n(counts_.kills), n(counts_.full), n(counts_.limits), n(counts_.appended),
        n(counts_.judged), n(counts_.read), n(counts_.followed), n(counts_.copies), n(counts_.outside),
        n(held.descriptors), n(held.mappings), n(held.threads), n(held.kilobytes), processor_seconds() / so_far.count(),
        n(counts_.violations));
    std::fflush(stdout);
  }

  void report() const {
    const char* const path = std::getenv("REWAL_TORTURE_REPORT");
    if (path == nullptr) return;
    std::ofstream(path, std::ios::app) << "G20 everything at once: rounds=" << counts_.rounds
                                       << " kills=" << counts_.kills << " events=" << counts_.appended
                                       << " violations=" << counts_.violations << "\n";
  }

  const std::string folder_;
  const std::uint64_t seed_;
  const Clock::time_point begin_ = Clock::now();
  Random random_;
  SharedAcknowledged told_, other_told_;
  SoakedLog here_, killed_, full_;
  bool has_small_device_ = false;
  Counts counts_;
  ResourceLimits limits_;
};

}  // namespace
}  // namespace rewal_soak

int main(int count, char** arguments) {
  const std::string first = count > 1 ? arguments[1] : "";
  if (first == "--session" && count == 8) return rewal_soak::run_alone(arguments + 2);
  if (first == "--outside" && count == 4) return rewal_soak::read_outside(arguments + 2);
  if (count < 3) {
    std::fputs("rewal_soak SECONDS FOLDER [SEED]\n", stderr);
    return 2;
  }
  const auto seed = count > 3
                        ? std::strtoull(arguments[3], nullptr, 10)
                        : static_cast<unsigned long long>(std::chrono::system_clock::now().time_since_epoch().count());
  return rewal_soak::Soak(arguments[2], seed).run(std::chrono::seconds(std::atoi(arguments[1]))) ? 0 : 1;
}
