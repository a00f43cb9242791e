// SPDX-License-Identifier: MIT
//
// Runs a fuzz target on every file of the folders and files that it is given, without libFuzzer and with any compiler:
// what a fuzzer once found stays found.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::filesystem::path& file, std::size_t& count) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::printf("%s\n", file.string().c_str());
  std::fflush(stdout);  // the last line names the file of a failure
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  ++count;
}

}  // namespace

int main(int argc, char** argv) try {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      run(argv[i], count);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) run(entry.path(), count);
    }
  }
  std::printf("%zu inputs\n", count);
  return count > 0 ? 0 : 2;
} catch (const std::exception& thrown) {
  std::fprintf(stderr, "%s\n", thrown.what());
  return 1;
}
