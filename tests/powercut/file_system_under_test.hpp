// SPDX-License-Identifier: MIT
//
// FileSystemUnderTest: one file system on a recorded device: it makes the first disk, runs workloads on it, and has
// disks that lost their power judged. Used by one thread, in a mount namespace of its own, so that nothing stays
// mounted after it. What is cut, and how often, is left to the rig.

#ifndef REWAL_TESTS_POWERCUT_FILE_SYSTEM_UNDER_TEST_HPP
#define REWAL_TESTS_POWERCUT_FILE_SYSTEM_UNDER_TEST_HPP

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cutter.hpp"
#include "disk.hpp"
#include "judge.hpp"
#include "mounted_loop.hpp"
#include "recorder.hpp"
#include "recording.hpp"

namespace rewal_powercut {

/// Runs a program to its end, with its output to a file, and no longer than `limit`. Its exit code, -1 after a signal.
inline int run_program(const std::vector<std::string>& words, const std::string& output, std::chrono::seconds limit) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int to = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(to, 1);
    ::dup2(to, 2);
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  const auto until = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) ::kill(-child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class FileSystemUnderTest {
 public:
  /// `scratch` is an empty folder; a small device in memory is mounted there.
  FileSystemUnderTest(std::string file_system, std::string workload, std::string scratch)
      : file_system_(std::move(file_system)), workload_(std::move(workload)), scratch_(std::move(scratch)) {
    // A process that ends with this one keeps no mount alive.
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      give_up("a mount namespace of its own");
    }
    if (::mount("powercut", scratch_.c_str(), "tmpfs", 0, "size=600m") != 0) give_up("mounting memory at " + scratch_);
    for (const char* folder : {"/fuse", "/mnt"}) std::filesystem::create_directory(scratch_ + folder);
    recorder_ = std::make_unique<Recorder>(scratch_ + "/fuse");
  }

  /// A disk with an empty file system that has been mounted once.
  [[nodiscard]] Disk fresh_disk() const {
    const std::string image = scratch_ + "/fresh.img";
    const Descriptor file(::open(image.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0 || ::ftruncate(file.get(), size()) != 0) give_up("making " + image);
    if (run_program(make_file_system(image), log(), std::chrono::seconds(60)) != 0) {
      throw std::runtime_error("mkfs." + file_system_ + " failed, see " + log());
    }
    { const MountedLoop once(file_system_, file.get(), folder()); }
    Disk disk = Disk::load(file.get());
    std::filesystem::remove(image);
    return disk;
  }

  /// Runs a workload on the disk. An error of the workload is `failure`.
  [[nodiscard]] Recording record(Disk disk, std::vector<Told> already, const std::string& workload, std::uint64_t seed,
                                 std::uint32_t session, std::string& failure) {
    Recording recording{.file_system = file_system_,
                        .workload = workload,
                        .seed = seed,
                        .before = disk,
                        .already = std::move(already),
                        .steps = {}};
    recorder_->start(std::move(disk));
    const bool is_first = recording.already.empty();
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work_on_disk(workload, seed, session, is_first));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code != 0) failure = "the workload ended with " + std::to_string(code);
    recording.steps = recorder_->stop();
    const auto find = [&](Told::Kind kind) {
      return std::find_if(recording.steps.begin(), recording.steps.end(),
                          [kind](const Step& step) { return step.kind == Step::Kind::told && step.told.kind == kind; });
    };
    recording.steps.erase(find(Told::Kind::ended), recording.steps.end());
    recording.mounted = static_cast<std::size_t>(find(Told::Kind::began) - recording.steps.begin());
    return recording;
  }

  /// What is wrong with a disk on which all of that had been told, or "".
  [[nodiscard]] std::string judge(const Disk& disk, const std::vector<Told>& told) const {
    const Descriptor memory(::memfd_create("powercut", MFD_CLOEXEC));
    if (memory.get() < 0) give_up("memory for a disk");
    disk.store(memory.get());
    try {
      const MountedLoop mounted(file_system_, memory.get(), folder());
      return Judge(folder() + "/logs").judge(told);
    } catch (const std::system_error& error) {
      return std::string("the file system does not mount: ") + error.what();
    }
  }

  /// What programs printed.
  [[nodiscard]] std::string log() const { return scratch_ + "/log"; }

 private:
  /// In a process of its own, which ends with what this returns.
  [[nodiscard]] int work_on_disk(const std::string& workload, std::uint64_t seed, std::uint32_t session,
                                 bool is_first) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    recorder_->leave_to_parent();
    try {
      struct ::stat status {};
      ::stat(recorder_->disk_path().c_str(), &status);  // so that the kernel knows its size
      const Descriptor file(::open(recorder_->disk_path().c_str(), O_RDWR | O_CLOEXEC));
      if (file.get() < 0) give_up("opening the recorder's disk");
      const MountedLoop mounted(file_system_, file.get(), folder());
      std::filesystem::create_directory(folder() + "/logs");
      if (is_first) sync_folder(folder());  // the folder is not what is tried
      tell(Told::Kind::began);
      const int code = run_program({workload_, workload, folder() + "/logs", recorder_->told_path(),
                                    std::to_string(seed), std::to_string(session)},
                                   log(), std::chrono::seconds(60));
      tell(Told::Kind::ended);
      return code;
    } catch (const std::exception& error) {
      std::ofstream(log(), std::ios::app) << error.what() << "\n";
      return 100;
    }
  }

  void tell(Told::Kind kind) const {
    const Told told{.kind = kind, .author = {}};
    const Descriptor file(::open(recorder_->told_path().c_str(), O_WRONLY | O_CLOEXEC));
    if (::write(file.get(), &told, sizeof told) != sizeof told) give_up("telling the recorder");
  }

  [[nodiscard]] std::string folder() const { return scratch_ + "/mnt"; }

  [[nodiscard]] off_t size() const {
    const off_t megabytes = file_system_ == "xfs" ? 300 : file_system_ == "btrfs" ? 128 : 48;
    return megabytes << 20;
  }

  [[nodiscard]] std::vector<std::string> make_file_system(const std::string& image) const {
    if (file_system_ == "xfs") return {"mkfs.xfs", "-q", image};
    if (file_system_ == "btrfs") return {"mkfs.btrfs", "-q", "-m", "single", image};
    return {"mkfs." + file_system_,
            "-q",
            "-F",
            "-b",
            "4096",
            "-J",
            "size=4",
            "-E",
            "lazy_itable_init=0,lazy_journal_init=0",
            image};
  }

  static void sync_folder(const std::string& path) {
    const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::syncfs(folder.get()) != 0) give_up("syncing " + path);
  }

  const std::string file_system_;
  const std::string workload_;
  const std::string scratch_;
  std::unique_ptr<Recorder> recorder_;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_FILE_SYSTEM_UNDER_TEST_HPP
