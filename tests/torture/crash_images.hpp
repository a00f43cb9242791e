// SPDX-License-Identifier: MIT
//
// CrashImages: the images that a crash may leave of a disk.
//
// WHAT A CRASH MAY LEAVE, each choice independent of all others:
//   - of each 512-byte sector written since the last sync, any content that it has had since then, the durable one
//     included, which is zeros where the file ended before;
//   - of each cut since the last sync, whether it happened: if not, the old bytes are back. A cut within a block of
//     4096 bytes zeroes the rest of that block as a write does; what lies behind goes all at once, being metadata;
//   - as the file's size, any that it has had since the last sync, and any multiple of 512 between the smallest and the
//     largest of them; bytes that no sector brings are zeros;
//   - of the names made, changed and removed since the directory was last synced, any subset. A rename is atomic.

#ifndef REWAL_TESTS_TORTURE_CRASH_IMAGES_HPP
#define REWAL_TESTS_TORTURE_CRASH_IMAGES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <torture/disk_state.hpp>
#include <torture/oracle.hpp>
#include <torture/report.hpp>

namespace rewal_torture {

/// Of one state. Each of its choices has so many outcomes, the first of them being that nothing of
/// it reached the disk and the last that all did.
class CrashImages {
 public:
  explicit CrashImages(const DiskState& state) : state_(state) {
    for (std::size_t i = 0; i < state.unsynced_names.size(); ++i) outcomes_.push_back(2);
    for (const auto& file : state.files) {
      for (std::size_t i = 0; i < file.unsynced_cuts; ++i) outcomes_.push_back(2);
      sizes_.push_back(file.possible_sizes());
      outcomes_.push_back(sizes_.back().size());
      for (const auto& [number, contents] : file.unsynced) outcomes_.push_back(contents.size() + 1);
    }
  }

  /// How many combinations there are, at most 2^62.
  [[nodiscard]] std::uint64_t combinations() const {
    std::uint64_t product = 1;
    for (const std::size_t n : outcomes_) {
      if (product > (std::uint64_t{1} << 62) / n) return std::uint64_t{1} << 62;
      product *= n;
    }
    return product;
  }

  /// Calls f(directory) for each distinct image: of all combinations where they are at most `most`, else of `most`
  /// samples, the extremes and each single choice against the rest among them. Returns whether it went through all.
  template <class F>
  bool each(std::uint64_t most, Random& random, F f) {
    std::unordered_set<std::uint64_t> seen;
    const auto offer = [&](const std::vector<std::size_t>& choice) {
      Directory directory = image(choice);
      std::uint64_t hash = directory.size();
      for (const auto& [name, bytes] : directory) hash = hash_of(bytes, hash + std::hash<std::string>()(name));
      if (seen.insert(hash).second) f(std::move(directory));
    };
    std::vector<std::size_t> choice(outcomes_.size(), 0);
    if (combinations() <= most) {
      for (;;) {
        offer(choice);
        std::size_t i = 0;
        while (i < choice.size() && ++choice[i] == outcomes_[i]) choice[i++] = 0;
        if (i == choice.size()) return true;
      }
    }
    std::vector<std::size_t> all(outcomes_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = outcomes_[i] - 1;
    offer(choice);
    offer(all);
    std::uint64_t offered = 2;
    for (std::size_t i = 0; i < all.size() && offered < most; ++i) {
      auto one = choice;
      one[i] = all[i];
      offer(one);
      one = all;
      one[i] = 0;
      offer(one);
      offered += 2;
    }
    for (; offered < most; ++offered) {
      // Half of the samples keep most of what was written: a lonely missing sector is what hurts.
      const bool full = random.below(2) == 0;
      for (std::size_t i = 0; i < choice.size(); ++i) {
        choice[i] = full && random.below(4) != 0 ? all[i] : static_cast<std::size_t>(random.below(outcomes_[i]));
      }
      offer(choice);
    }
    return false;
  }

 private:
  [[nodiscard]] Directory image(const std::vector<std::size_t>& choice) const {
    std::size_t next = 0;
    auto names = state_.durable_names;
    for (const auto& change : state_.unsynced_names) {
      if (choice[next++] == 0) continue;
      if (change.removed) names.erase(*change.removed);
      if (change.added) names.insert_or_assign(change.added->first, change.added->second);
    }
    std::vector<Image> contents;
    for (std::size_t i = 0; i < state_.files.size(); ++i) {
      const DiskFile& file = state_.files[i];
      const std::size_t cuts = next;
      const auto happened = [&](const Version& version) { return choice[cuts + version.cut - 1] == 1; };
      next += file.unsynced_cuts;
      const auto size = static_cast<std::size_t>(sizes_[i][choice[next++]]);
      Image bytes = file.durable;
      bytes.resize((std::max)(bytes.size(), (size + sector_bytes - 1) / sector_bytes * sector_bytes));
      for (const auto& [number, versions] : file.unsynced) {
        std::size_t version = choice[next++];
        for (std::size_t v = versions.size(); v > version; --v) {
          if (versions[v - 1].cut != 0 && happened(versions[v - 1])) version = v;
        }
        while (version > 0 && versions[version - 1].cut != 0 && !happened(versions[version - 1])) --version;
        if (version == 0 || number * sector_bytes >= size) continue;
        std::memcpy(bytes.data() + number * sector_bytes, versions[version - 1].content.data(), sector_bytes);
      }
      bytes.resize(size);
      contents.push_back(std::move(bytes));
    }
    Directory directory;
    for (const auto& [name, number] : names) directory[name] = contents[number];
    return directory;
  }

  const DiskState& state_;
  std::vector<std::vector<std::uint64_t>> sizes_;
  std::vector<std::size_t> outcomes_;
};

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_CRASH_IMAGES_HPP
