// SPDX-License-Identifier: MIT
//
// Backoff: how long to wait before the next try. Each pause is twice the one before, up to a most, and a random part of
// it is left out, so that many outboxes do not come back to one server at the same moment. Used by one thread.

#ifndef OUTBOX_BACKOFF_HPP
#define OUTBOX_BACKOFF_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace outbox {

class Backoff {
 public:
  using Pause = std::chrono::milliseconds;

  Backoff(Pause least, Pause most, std::uint64_t seed) : least_(least), most_(most), pause_(least), random_(seed) {}

  /// The next pause: between half of what has been reached and all of it.
  [[nodiscard]] Pause next() {
    const Pause whole = pause_;
    pause_ = (std::min)(pause_ * 2, most_);
    return jittered(whole);
  }
  /// The longest pause at once: for what does not mend itself.
  [[nodiscard]] Pause longest() {
    pause_ = most_;
    return jittered(most_);
  }
  /// All is well again.
  void reset() { pause_ = least_; }

 private:
  [[nodiscard]] Pause jittered(Pause whole) {
    return Pause(std::uniform_int_distribution<Pause::rep>(whole.count() / 2, whole.count())(random_));
  }

  Pause least_;
  Pause most_;
  Pause pause_;
  std::mt19937_64 random_;
};

}  // namespace outbox

#endif  // OUTBOX_BACKOFF_HPP
