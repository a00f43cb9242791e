// SPDX-License-Identifier: MIT
//
// G10 on the simulated disk: build() crashed anywhere, crashed again anywhere, and then let through, gives the answer
// of one that was never disturbed; and what was cut cannot come back.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <torture/crash_images.hpp>
#include <torture/image_judge.hpp>
#include <torture/sim_log.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using namespace rewal_torture;

/// What a log holds once it is open.
struct Answer {
  std::vector<Appended> events;
  std::string error;
  friend bool operator==(const Answer&, const Answer&) = default;
};

/// Opens the log in `image`, noting each state in which a crash could meet build().
Answer build_once(const Directory& image, std::vector<DiskState>* crashes, Directory* left = nullptr) {
  const auto volume = std::make_shared<SimVolume>(image);
  if (crashes != nullptr) {
    volume->before_operation = [&](const SimVolume& machine, const Op&) { crashes->push_back(machine.disk()); };
  }
  auto storage = open_sim<SimFileStorage>(volume);
  if (!storage) return {{}, storage.error().message()};
  auto opened = rewal::Wal<>::open(log_name).preallocate(0).storage(std::move(*storage)).build();
  Answer answer;
  if (opened) {
    answer.events = read_back(*opened).value();
  } else {
    answer.error = opened.error().message();
  }
  const std::lock_guard lock(volume->mutex);
  volume->before_operation = nullptr;
  if (crashes != nullptr) crashes->push_back(volume->disk());
  if (left != nullptr) {
    for (const auto& name : volume->names()) (*left)[name] = *volume->visible(name);
  }
  return answer;
}

/// Whether some file beside the log begins with these bytes, the copy of a cut.
bool is_saved(const Directory& directory, const Image& bytes) {
  for (const auto& [name, content] : directory) {
    if (name != log_name && name.find(".tmp") == std::string::npos && content == bytes) return true;
  }
  return false;
}

/// Logs that a crash left, of which opening cuts something: whole frames behind a hole, torn ends, zeros.
std::vector<Directory> torn_logs(std::size_t most) {
  std::vector<Directory> found;
  std::unordered_set<std::uint64_t> seen;
  Random random(seed());
  for (const std::string calls : {"dafbfBf", "dBfmfaf", "BfBfaf", "dafafaf", "dzfDBf", "afrbfmfzf"}) {
    for (const std::uint64_t preallocate : {0u, 1024u}) {
      SimLog<SimFileStorage> log({calls, rewal::SyncMode::never, preallocate});
      log.run();
      for (const CrashPoint& point : log.points()) {
        CrashImages(point.disk).each(64, random, [&](Directory image) {
          const auto& bytes = image[log_name];
          if (decode_file(bytes).end < bytes.size() && seen.insert(hash_of(bytes)).second)
            found.push_back(std::move(image));
        });
      }
    }
  }
  // Of all kinds, those with something to save first.
  std::stable_partition(found.begin(), found.end(), [](const Directory& image) {
    const auto& bytes = image.at(log_name);
    return holds_a_frame(bytes, decode_file(bytes).end);
  });
  std::vector<Directory> chosen;
  for (std::size_t i = 0; i < most && i < found.size(); ++i)
    chosen.push_back(found[i * found.size() / (std::min)(most, found.size())]);
  return chosen;
}

struct Depths {
  std::uint64_t bases = 0;
  std::uint64_t images = 0;
  std::uint64_t violations = 0;
  std::string first;

  void violation(const std::string& what) {
    if (violations++ == 0) first = what;
  }
};

void crash_twice(const Directory& base, std::uint64_t most, Depths& depths) {
  ++depths.bases;
  const Image& bytes = base.at(log_name);
  const std::size_t end = decode_file(bytes).end;
  const Image cut(bytes.begin() + static_cast<std::ptrdiff_t>(end), bytes.end());
  const bool must_save = holds_a_frame(bytes, end);
  Random random(seed());
  std::vector<DiskState> crashes;
  const Answer answer = build_once(base, &crashes);
  if (answer.events != decode_file(bytes).events)
    depths.violation("build() keeps something else than the whole frames");
  std::unordered_set<std::uint64_t> seen;
  const auto judge = [&](const Directory& image, const std::string& depth) {
    ++depths.images;
    Directory left;
    const Answer now = build_once(image, nullptr, &left);
    if (now != answer) depths.violation(depth + ": another answer " + now.error);
    if (must_save && !is_saved(left, cut)) depths.violation(depth + ": the cut bytes are neither in the log nor saved");
    if (left[log_name].size() != end) depths.violation(depth + ": the log does not end with its last frame");
  };
  for (const DiskState& crash : crashes) {
    CrashImages(crash).each(most, random, [&](const Directory& once) {
      std::uint64_t key = once.size();
      for (const auto& [name, content] : once) key = hash_of(content, key + std::hash<std::string>()(name));
      if (!seen.insert(key).second) return;
      judge(once, "crashed once");
      std::vector<DiskState> again;
      build_once(once, &again);
      for (const DiskState& second : again) {
        CrashImages(second).each(most, random, [&](const Directory& twice) {
          std::uint64_t twice_key = twice.size() + 1'000'000;
          for (const auto& [name, content] : twice)
            twice_key = hash_of(content, twice_key + std::hash<std::string>()(name));
          if (seen.insert(twice_key).second) judge(twice, "crashed twice");
        });
      }
    });
  }
}

}  // namespace

TEST_CASE("build() crashed twice and then let through gives the answer of one that was not disturbed") {
  Depths depths;
  for (const Directory& base : torn_logs(160 / thinning)) crash_twice(base, 24, depths);
  Row row("G10", "crash images of build()'s own I/O, two deep", "images");
  row.count = depths.images;
  row.violations = depths.violations;
  row.note("logs", depths.bases);
  CHECK(depths.first == "");
  CHECK(depths.bases > 10);
}

TEST_CASE("frames behind the cut do not come back when a new frame fills the hole before them") {
  // a torn frame of 48 bytes + a whole old frame behind it; the new frame is exactly as long as the hole.
  Row row("G10", "old frames behind a cut that a new frame fills", "images");
  std::string first;
  SimLog<SimFileStorage> old({"", rewal::SyncMode::never, 0});
  old.open();
  for (const char call : std::string("daafaafaf")) old.perform(call);
  const Image whole = *old.volume()->visible(log_name);
  const auto frames = decode_file(whole).frames;
  old.finish();
  for (std::size_t torn = 1; torn + 1 < frames.size(); ++torn) {
    Image holed = whole;
    holed[frames[torn].at + frames[torn].size - 6] ^= std::byte{0x40};
    for (const char* const then : {"d", "a", "af", "aw", "afs", "ac", "aaf", "afr"}) {
      const auto volume = std::make_shared<SimVolume>(Directory{{log_name, holed}});
      SimLog<SimFileStorage> log({"", rewal::SyncMode::never, 0}, volume);
      log.adopt(std::vector<Appended>(decode_file(holed).events), 100);
      log.open();
      for (const char call : std::string(then)) log.perform(call);
      log.finish();
      if (const auto wrong = log.complaint(); !wrong.empty() && row.violations++ == 0) first = wrong;
      Random random(seed());
      bool opened = false;
      for (const CrashPoint& point : log.points()) {
        // Before build() returns, the old file may still be there as it was.
        opened = opened || point.history.last() > torn || point.history.acknowledged() == torn;
        if (!opened) continue;
        CrashImages(point.disk).each(512, random, [&](const Directory& image) {
          const bool thorough = row.count++ % 16 == 0;
          const auto wrong = judge_image<SimFileStorage>(image, point.history, thorough);
          if (!wrong.empty() && row.violations++ == 0) first = wrong + ", then " + then;
        });
      }
    }
  }
  CHECK(first == "");
  CHECK(row.count > 50);
}

TEST_CASE("recovery crashed twice, for as long as there is time", "[.torture]") {
  const Budget budget;
  Depths depths;
  for (const Directory& base : torn_logs(4096)) {
    if (!budget.left()) break;
    crash_twice(base, 64, depths);
  }
  Row row("G10", "crash images of build()'s own I/O, two deep, the long run", "images");
  row.count = depths.images;
  row.violations = depths.violations;
  row.note("logs", depths.bases);
  CHECK(depths.first == "");
}
