// SPDX-License-Identifier: MIT
//
// What the tests of walctl share: command lines run in this process, logs of every kind as files, and what is asked of
// every run: valid JSON that a summary ends, and files that stay as they are.

#ifndef REWAL_TESTS_WALCTL_HARNESS_HPP
#define REWAL_TESTS_WALCTL_HARNESS_HPP

#include <chrono>
#include <filesystem>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <signal.h>

#include <walctl/command_line.hpp>

#include <support/log_image.hpp>
#include <support/temp_dir.hpp>

namespace walctl_test {

/// As in walctl's main: a decoder that ends early is an error of a write.
inline const bool broken_pipes_are_errors = ::signal(SIGPIPE, SIG_IGN) != SIG_ERR;

using rewal_test::Image;
using rewal_test::Log;
using rewal_test::synced_before;
using walctl::Json;

struct Ran {
  int code;
  std::string out;
  std::string err;
};

using Words = std::vector<std::string>;

inline Ran run(const Words& words, const std::string& input = {}, const walctl::Common& terminal = {}) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int code = walctl::run(words, in, out, err, terminal);
  return {code, out.str(), err.str()};
}

/// Each line as an object; throws where one is none, or where the last is no summary or another one is.
inline std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    objects.push_back(Json::parse(line));
    if (!objects.back().is_object()) throw std::runtime_error("no object: " + line);
  }
  if (objects.empty() || text.back() != '\n') throw std::runtime_error("no summary");
  for (const Json& object : objects) {
    if ((object.at("type") == "summary") != (&object == &objects.back()))
      throw std::runtime_error("the summary is not last");
  }
  return objects;
}

// ---- logs of every kind --------------------------------------------------------------------------------------------

inline Image clean_log() {
  return Log()
      .event("one")
      .event("two", "meta")
      .event("three", "", synced_before)
      .batch({{"four", ""}, {"five", ""}})
      .image;
}
inline Image preallocated_log() {
  Image image = clean_log();
  image.resize(image.size() + 4096);
  return image;
}
/// Half of its last frame is missing.
inline Image torn_log() {
  const Log log = Log().event("one").event("two").event("three", "", synced_before);
  return rewal_test::cut(log.image, log.places[2].at + 20);
}
/// The second of four frames is bad, and the third one proves that it had been fsynced.
inline Image damaged_log() {
  Log log = Log().event("one").event("two").event("three", "", synced_before).event("four");
  log.image[log.places[1].at + 30] ^= std::byte{1};
  return log.image;
}
/// A right checksum, and a flag that nobody knows.
inline Image unknown_log() { return Log().event("one").event("two", "", 0x100).event("three").image; }
inline Image malformed_log() { return Log().event("one").add({.first_lsn = 2, .count = 7, .region = {}}).image; }
inline Image text_file() { return rewal_test::bytes_of("This is no log, but a letter.\n"); }

/// Name, bytes, and the exit code that they are worth.
struct Kind {
  const char* name;
  Image image;
  int code;
};
inline std::vector<Kind> kinds() {
  return {{"new", {}, 0},
          {"zeros", Image(5000), 0},
          {"clean", clean_log(), 0},
          {"preallocated", preallocated_log(), 0},
          {"torn", torn_log(), 1},
          {"damaged", damaged_log(), 2},
          {"unknown", unknown_log(), 2},
          {"malformed", malformed_log(), 2},
          {"foreign", text_file(), 4}};
}

/// A folder with one file of each kind, all of a long past time.
class Logs {
 public:
  Logs() {
    for (const Kind& kind : kinds()) put(kind.name, kind.image);
  }
  void put(const std::string& name, const Image& image) {
    dir_.write(name, rewal::as_text(image));
    std::filesystem::last_write_time(dir_ / name, long_ago_);
    images_[name] = image;
  }
  [[nodiscard]] std::string path(std::string_view name) const { return dir_.file(name); }
  [[nodiscard]] const rewal_test::TempDir& dir() const { return dir_; }
  /// The names of the files that are not as they were, or were not there.
  [[nodiscard]] std::vector<std::string> altered() const {
    std::vector<std::string> names;
    for (const auto& name : dir_.names()) {
      const auto image = images_.find(name);
      if (image == images_.end() || dir_.read(name) != rewal::as_text(image->second) ||
          std::filesystem::last_write_time(dir_ / name) != long_ago_) {
        names.push_back(name);
      }
    }
    if (dir_.names().size() < images_.size()) names.emplace_back("(gone)");
    return names;
  }

 private:
  rewal_test::TempDir dir_;
  std::map<std::string, Image> images_;
  std::filesystem::file_time_type long_ago_ = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1000);
};

}  // namespace walctl_test

#endif  // REWAL_TESTS_WALCTL_HARNESS_HPP
