// SPDX-License-Identifier: MIT
//
// OrderSurvey: the memory orders of the code under test, as they are run: it weakens those that it is told to, or else
// notes each once. Used by the engine alone.

#ifndef REWAL_TESTS_INTERLEAVINGS_ORDER_SURVEY_HPP
#define REWAL_TESTS_INTERLEAVINGS_ORDER_SURVEY_HPP

#include <array>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "scheduler.hpp"
#include "step.hpp"

namespace rewal_model {

class OrderSurvey {
 public:
  void weaken(const Weakenings& weakenings) { weakenings_ = weakenings; }

  /// The order of an operation of the code under test, as the weakening wants it.
  [[nodiscard]] std::memory_order order_of(std::memory_order order, const Operation& op) {
    if (order == std::memory_order_relaxed) return order;
    const Site site = op.site;
    if (weakenings_.empty()) {
      Ordered& last = surveyed_[(site.line * 8 + static_cast<unsigned>(op.kind)) % surveyed_.size()];
      if (!(last.site == site) || last.kind != op.kind || last.order != order) {
        last = {site, op.kind, order};
        survey_.push_back(last);
      }
      return order;
    }
    for (const Weakening& weakening : weakenings_) {
      if (site.line == weakening.site.line && order == weakening.from &&
          std::strcmp(site.file, weakening.site.file) == 0) {
        return weakening.to;
      }
    }
    return order;
  }
  [[nodiscard]] std::vector<Ordered> take() {
    surveyed_ = {};
    std::vector<Ordered> unique;
    for (const Ordered& seen : std::exchange(survey_, {})) {
      bool known = false;
      for (const Ordered& other : unique) {
        known = known || (seen.site.line == other.site.line && seen.kind == other.kind && seen.order == other.order &&
                          std::strcmp(seen.site.file, other.site.file) == 0);
      }
      if (!known) unique.push_back(seen);
    }
    return unique;
  }

 private:
  Weakenings weakenings_;
  std::vector<Ordered> survey_;
  std::array<Ordered, 4096> surveyed_{};  // the latest of each hash: keeps the survey short
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_ORDER_SURVEY_HPP
