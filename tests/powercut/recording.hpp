// SPDX-License-Identifier: MIT
//
// Recording: what a device with a workload on it was asked to do, and what the workload was told, in one order; and how
// it is kept in a folder. A value; the recorder's thread fills it, and nobody reads it meanwhile.

#ifndef REWAL_TESTS_POWERCUT_RECORDING_HPP
#define REWAL_TESTS_POWERCUT_RECORDING_HPP

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "disk.hpp"
#include "told.hpp"

namespace rewal_powercut {

struct Step {
  enum class Kind : std::uint32_t { write, flush, told };
  Kind kind = Kind::flush;
  std::uint64_t at = 0;
  std::vector<std::byte> bytes;  // of a write
  Told told;
};

struct Recording {
  std::string file_system;
  std::string workload;
  std::uint64_t seed = 0;
  Disk before;                // what the device held
  std::vector<Told> already;  // what was told in earlier recordings, that led to `before`
  std::vector<Step> steps;
  std::size_t mounted = 0;  // the steps before this one are the mounting's

  void save(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    const int base = ::open((folder / "base.img").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (base < 0) give_up("creating base.img");
    before.store(base);
    ::close(base);
    std::ofstream file(folder / "record", std::ios::binary);
    put(file, std::uint64_t{already.size()});
    for (const Told& told : already) put(file, told);
    put(file, std::uint64_t{mounted});
    put(file, std::uint64_t{steps.size()});
    for (const Step& step : steps) {
      put(file, step.kind);
      put(file, step.at);
      put(file, step.told);
      put(file, std::uint64_t{step.bytes.size()});
      file.write(reinterpret_cast<const char*>(step.bytes.data()), static_cast<std::streamsize>(step.bytes.size()));
    }
    std::ofstream(folder / "recording") << file_system << " " << workload << " " << seed << "\n";
  }

  [[nodiscard]] static Recording load(const std::filesystem::path& folder) {
    Recording recording;
    const int base = ::open((folder / "base.img").c_str(), O_RDONLY | O_CLOEXEC);
    if (base < 0) give_up("opening " + (folder / "base.img").string());
    recording.before = Disk::load(base);
    ::close(base);
    std::ifstream file(folder / "record", std::ios::binary);
    recording.already.resize(get<std::uint64_t>(file));
    for (Told& told : recording.already) told = get<Told>(file);
    recording.mounted = get<std::uint64_t>(file);
    recording.steps.resize(get<std::uint64_t>(file));
    for (Step& step : recording.steps) {
      step.kind = get<Step::Kind>(file);
      step.at = get<std::uint64_t>(file);
      step.told = get<Told>(file);
      step.bytes.resize(get<std::uint64_t>(file));
      file.read(reinterpret_cast<char*>(step.bytes.data()), static_cast<std::streamsize>(step.bytes.size()));
    }
    std::ifstream(folder / "recording") >> recording.file_system >> recording.workload >> recording.seed;
    return recording;
  }

 private:
  template <class T>
  static void put(std::ofstream& file, const T& value) {
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  static T get(std::ifstream& file) {
    T value{};
    if (!file.read(reinterpret_cast<char*>(&value), sizeof value)) throw std::runtime_error("a record is cut short");
    return value;
  }
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_RECORDING_HPP
