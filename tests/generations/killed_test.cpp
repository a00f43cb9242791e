// SPDX-License-Identifier: MIT
//
// A process that uses examples/generations.hpp is killed by SIGKILL before each of its changes to the disk, in its
// first life and in its second. The third finds what was acknowledged.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <generations.hpp>
#include <generations/script.hpp>
#include <memory>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <utility>

namespace {

using namespace rewal_test;
using generations::Generations;
using generations::LogFolder;

/// Counts the changes; the last one is not made.
struct Steps {
  std::atomic<int> left;

  explicit Steps(int most) : left(most) {}

  void step() {
    if (left-- == 1) ::kill(::getpid(), SIGKILL);
  }
};

/// A file whose every change is a step.
class SteppedStorage {
 public:
  SteppedStorage(FileStorage file, std::shared_ptr<Steps> steps) : file_(std::move(file)), steps_(std::move(steps)) {}

  Result<std::size_t> write(Bytes bytes) { return steps_->step(), file_.write(bytes); }
  Result<void> sync() { return steps_->step(), file_.sync(); }
  Result<void> close() { return steps_->step(), file_.close(); }
  Result<void> truncate(std::uint64_t n) { return steps_->step(), file_.truncate(n); }
  Result<void> preallocate(std::uint64_t size) { return steps_->step(), file_.preallocate(size); }
  Result<std::uint64_t> size() { return file_.size(); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) { return file_.read_at(into, offset); }

 private:
  FileStorage file_;
  std::shared_ptr<Steps> steps_;
};

struct SteppedFolder : LogFolder {
  SteppedFolder(const std::filesystem::path& path, int steps)
      : LogFolder(path), steps_(std::make_shared<Steps>(steps)) {}

  [[nodiscard]] Result<Wal<SteppedStorage>> write(const std::string& name, Lsn start) const {
    steps_->step();
    auto opened = FileStorage::open(file(name));
    steps_->step();
    if (!opened) return opened.error();
    return Wal<>::open(file(name)).start_lsn(start).storage(SteppedStorage(std::move(*opened), steps_)).build();
  }
  [[nodiscard]] Result<void> remove(const std::string& name) const { return steps_->step(), LogFolder::remove(name); }
  [[nodiscard]] Result<void> sync() const { return steps_->step(), LogFolder::sync(); }

  std::shared_ptr<Steps> steps_;
};

/// One life in a process of its own. Returns whether it was killed; what it told comes over a pipe.
bool live(const TempDir& dir, const std::string& word, int steps, Told& told) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const ::pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    Told mine = told;
    const auto log = Generations<SteppedFolder>::open(SteppedFolder(dir.path(), steps));
    if (!log) ::_exit(2);
    const auto failed = perform(**log, word, mine, [&](const Told& now) {
      if (::write(ends[1], &now, sizeof now) != sizeof now) ::_exit(3);
    });
    if (failed || !(*log)->shutdown()) ::_exit(4);
    ::_exit(0);
  }
  ::close(ends[1]);
  for (Told now; ::read(ends[0], &now, sizeof now) == sizeof now;) told = now;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("the child failed");
  return false;
}

}  // namespace

TEST_CASE("a process that is killed at any step leaves a folder that opens with all that was acknowledged", "[slow]") {
  int kills = 0;
  for (const std::string word : {"dadrddraadryadrx", "aarraafwrydrxad"}) {
    bool killed = true;
    for (int steps = 1; killed; ++steps) {
      if (sanitized && steps % 4 != 0) continue;
      const TempDir dir;
      Told told;
      killed = live(dir, word, steps, told);
      kills += killed ? 1 : 0;
      kills += live(dir, "darydrx", 1 + steps * 7 % 31, told) ? 1 : 0;
      INFO(word << ", killed at step " << steps);
      const auto log = Generations<>::open(dir.path());
      REQUIRE(said(log) == "ok");
      REQUIRE(judge_and_go_on(**log, told, "arddyra") == "");
    }
  }
  CHECK(kills > (sanitized ? 20 : 100));
}
