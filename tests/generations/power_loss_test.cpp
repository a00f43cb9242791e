// SPDX-License-Identifier: MIT
//
// examples/generations.hpp on the simulated disk: the power fails before each change, and each combination of sectors,
// sizes and names that the disk may be left with is opened. Names made and removed since the last fsync of the folder
// may be there or not, each for itself.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <generations.hpp>
#include <generations/script.hpp>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <support/harness.hpp>
#include <torture/crash_images.hpp>
#include <torture/sim_file_system.hpp>
#include <torture/sim_volume.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using generations::Generations;
using rewal_torture::CrashImages;
using rewal_torture::Directory;
using rewal_torture::DiskState;
using rewal_torture::Op;
using rewal_torture::Random;
using rewal_torture::SimFileSystem;
using rewal_torture::SimVolume;

constexpr int for_ever = (std::numeric_limits<int>::max)();

/// The simulated file system as one process sees it: after so many changes the process is killed, and no further one
/// reaches the disk. The page cache, and so the volume, lives on.
struct KillableFileSystem : SimFileSystem {
  std::shared_ptr<int> changes_left = std::make_shared<int>(for_ever);

  /// Under no lock: each change below is made by one thread at a time, or the count need not be exact.
  [[nodiscard]] bool killed() const {
    const std::lock_guard lock(volume->mutex);
    return *changes_left == 0 || (*changes_left != for_ever && --*changes_left == 0);
  }
  static rewal::Error dead() { return rewal_torture::sim_error(EIO); }

  Result<File> open_or_create(const Path& path) {
    if (killed()) return dead();
    return SimFileSystem::open_or_create(path);
  }
  Result<File> create_new(const Path& path, const File& like) {
    if (killed()) return dead();
    return SimFileSystem::create_new(path, like);
  }
  Result<std::size_t> write_at(const File& file, rewal::Bytes bytes, std::uint64_t offset) {
    if (killed()) return dead();
    return SimFileSystem::write_at(file, bytes, offset);
  }
  Result<void> truncate(const File& file, std::uint64_t size) {
    return killed() ? dead() : SimFileSystem::truncate(file, size);
  }
  Result<void> allocate(const File& file, std::uint64_t from, std::uint64_t to) {
    return killed() ? dead() : SimFileSystem::allocate(file, from, to);
  }
  Result<void> sync_data(const File& file) { return killed() ? dead() : SimFileSystem::sync_data(file); }
  Result<void> sync_all(const File& file) { return killed() ? dead() : SimFileSystem::sync_all(file); }
  Result<void> sync_directory_of(const Path& path) {
    return killed() ? dead() : SimFileSystem::sync_directory_of(path);
  }
  Result<void> rename_new(const Path& from, const Path& to) {
    return killed() ? dead() : SimFileSystem::rename_new(from, to);
  }
  Result<void> remove(const Path& path) { return killed() ? dead() : SimFileSystem::remove(path); }
};

using Storage = rewal::detail::BasicFileStorage<KillableFileSystem>;

/// Reads a file of the volume beside the log that has it locked.
struct ReadStorage {
  mutable SimFileSystem files;
  SimFileSystem::File opened;

  Result<std::uint64_t> size() { return files.size(opened); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    return files.read_at(opened, into, offset);
  }
};

/// What Generations asks of a folder.
struct SimFolder {
  KillableFileSystem files;

  [[nodiscard]] static std::string file(const std::string& name) { return name; }
  [[nodiscard]] Result<Wal<Storage>> write(const std::string& name, Lsn start) const {
    auto storage = Storage::open(name, files);
    if (!storage) return storage.error();
    return Wal<>::open(name).start_lsn(start).preallocate(2048).storage(std::move(*storage)).build();
  }
  [[nodiscard]] Result<Reader<ReadStorage>> read(const std::string& name) {
    auto opened = files.open_existing(PathArg(name).native());
    if (!opened) return opened.error();
    return Reader<>::open(name).storage(ReadStorage{files, *opened}).build();
  }
  [[nodiscard]] static Result<void> acquire() { return {}; }
  [[nodiscard]] Result<std::vector<std::string>> names() const {
    const std::lock_guard lock(files.volume->mutex);
    return files.volume->names();
  }
  [[nodiscard]] Result<void> remove(const std::string& name) { return files.remove(PathArg(name).native()); }
  [[nodiscard]] Result<void> sync() { return files.sync_directory_of(PathArg("any").native()); }
};

using SimGenerations = Generations<SimFolder>;

struct CrashPoint {
  DiskState disk;
  Told told;
};

/// The lives that a volume sees, and each point at which the power could fail in one of them.
class Machine {
 public:
  /// One process from open to shutdown, killed after so many changes; whether it was.
  bool live(const std::string& word, int changes = for_ever, bool note = true) {
    SimFolder folder;
    folder.files.volume = volume_;
    *folder.files.changes_left = changes;
    note_ = note;
    volume_->before_operation = [this](const SimVolume& volume, const Op&) { add_point(volume); };
    {
      const auto log = SimGenerations::open(folder);
      if (log) {
        const auto failed = perform(**log, word, told_, [this](const Told& now) {
          const std::lock_guard lock(mutex_);
          known_ = now;
        });
        if (changes == for_ever && failed) throw std::runtime_error(failed->message());
      } else if (changes == for_ever) {
        throw std::runtime_error(log.error().message());
      }
    }
    const std::lock_guard lock(volume_->mutex);
    add_point(*volume_);
    volume_->before_operation = nullptr;
    return *folder.files.changes_left == 0;
  }
  [[nodiscard]] const std::vector<CrashPoint>& points() const { return points_; }

 private:
  /// With the volume locked, by any thread of the log.
  void add_point(const SimVolume& volume) {
    const std::lock_guard lock(mutex_);
    if (note_) points_.push_back({volume.disk(), known_});
  }

  std::shared_ptr<SimVolume> volume_ = std::make_shared<SimVolume>();
  Told told_;
  bool note_ = true;

  std::mutex mutex_;  // taken after the volume's
  Told known_;
  std::vector<CrashPoint> points_;
};

/// Opens what the power loss left, goes on, and then fails the power once more at the end.
std::string judge_image(const Directory& image, const Told& told) {
  SimFolder folder;
  folder.files.volume = std::make_shared<SimVolume>(image);
  const auto log = SimGenerations::open(folder);
  if (!log) return "refused: " + log.error().message();
  return judge_and_go_on(**log, told, "ardyrda");
}

struct Tried {
  std::uint64_t images = 0;
  std::string first;
};

/// Judges `most` images of each point; the same image is judged once.
void judge_points(const Machine& machine, std::uint64_t most, Random& random, Tried& tried) {
  std::unordered_set<std::uint64_t> judged;
  for (const CrashPoint& point : machine.points()) {
    if (!tried.first.empty()) return;
    CrashImages(point.disk).each(most, random, [&](const Directory& image) {
      std::uint64_t key = point.told.durable * 1'000'003 + point.told.dropped;
      for (const auto& [name, bytes] : image) key = rewal_torture::hash_of(bytes, key + std::hash<std::string>()(name));
      if (!judged.insert(key).second || !tried.first.empty()) return;
      ++tried.images;
      tried.first = judge_image(image, point.told);
      if (tried.first.empty()) return;
      for (const auto& [name, bytes] : image) {
        tried.first += "\n  " + name + ": " + std::to_string(bytes.size()) + " bytes";
      }
    });
  }
}

}  // namespace

TEST_CASE("a power loss at any point leaves a folder that opens with all that was acknowledged", "[slow]") {
  Tried tried;
  Random random(1);
  for (const std::string word : {"drdrdrdxd", "aardaradwrx", "daradraydrydx", "rarfarfadxyr"}) {
    Machine machine;
    machine.live(word);
    machine.live("adrdx");
    judge_points(machine, volume(64), random, tried);
    INFO(word);
    REQUIRE(tried.first == "");
  }
  CHECK(tried.images > volume(500));
}

TEST_CASE("a power loss in the life after one that was killed at any change", "[slow]") {
  Tried tried;
  Random random(2);
  for (const std::string word : {"drdrdxd", "daradrdry"}) {
    bool killed = true;
    for (int changes = 1; killed; changes += sanitized ? 7 : 1) {
      Machine machine;
      killed = machine.live(word, changes, false);
      machine.live("yrdx");
      judge_points(machine, volume(48), random, tried);
      INFO(word << ", killed after change " << changes);
      REQUIRE(tried.first == "");
    }
  }
  CHECK(tried.images > volume(1000));
}
