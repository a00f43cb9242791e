// SPDX-License-Identifier: MIT
//
// What the torture tests tried, as lines that a table can be made of: `G1 crash images: images=1234 violations=0`.
// Each line goes to the standard output and is appended to the file that REWAL_TORTURE_REPORT names, if it is set.
// Scaling lives here too: how much is tried in a plain build, under a sanitizer, and in the long run.

#ifndef REWAL_TESTS_TORTURE_REPORT_HPP
#define REWAL_TESTS_TORTURE_REPORT_HPP

#include <algorithm>
#include <atomic>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <support/random.hpp>
#include <support/sanitized.hpp>
#include <utility>

namespace rewal_torture {

using rewal_test::Random;

/// A sanitizer makes everything this many times rarer.
inline constexpr std::uint64_t thinning = rewal_test::sanitized ? 8 : 1;

/// Counts the assertions that have failed.
class Failures : public Catch::EventListenerBase {
 public:
  using Catch::EventListenerBase::EventListenerBase;

  static std::string getDescription() { return "counts failed assertions for the rows of the table"; }
  static std::uint64_t so_far() { return count_; }

  void assertionEnded(const Catch::AssertionStats& stats) override { count_ += stats.assertionResult.isOk() ? 0 : 1; }

 private:
  static inline std::atomic<std::uint64_t> count_{0};
};

inline const Catch::ListenerRegistrar<Failures> failures_registrar{Catch::StringRef("failures")};

/// One row of the table: {guarantee, what was counted, count, violations}, written when it goes out of scope. What
/// fails or throws while it lives counts as a violation too.
class Row {
 public:
  /// `unit` names what is counted, as in "images".
  Row(std::string guarantee, std::string what, std::string unit)
      : guarantee_(std::move(guarantee)), what_(std::move(what)), unit_(std::move(unit)) {}
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
  ~Row() {
    violations = (std::max)(violations, Failures::so_far() - failures_before_);
    if (std::uncaught_exceptions() > exceptions_before_) violations = (std::max<std::uint64_t>)(violations, 1);
    const std::string line = guarantee_ + " " + what_ + ": " + unit_ + "=" + std::to_string(count) + extra_ +
                             " violations=" + std::to_string(violations) + "\n";
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
    if (const char* const path = std::getenv("REWAL_TORTURE_REPORT")) std::ofstream(path, std::ios::app) << line;
  }

  /// A further figure of the same row.
  void note(const std::string& name, std::uint64_t value) { extra_ += " " + name + "=" + std::to_string(value); }

  std::uint64_t count = 0;
  std::uint64_t violations = 0;

 private:
  std::string guarantee_;
  std::string what_;
  std::string unit_;
  std::string extra_;
  std::uint64_t failures_before_ = Failures::so_far();
  int exceptions_before_ = std::uncaught_exceptions();
};

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 0);
}

/// Where all sampling begins: REWAL_TORTURE_SEED, or always the same.
inline std::uint64_t seed() { return number_from_environment("REWAL_TORTURE_SEED", 20'240'229); }

/// How long a [.torture] test goes on: REWAL_TORTURE_SECONDS.
class Budget {
 public:
  [[nodiscard]] bool left() const { return std::chrono::steady_clock::now() < until_; }

 private:
  std::chrono::steady_clock::time_point until_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(number_from_environment("REWAL_TORTURE_SECONDS", 20));
};

}  // namespace rewal_torture

#endif  // REWAL_TESTS_TORTURE_REPORT_HPP
