// SPDX-License-Identifier: MIT
//
// Events that say who appended them and the how manieth they are, and History, which reads a log's events one after the
// other and says what cannot have happened. Values without threads of their own. It shares nothing with the library:
// where the events come from, and what had been acknowledged, is left to whoever asks.

#ifndef REWAL_TESTS_POWERCUT_NUMBERED_EVENTS_HPP
#define REWAL_TESTS_POWERCUT_NUMBERED_EVENTS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../support/random.hpp"

namespace rewal_powercut {

using rewal_test::Random;

/// One thread in one session of a log; sessions follow one another, each from an opening to an end.
struct Author {
  std::uint32_t session = 0;
  std::uint32_t thread = 0;
  friend auto operator<=>(const Author&, const Author&) = default;
};

/// What stands at the start of each payload; what follows are bytes that all of it determines.
struct Numbered {
  static constexpr std::uint32_t right_tag = 0x6C617765;
  std::uint32_t tag = right_tag;
  Author author;
  std::uint16_t place_in_batch = 0;
  std::uint16_t batch_size = 1;
  std::uint64_t number = 0;  // the author's first event is 0
  std::uint64_t size = 0;    // of the payload
  friend bool operator==(const Numbered&, const Numbered&) = default;
};
static_assert(sizeof(Numbered) == 4 + 8 + 2 + 2 + 8 + 8);

/// The payload of that event; it is never smaller than what it says of itself.
inline void fill(std::vector<std::byte>& payload, Numbered event) {
  event.size = (std::max<std::uint64_t>)(event.size, sizeof event);
  payload.resize(event.size);
  std::memcpy(payload.data(), &event, sizeof event);
  Random random(event.number * 1'000'003 + event.author.session * 8191 + event.author.thread);
  for (std::size_t at = sizeof event; at < payload.size(); at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(payload.data() + at, &word, (std::min)(payload.size() - at, sizeof word));
  }
}

/// What the payload says of itself, if each of its bytes is right.
[[nodiscard]] inline std::optional<Numbered> read(std::span<const std::byte> payload) {
  thread_local std::vector<std::byte> expected;
  Numbered event;
  if (payload.size() < sizeof event) return std::nullopt;
  std::memcpy(&event, payload.data(), sizeof event);
  if (event.tag != Numbered::right_tag || event.size != payload.size()) return std::nullopt;
  fill(expected, event);
  if (std::memcmp(expected.data(), payload.data(), payload.size()) != 0) return std::nullopt;
  return event;
}

/// The events of one log in the order of the file: LSNs without gaps, each author's numbers without gaps, sessions one
/// after the other, batches whole.
class History {
 public:
  /// What is wrong with the next event, or "" where nothing is.
  [[nodiscard]] std::string add(std::uint64_t lsn, std::span<const std::byte> payload) {
    const std::string at = "LSN " + std::to_string(lsn);
    if (lsn != last_ + 1) return at + " follows LSN " + std::to_string(last_);
    const auto event = read(payload);
    if (!event) return at + " holds bytes that nobody appended";
    if (event->author.session < session_) return at + " is of an earlier session than the event before it";
    std::uint64_t& next = next_[event->author];
    if (event->number != next) {
      return at + " is number " + std::to_string(event->number) + " of its author, not " + std::to_string(next);
    }
    const bool goes_on = event->place_in_batch > 0;
    if (goes_on != (missing_ > 0) || (goes_on && !(event->author == author_))) return at + " parts a batch";
    missing_ = unsigned{event->batch_size} - event->place_in_batch - 1;
    author_ = event->author;
    session_ = author_.session;
    ++next;
    last_ = lsn;
    return {};
  }
  /// Whether the last batch has its end.
  [[nodiscard]] bool is_whole() const { return missing_ == 0; }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  /// How many events of that author there are.
  [[nodiscard]] std::uint64_t of(Author author) const {
    const auto found = next_.find(author);
    return found == next_.end() ? 0 : found->second;
  }

 private:
  std::map<Author, std::uint64_t> next_;
  std::uint64_t last_ = 0;
  std::uint32_t session_ = 0;
  Author author_;
  unsigned missing_ = 0;
};

}  // namespace rewal_powercut

#endif  // REWAL_TESTS_POWERCUT_NUMBERED_EVENTS_HPP
