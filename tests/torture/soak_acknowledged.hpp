// SPDX-License-Identifier: MIT
//
// Acknowledged: how many of its events each author of one session of a log was told are safe, in memory that outlives the
// process that works on the log. Each author raises its own number; whoever judges reads it once the session is over.

#ifndef REWAL_TESTS_TORTURE_SOAK_ACKNOWLEDGED_HPP
#define REWAL_TESTS_TORTURE_SOAK_ACKNOWLEDGED_HPP

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

namespace rewal_soak {

inline constexpr unsigned most_producers = 6;

struct Acknowledged {
  std::atomic<std::uint64_t> events[most_producers]{};
  std::atomic<std::uint64_t> last_lsn{0};    // the highest of them
  std::atomic<std::uint64_t> violations{0};  // that were seen while the log was open
  std::atomic<std::uint64_t> appended{0};
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> followed{0};
  std::atomic<std::uint64_t> copies{0};
  std::atomic<bool> opened{false};
};

/// It in a file that two processes map.
class SharedAcknowledged {
 public:
  explicit SharedAcknowledged(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ::ftruncate(file, sizeof(Acknowledged)) != 0) throw std::runtime_error("no shared memory: " + path);
    memory_ = ::mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (memory_ == MAP_FAILED) throw std::runtime_error("no shared memory: " + path);
  }
  SharedAcknowledged(const SharedAcknowledged&) = delete;
  SharedAcknowledged& operator=(const SharedAcknowledged&) = delete;
  ~SharedAcknowledged() { ::munmap(memory_, sizeof(Acknowledged)); }

  /// Nothing is acknowledged yet. By who starts the session.
  void begin() { new (memory_) Acknowledged; }
  [[nodiscard]] Acknowledged& get() const { return *static_cast<Acknowledged*>(memory_); }

 private:
  void* memory_ = nullptr;
};

}  // namespace rewal_soak

#endif  // REWAL_TESTS_TORTURE_SOAK_ACKNOWLEDGED_HPP
