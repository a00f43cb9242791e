// SPDX-License-Identifier: MIT
//
// The C library's file calls, replaced. What is not watched goes through untouched.

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <torture/shim.hpp>

namespace rewal_torture::shim {
namespace {

struct State {
  std::mutex mutex;
  std::string prefix;
  std::map<int, std::string> open;  // watched descriptors
  std::vector<Call> calls;
  std::string failing;
  std::uint64_t k = 0;
  int error = 0;
  std::uint64_t takes = 0;
  bool for_ever = false;
  bool struck = false;
};

State& state() {
  static State* const it = new State;  // never destroyed: files are closed after everything else
  return *it;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Runs the call if its descriptor is not watched; else writes it down, or strikes.
template <class F>
auto call(const char* name, int fd, std::uint64_t offset, F real) -> decltype(real(false)) {
  State& s = state();
  std::unique_lock lock(s.mutex);
  const auto found = s.open.find(fd);
  if (s.prefix.empty() || found == s.open.end()) {
    lock.unlock();
    return real(false);
  }
  const bool directory = found->second == s.prefix;
  const std::string full = directory ? std::string(name) + " directory" : name;
  bool strikes = false;
  if (s.k > 0 && full == s.failing) {
    strikes = --s.k == 0;
    if (strikes && s.for_ever) s.k = 1;
  }
  s.struck = s.struck || strikes;
  s.calls.push_back({full, last_part(found->second), offset, 0, 0});
  if (strikes && s.error != 0) {
    s.calls.back().result = -1;
    s.calls.back().error = s.error;
    errno = s.error;
    return -1;
  }
  const auto result = real(strikes);
  s.calls.back().result = static_cast<std::int64_t>(result);
  s.calls.back().error = result < 0 ? errno : 0;
  return result;
}

int opened(const char* path, int flags, unsigned mode) {
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  State& s = state();
  const std::lock_guard lock(s.mutex);
  const int error = errno;
  if (fd >= 0) s.open.erase(fd);
  if (!s.prefix.empty() && std::string(path).rfind(s.prefix, 0) == 0) {
    if (fd >= 0) s.open[fd] = path;
    s.calls.push_back({"open", last_part(path), 0, fd, fd < 0 ? error : 0});
  }
  errno = error;
  return fd;
}

}  // namespace

void watch(const std::string& prefix) {
  const std::lock_guard lock(state().mutex);
  state().prefix = prefix;
  state().calls.clear();
  state().open.clear();
}
void unwatch() { watch({}); }
std::vector<Call> calls() {
  const std::lock_guard lock(state().mutex);
  return state().calls;
}
void fail(const std::string& name, std::uint64_t k, int error, std::uint64_t takes, bool for_ever) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.failing = name;
  s.k = k;
  s.error = error;
  s.takes = takes;
  s.for_ever = for_ever;
  s.struck = false;
}
bool stop_failing() {
  const std::lock_guard lock(state().mutex);
  state().k = 0;
  return state().struck;
}

}  // namespace rewal_torture::shim

using rewal_torture::shim::call;
using rewal_torture::shim::opened;
using rewal_torture::shim::state;

extern "C" {

int open64(const char* path, int flags, ...) {
  unsigned mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, unsigned);
    va_end(arguments);
  }
  return opened(path, flags, mode);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return call("write", fd, static_cast<std::uint64_t>(offset), [&](bool is_short) {
    const size_t taken = is_short && state().takes < size ? static_cast<size_t>(state().takes) : size;
    return static_cast<ssize_t>(::syscall(SYS_pwrite64, fd, bytes, taken, offset));
  });
}

int fdatasync(int fd) {
  return call("fdatasync", fd, 0, [&](bool) { return static_cast<int>(::syscall(SYS_fdatasync, fd)); });
}
int fsync(int fd) {
  return call("fsync", fd, 0, [&](bool) { return static_cast<int>(::syscall(SYS_fsync, fd)); });
}
int ftruncate64(int fd, off64_t size) noexcept {
  return call("ftruncate", fd, static_cast<std::uint64_t>(size),
              [&](bool) { return static_cast<int>(::syscall(SYS_ftruncate, fd, size)); });
}
int fallocate64(int fd, int mode, off64_t from, off64_t size) {
  return call("fallocate", fd, static_cast<std::uint64_t>(from),
              [&](bool) { return static_cast<int>(::syscall(SYS_fallocate, fd, mode, from, size)); });
}
int flock(int fd, int operation) noexcept {
  return call((operation & LOCK_UN) != 0 ? "unlock" : "lock", fd, 0,
              [&](bool) { return static_cast<int>(::syscall(SYS_flock, fd, operation)); });
}
int close(int fd) {
  const int result = call("close", fd, 0, [&](bool) { return static_cast<int>(::syscall(SYS_close, fd)); });
  const std::lock_guard lock(state().mutex);
  state().open.erase(fd);
  return result;
}

}  // extern "C"
