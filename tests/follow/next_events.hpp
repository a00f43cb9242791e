// SPDX-License-Identifier: MIT
//
// What a follower hands out next, as the tests ask for it.

#ifndef REWAL_TESTS_FOLLOW_NEXT_EVENTS_HPP
#define REWAL_TESTS_FOLLOW_NEXT_EVENTS_HPP

#include <chrono>
#include <cstddef>
#include <rewal/wal.hpp>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <vector>

namespace rewal_test {

using Memory = Wal<MemoryStorage>;

inline Memory memory_log() { return must(Wal<>::open("log").storage(MemoryStorage{}).build()); }

/// What is handed out next, as text.
template <class F>
std::string text_of_next(F& follower) {
  return text_of(must(follower.next()).payload);
}

template <class F>
std::vector<Lsn> next_lsns(F& follower, std::size_t count) {
  std::vector<Lsn> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(must(follower.next_borrowed()).lsn);
  return all;
}

template <class F>
bool has_nothing(F& follower) {
  return !must(follower.next_borrowed(0ms)).has_value();
}

inline std::vector<Lsn> range(Lsn from, Lsn to) {
  std::vector<Lsn> all;
  for (Lsn lsn = from; lsn <= to; ++lsn) all.push_back(lsn);
  return all;
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_FOLLOW_NEXT_EVENTS_HPP
