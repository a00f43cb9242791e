// SPDX-License-Identifier: MIT
//
// The rounds of a row, its figures as counters of Google Benchmark, and its lines on the screen.

#include "question.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "setting.hpp"

namespace bench {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}
double least(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }
double most(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

/// Every other round the last side begins, so that none always inherits the same state of the machine.
class Rounds {
 public:
  explicit Rounds(std::vector<Side> sides) : sides_(std::move(sides)), values_(sides_.size()) {}

  void next() {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      const std::size_t side = round_ % 2 == 0 ? i : sides_.size() - 1 - i;
      values_[side].push_back(sides_[side].measure());
    }
    ++round_;
  }

  /// A round that does not count: caches, memory and branches learn what comes.
  void warm_up() {
    for (const Side& side : sides_) side.measure();
  }

  [[nodiscard]] const std::vector<Side>& sides() const { return sides_; }
  [[nodiscard]] const std::vector<double>& values(std::size_t side) const { return values_[side]; }
  /// Of the first side to another, round by round.
  [[nodiscard]] std::vector<double> ratios(std::size_t side) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < values_[0].size(); ++i) ratios.push_back(values_[0][i] / values_[side][i]);
    return ratios;
  }

 private:
  std::vector<Side> sides_;
  std::vector<std::vector<double>> values_;
  std::size_t round_ = 0;
};

const char* verdict(const Question& question, double result) {
  if (!question.bar) return "";
  const auto holds = [&](double limit) { return question.better == Better::less ? result <= limit : result >= limit; };
  if (question.reach && holds(*question.reach)) return "reached";
  return holds(*question.bar) ? "met" : "MISSED";
}

void print(const Question& question, const Rounds& rounds, const std::map<std::string, double>& told) {
  std::printf("%s: %s\n", question.row.c_str(), question.what.c_str());
  for (std::size_t i = 0; i < rounds.sides().size(); ++i) {
    const auto& values = rounds.values(i);
    std::printf("  %-16s %12.4g %s (best %.4g)", rounds.sides()[i].name.c_str(), median(values), question.unit.c_str(),
                question.better == Better::less ? least(values) : most(values));
    if (i > 0) {
      const auto ratios = rounds.ratios(i);
      std::printf("   ratio %.3f (%.3f to %.3f)", median(ratios), least(ratios), most(ratios));
    }
    if (question.bar && i == (rounds.sides().size() > 1 ? 1 : 0)) {
      std::printf("   bar %s %.4g", question.better == Better::less ? "<=" : ">=", *question.bar);
      if (question.reach) std::printf(", reach %.4g", *question.reach);
      std::printf(": %s", verdict(question, median(i > 0 ? rounds.ratios(1) : values)));
    }
    std::printf("\n");
  }
  for (const auto& [name, value] : told) std::printf("  %-16s %12.4g\n", name.c_str(), value);
  std::fflush(stdout);
}

void run(benchmark::State& state, const Question& question, const std::function<std::vector<Side>(Notes&)>& set_up) {
  Notes notes;
  Rounds rounds(set_up(notes));
  if (!setting().quick) {
    rounds.warm_up();
    notes = {};
  }
  for (auto _ : state) rounds.next();

  const auto told = notes.told();
  state.SetLabel(question.what + " [" + question.unit + "]");
  for (std::size_t i = 0; i < rounds.sides().size(); ++i) {
    const std::string& name = rounds.sides()[i].name;
    const auto& values = rounds.values(i);
    state.counters[name + ":side"] = static_cast<double>(i);
    state.counters[name + ":median"] = median(values);
    state.counters[name + ":best"] = question.better == Better::less ? least(values) : most(values);
    if (i > 0) state.counters[name + ":ratio"] = median(rounds.ratios(i));
  }
  const bool alone = rounds.sides().size() == 1;
  state.counters["result"] = alone ? median(rounds.values(0)) : median(rounds.ratios(1));
  state.counters["better"] = question.better == Better::less ? -1 : 1;
  if (question.bar) state.counters["bar"] = *question.bar;
  if (question.reach) state.counters["reach"] = *question.reach;
  for (const auto& [name, value] : told) state.counters["note:" + name] = value;
  print(question, rounds, told);
}

}  // namespace

std::map<std::string, double> Notes::told() {
  std::map<std::string, double> all;
  for (const auto& [name, values] : values_) all[name] = median(values);
  for (auto& [name, calls] : latencies_) {
    for (const auto& [percentile, share] : Latencies::percentiles) {
      all[name + ":" + percentile] = calls.percentile(share);
    }
  }
  return all;
}

void ask(Question question, std::function<std::vector<Side>(Notes&)> set_up) {
  const std::string row = question.row;
  benchmark::RegisterBenchmark(row.c_str(), [question = std::move(question), set_up = std::move(set_up)](
                                                benchmark::State& state) { run(state, question, set_up); })
      ->Iterations(setting().rounds)
      ->UseRealTime();
}

}  // namespace bench
