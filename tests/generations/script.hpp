// SPDX-License-Identifier: MIT
//
// What one thread does with a folder of generations, as a word of one letter a call, and how a folder that was found
// after a crash is judged by what was told before it. The event with LSN n always has the payload "event n".

#ifndef REWAL_TESTS_GENERATIONS_SCRIPT_HPP
#define REWAL_TESTS_GENERATIONS_SCRIPT_HPP

#include <generations.hpp>
#include <optional>
#include <rewal/wal.hpp>
#include <string>

namespace rewal_test {

/// What the outside world knows.
struct Told {
  rewal::Lsn durable = 0;  // acknowledged
  rewal::Lsn dropped = 0;  // events below may be gone
};

inline std::string payload_of(rewal::Lsn lsn) { return "event " + std::to_string(lsn); }

/// Letters: a append   d append_durable   f flush   w wait_durable   r roll
///          x drop_before everything durable   y drop_before the second oldest generation that may be
/// `tell(Told)` is called whenever more is known: an acknowledgement after the call, a drop before it.
/// Stops at the first error and returns it.
template <class G, class Tell>
std::optional<rewal::Error> perform(G& log, const std::string& word, Told& told, Tell tell) {
  rewal::Lsn last = log.last_lsn();
  const auto acknowledge = [&](rewal::Lsn lsn) {
    told.durable = lsn;
    tell(told);
  };
  const auto drop = [&](rewal::Lsn lsn) {
    if (lsn > told.dropped) told.dropped = lsn;
    tell(told);
    return log.drop_before(lsn);
  };
  for (const char letter : word) {
    rewal::Result<void> done;
    rewal::Result<rewal::Lsn> lsn = rewal::Lsn{0};
    switch (letter) {
      case 'a': lsn = log.append(payload_of(++last)); break;
      case 'd':
        lsn = log.append_durable(payload_of(++last));
        if (lsn) acknowledge(last);
        break;
      case 'w':
        done = log.wait_durable(last);
        if (done) acknowledge(last);
        break;
      case 'f': done = log.flush(); break;
      case 'r':
        lsn = log.roll();
        if (lsn && *lsn != last + 1) return rewal::Error(rewal::Errc::invalid_lsn, "roll() told a wrong LSN");
        if (lsn) acknowledge(last);  // a sealed generation is durable
        break;
      case 'x': done = drop(log.durable_lsn() + 1); break;
      case 'y': done = drop(log.first_lsn() + 3); break;
      default: return rewal::Error(rewal::Errc::invalid_state, "no call has this letter");
    }
    if (!done) return done.error();
    if (!lsn) return lsn.error();
    if ((letter == 'a' || letter == 'd') && *lsn != last) {
      return rewal::Error(rewal::Errc::invalid_lsn, "an append got another LSN than the next one");
    }
  }
  return std::nullopt;
}

/// What is wrong with a folder as it was found; empty if nothing is.
template <class G>
std::string judge(G& log, const Told& told) {
  const rewal::Lsn first = log.first_lsn();
  const rewal::Lsn last = log.last_lsn();
  if (last < told.durable) {
    return "acknowledged up to " + std::to_string(told.durable) + ", found up to " + std::to_string(last);
  }
  if (first > 1 && first > told.dropped) {
    return "dropped below " + std::to_string(told.dropped) + ", begins at " + std::to_string(first);
  }
  if (first == 0 && last != 0 && last >= told.dropped) return "all events are gone, some of them never dropped";
  if (log.durable_lsn() != last) return "not all that was found is durable";
  rewal::Lsn due = first == 0 ? last + 1 : first;
  std::string wrong;
  const auto read = log.replay(0, [&](const rewal::BorrowedEvent& event) {
    if (event.lsn != due || rewal::as_text(event.payload) != payload_of(due)) {
      wrong = "LSN " + std::to_string(event.lsn) + " where " + std::to_string(due) + " is due, or another payload";
    }
    ++due;
  });
  if (!read) return "unreadable: " + read.error().message();
  if (wrong.empty() && due != last + 1) wrong = "the events end before last_lsn";
  return wrong;
}

/// Judges, goes on with some calls, and judges again.
template <class G>
std::string judge_and_go_on(G& log, Told told, const std::string& word) {
  if (auto wrong = judge(log, told); !wrong.empty()) return wrong;
  told.durable = log.last_lsn();  // what the next append takes as given
  if (const auto failed = perform(log, word, told, [](const Told&) {})) return "going on: " + failed->message();
  if (const auto flushed = log.on_live([](auto& live) { return live.sync(); }); !flushed)
    return "going on: " + flushed.error().message();
  if (auto wrong = judge(log, told); !wrong.empty()) return "after going on: " + wrong;
  return {};
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_GENERATIONS_SCRIPT_HPP
