// SPDX-License-Identifier: MIT
//
// MountedLoop: a file system on a loop device on a file, mounted while it exists. The device clears itself when nobody
// uses it any more, so none is left behind however the process ends. Used by one thread.

#ifndef REWAL_TESTS_POWERCUT_MOUNTED_LOOP_HPP
#define REWAL_TESTS_POWERCUT_MOUNTED_LOOP_HPP

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "disk.hpp"

namespace rewal_powercut {

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

class MountedLoop {
 public:
  MountedLoop(const std::string& file_system, int file, std::string folder) : folder_(std::move(folder)) {
    std::string device;
    const Descriptor loop = attach(file, device);
    if (file_system == "btrfs") forget_devices();
    // Discards would say nothing of what the log holds, and the recorder's file knows none.
    const char* const options = file_system == "btrfs" ? "nodiscard" : "";
    if (::mount(device.c_str(), folder_.c_str(), file_system.c_str(), MS_NOATIME, options) != 0) {
      give_up("mounting " + file_system);
    }
  }
  MountedLoop(const MountedLoop&) = delete;
  MountedLoop& operator=(const MountedLoop&) = delete;
  ~MountedLoop() {
    for (int i = 0; ::umount2(folder_.c_str(), 0) != 0 && errno == EBUSY && i < 200; ++i) ::usleep(5000);
  }

 private:
  static Descriptor attach(int file, std::string& device) {
    const Descriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (control.get() < 0) give_up("opening /dev/loop-control");
    for (int i = 0; i < 500; ++i) {  // others take devices too
      const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
      if (number < 0) give_up("asking for a free loop device");
      device = "/dev/loop" + std::to_string(number);
      Descriptor loop(::open(device.c_str(), O_RDWR | O_CLOEXEC));
      if (loop.get() < 0 && errno != ENOENT) give_up("opening " + device);
      struct ::loop_config config {};
      config.fd = static_cast<std::uint32_t>(file);
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
      if (loop.get() >= 0 && ::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
      if (loop.get() >= 0 && errno != EBUSY) give_up("setting up " + device);
      ::usleep(10'000);
    }
    give_up("setting up a loop device");
  }

  /// btrfs remembers devices by what they call themselves, and every image calls itself the same.
  static void forget_devices() {
    const Descriptor control(::open("/dev/btrfs-control", O_RDWR | O_CLOEXEC));
    struct ::btrfs_ioctl_vol_args all {};
    if (control.get() >= 0) ::ioctl(control.get(), BTRFS_IOC_FORGET_DEV, &all);
  }

  std::string folder_;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_MOUNTED_LOOP_HPP
