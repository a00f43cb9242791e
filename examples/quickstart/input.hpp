// SPDX-License-Identifier: MIT
//
// The text that goes through the log: the named files, one after the other, cut into lines. A line keeps its newline,
// so that the lines in order are the text again. Views point into `text`, so an Input stays where it was made.

#ifndef REWAL_EXAMPLES_QUICKSTART_INPUT_HPP
#define REWAL_EXAMPLES_QUICKSTART_INPUT_HPP

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace quickstart {

struct Input {
  std::string text;
  std::vector<std::string_view> lines;

  explicit Input(const std::vector<std::filesystem::path>& files) {
    for (const auto& file : files) append(file);
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t newline = text.find('\n', begin);
      const std::size_t end = newline == std::string::npos ? text.size() : newline + 1;
      lines.emplace_back(text.data() + begin, end - begin);
      begin = end;
    }
    if (lines.size() < 2)
      throw std::runtime_error("the input has fewer than two lines: there is no middle to be killed in");
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

 private:
  void append(const std::filesystem::path& file) {
    if (std::filesystem::is_directory(file))
      throw std::runtime_error(file.string() + " is a directory: name a text file");
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string() + ": does it exist, and may you read it?");
    text.append(std::istreambuf_iterator<char>(in), {});
    if (in.bad()) throw std::runtime_error("reading " + file.string() + " failed");
  }
};

/// The sources below `folder`, in a fixed order: a text that is always at hand.
inline std::vector<std::filesystem::path> sources_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".hpp") files.push_back(entry.path());
  }
  if (files.empty()) throw std::runtime_error("no source files below " + folder.string() + ": name a text file");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace quickstart

#endif  // REWAL_EXAMPLES_QUICKSTART_INPUT_HPP
