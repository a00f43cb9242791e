// SPDX-License-Identifier: MIT
//
// Setting: what the command line says of a run: where its files go, how many rounds, how much work. Set by main()
// before anything is measured, constant afterwards. Each program works in a folder of its own, which goes with it.

#ifndef REWAL_BENCH_SETTING_HPP
#define REWAL_BENCH_SETTING_HPP

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace bench {

struct Setting {
  std::string directory = ".";
  int rounds = 7;
  bool quick = false;  // a little of everything, to see that it runs

  /// How often to repeat what a full run does n times.
  [[nodiscard]] std::uint64_t count(std::uint64_t n) const { return quick ? (std::max<std::uint64_t>)(n / 200, 8) : n; }
  [[nodiscard]] double seconds(double full) const { return quick ? 0.01 : full; }

  [[nodiscard]] std::string path(const std::string& name) const { return directory + "/" + name; }
  /// The same, where no file is.
  [[nodiscard]] std::string fresh(const std::string& name) const {
    const std::string file = path(name);
    ::unlink(file.c_str());
    return file;
  }
};

/// Of this run.
[[nodiscard]] const Setting& setting();

}  // namespace bench

#endif  // REWAL_BENCH_SETTING_HPP
