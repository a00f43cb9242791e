// SPDX-License-Identifier: MIT
//
// Question: one row of the report. Two or more sides do the same work in turn, round by round, in one run; the result
// is the median of each and the median of the rounds' ratios, since a lone time says nothing on a shared machine.
// A row is a benchmark of Google Benchmark whose iterations are the rounds: its command line picks rows and writes
// files. Used by the main thread.

#ifndef REWAL_BENCH_QUESTION_HPP
#define REWAL_BENCH_QUESTION_HPP

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "latencies.hpp"

namespace bench {

enum class Better { less, more };

struct Question {
  std::string row;   // "P1/threads:4"; rows without a bar begin with a word
  std::string what;  // the work
  std::string unit;  // of what the sides return
  Better better = Better::less;
  std::optional<double> bar = {};  // for the ratio of the first side to the second, or for a lone side's value
  std::optional<double> reach = {};
};

/// One of those who do the work. A call is one round: it does the work and returns the figure.
struct Side {
  std::string name;
  std::function<double()> measure;
};

/// What else a row has to tell.
class Notes {
 public:
  /// One value a round; its median is told.
  void add(const std::string& name, double value) { values_[name].push_back(value); }
  /// Calls of all rounds; their percentiles are told, in nanoseconds.
  Latencies& latencies(const std::string& name) { return latencies_[name]; }

  [[nodiscard]] std::map<std::string, double> told();

 private:
  std::map<std::string, std::vector<double>> values_;
  std::map<std::string, Latencies> latencies_;
};

/// Asks a question when its row is run. `set_up` makes the sides, the log's own first, and what they share.
void ask(Question question, std::function<std::vector<Side>(Notes&)> set_up);

/// To be defined by each program: asks its questions.
void questions();

}  // namespace bench

#endif  // REWAL_BENCH_QUESTION_HPP
