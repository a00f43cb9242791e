// SPDX-License-Identifier: MIT
//
// Recorder: a file system in user space with two files: `disk`, which serves a loop device, and `told`, to which a
// workload writes what it was told. One thread answers the kernel, so that both are recorded in one order. Start and
// stop are the owner's; the disk and the recording are touched by nobody else between them. No other thread of this
// process may use what lies on the disk: it would wait for the recorder, and a process that is killed waits for both.

#ifndef REWAL_TESTS_POWERCUT_RECORDER_HPP
#define REWAL_TESTS_POWERCUT_RECORDER_HPP

#define FUSE_USE_VERSION 35
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "disk.hpp"
#include "recording.hpp"
#include "told.hpp"

namespace rewal_powercut {

class Recorder {
 public:
  /// Mounts itself at `folder` until it is destroyed.
  explicit Recorder(std::string folder) : folder_(std::move(folder)) {
    char name[] = "rewal_powercut";
    char* arguments[] = {name, nullptr};
    struct ::fuse_args args = FUSE_ARGS_INIT(1, arguments);
    const auto calls = operations();
    fuse_ = ::fuse_new(&args, &calls, sizeof calls, this);
    ::fuse_opt_free_args(&args);
    if (fuse_ == nullptr || ::fuse_mount(fuse_, folder_.c_str()) != 0) {
      throw std::runtime_error("the recorder cannot be mounted at " + folder_);
    }
    thread_ = std::thread([this] { ::fuse_loop(fuse_); });
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder() {
    ::fuse_exit(fuse_);
    ::umount2(folder_.c_str(), MNT_DETACH);
    thread_.join();
    ::fuse_unmount(fuse_);
    ::fuse_destroy(fuse_);
  }

  [[nodiscard]] std::string disk_path() const { return folder_ + "/disk"; }
  [[nodiscard]] std::string told_path() const { return folder_ + "/told"; }

  /// In a child, which uses the disk and may be held up by it: were the child to hold the recorder's end of it as well,
  /// nothing could end either when this process is killed.
  void leave_to_parent() { ::close(::fuse_session_fd(::fuse_get_session(fuse_))); }

  /// From here on the disk holds what it is given, and steps are recorded.
  void start(Disk disk) {
    const std::lock_guard lock(mutex_);
    disk_ = std::move(disk);
    steps_.clear();
    records_ = true;
  }
  /// What comes from here on is no part of the recording.
  [[nodiscard]] std::vector<Step> stop() {
    const std::lock_guard lock(mutex_);
    records_ = false;
    return std::move(steps_);
  }

 private:
  static Recorder& self() { return *static_cast<Recorder*>(::fuse_get_context()->private_data); }
  static bool is_disk(const char* path) { return path != nullptr && std::string_view(path) == "/disk"; }

  static ::fuse_operations operations() {
    ::fuse_operations calls{};
    calls.init = [](::fuse_conn_info*, ::fuse_config* config) -> void* {
      config->direct_io = 1;  // no page cache in between
      config->attr_timeout = config->entry_timeout = 0;
      return ::fuse_get_context()->private_data;
    };
    calls.getattr = [](const char* path, struct ::stat* status, ::fuse_file_info*) {
      *status = {};
      if (std::string_view(path) == "/") {
        status->st_mode = S_IFDIR | 0755;
        status->st_nlink = 2;
        return 0;
      }
      if (!is_disk(path) && std::string_view(path) != "/told") return -ENOENT;
      status->st_mode = S_IFREG | 0600;
      status->st_nlink = 1;
      status->st_size = is_disk(path) ? static_cast<off_t>(self().disk_.size()) : 0;
      return 0;
    };
    calls.open = [](const char*, ::fuse_file_info* file) {
      file->direct_io = 1;
      return 0;
    };
    calls.truncate = [](const char*, off_t, ::fuse_file_info*) { return 0; };
    calls.read = [](const char*, char* into, std::size_t size, off_t at, ::fuse_file_info*) {
      return self().read(std::as_writable_bytes(std::span(into, size)), static_cast<std::uint64_t>(at));
    };
    calls.write = [](const char* path, const char* from, std::size_t size, off_t at, ::fuse_file_info*) {
      const auto bytes = std::as_bytes(std::span(from, size));
      return is_disk(path) ? self().write(bytes, static_cast<std::uint64_t>(at)) : self().tell(bytes);
    };
    calls.fsync = [](const char* path, int, ::fuse_file_info*) { return is_disk(path) ? self().flush() : 0; };
    return calls;
  }

  int read(std::span<std::byte> into, std::uint64_t at) {
    const std::lock_guard lock(mutex_);
    if (at >= disk_.size()) return 0;
    into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), disk_.size() - at)));
    disk_.read(at, into);
    return static_cast<int>(into.size());
  }
  int write(std::span<const std::byte> bytes, std::uint64_t at) {
    const std::lock_guard lock(mutex_);
    disk_.write(at, bytes);
    if (records_) steps_.push_back({Step::Kind::write, at, {bytes.begin(), bytes.end()}, {}});
    return static_cast<int>(bytes.size());
  }
  int flush() {
    const std::lock_guard lock(mutex_);
    if (records_) steps_.push_back({Step::Kind::flush, 0, {}, {}});
    return 0;
  }
  int tell(std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes.size() != sizeof(Told)) return -EINVAL;
    Step step{Step::Kind::told, 0, {}, {}};
    std::memcpy(&step.told, bytes.data(), sizeof step.told);
    if (records_) steps_.push_back(std::move(step));
    return static_cast<int>(bytes.size());
  }

  const std::string folder_;
  ::fuse* fuse_ = nullptr;
  std::thread thread_;

  std::mutex mutex_;  // between the owner's calls and those of the kernel
  Disk disk_;
  std::vector<Step> steps_;
  bool records_ = false;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_RECORDER_HPP
