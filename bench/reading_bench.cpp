// SPDX-License-Identifier: MIT
//
// How fast is a log of 1M events of 256 bytes read from its beginning to its end? (P8) Views by replay and iterator,
// and owned copies. The yardstick opens and maps the file, and passes over its frames once with the log's own kernel.

#include <memory>

#include "harness/check.hpp"
#include "harness/clock.hpp"
#include "harness/million_events.hpp"
#include "harness/question.hpp"

namespace {

using namespace bench;

/// `read` takes the log and returns how many bytes of payload it saw.
template <class Read>
void ask_how_fast(Question question, Read read) {
  ask(std::move(question), [read](Notes& notes) -> std::vector<Side> {
    const MillionEvents& events = MillionEvents::instance();
    const auto wal = std::make_shared<rewal::Wal<>>(must(rewal::Wal<>::open(events.path()).build()));
    return {{"rewal",
             [=, &events, &notes] {
               const auto begin = Clock::now();
               const std::uint64_t bytes = read(*wal);
               const double elapsed = nanoseconds_since(begin);
               must_be(bytes == events.count() * MillionEvents::event_bytes, "every byte is read");
               notes.add("GB/s", static_cast<double>(events.bytes()) / elapsed);
               return elapsed / 1e6;
             }},
            {"pass", [&events] { return events.checksum_pass(); }}};
  });
}

std::uint64_t replay(rewal::Wal<>& wal) {
  std::uint64_t bytes = 0;
  must(wal.replay(1, [&](const rewal::BorrowedEvent& event) { bytes += event.payload.size(); }));
  return bytes;
}

std::uint64_t replay_owned(rewal::Wal<>& wal) {
  std::uint64_t bytes = 0;
  must(wal.replay(1, [&](rewal::Event&& event) { bytes += event.payload.size(); }));
  return bytes;
}

std::uint64_t iterate_borrowed(rewal::Wal<>& wal) {
  std::uint64_t bytes = 0;
  auto it = must(wal.iterator(1));
  while (const auto event = must(it.next_borrowed())) bytes += event->payload.size();
  return bytes;
}

std::uint64_t iterate_range(rewal::Wal<>& wal) {
  std::uint64_t bytes = 0;
  auto it = must(wal.iterator(1));
  for (const auto& event : it) bytes += must(event).payload.size();
  return bytes;
}

std::uint64_t iterate_owned(rewal::Wal<>& wal) {
  std::uint64_t bytes = 0;
  auto it = must(wal.iterator(1));
  while (const auto event = must(it.next())) bytes += event->payload.size();
  return bytes;
}

}  // namespace

void bench::questions() {
  const std::string of = " over 1M x 256 B; one checksum pass over the mapping";
  ask_how_fast({.row = "P8/replay", .what = "zero-copy replay" + of, .unit = "ms", .bar = 0.85, .reach = 0.6}, replay);
  ask_how_fast({.row = "P8/iterator", .what = "borrowed iterator" + of, .unit = "ms", .bar = 0.85, .reach = 0.6},
               iterate_borrowed);
  ask_how_fast({.row = "reading/range", .what = "range for" + of, .unit = "ms"}, iterate_range);
  ask_how_fast({.row = "reading/owned-replay", .what = "replay of owned events" + of, .unit = "ms"}, replay_owned);
  ask_how_fast({.row = "reading/owned-iterator", .what = "iterator of owned events" + of, .unit = "ms"}, iterate_owned);
}
