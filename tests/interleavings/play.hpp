// SPDX-License-Identifier: MIT
//
// Play: a scenario as a few threads that each do a few things, all of them functions on one object. What to play, and how
// far it is searched, is left to the catalogs and the tests.

#ifndef REWAL_TESTS_INTERLEAVINGS_PLAY_HPP
#define REWAL_TESTS_INTERLEAVINGS_PLAY_HPP

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "scheduler.hpp"

namespace rewal_model {

template <class P>
class Play : public Scenario {
 public:
  using Body = std::function<void(P&)>;

  [[nodiscard]] unsigned threads() const override { return static_cast<unsigned>(bodies_->size()); }
  void run(unsigned thread) override { (*bodies_)[thread](static_cast<P&>(*this)); }

  static Make of(std::vector<Body> bodies, std::function<std::unique_ptr<P>()> make) {
    return [bodies = std::make_shared<std::vector<Body>>(std::move(bodies)), make = std::move(make)] {
      auto play = make();
      static_cast<Play&>(*play).bodies_ = bodies;
      return play;
    };
  }

 private:
  std::shared_ptr<std::vector<Body>> bodies_;
};

}  // namespace rewal_model

#endif  // REWAL_TESTS_INTERLEAVINGS_PLAY_HPP
