// SPDX-License-Identifier: MIT
//
// SnapshotReader: an iterator that stays while its log goes on, and the snapshot that it must see all the same.

#ifndef REWAL_TESTS_FUZZ_SNAPSHOT_READER_HPP
#define REWAL_TESTS_FUZZ_SNAPSHOT_READER_HPP

#include <cstddef>
#include <utility>

#include <rewal/error.hpp>

#include "claim.hpp"
#include "compare.hpp"
#include "second_judge.hpp"

namespace rewal_fuzz {

template <class Iterator>
class SnapshotReader {
 public:
  /// `expected_of(judge)` is what is to be read of the file as it is now.
  template <class F>
  SnapshotReader(Image file, Iterator it, F expected_of)
      : file_(std::move(file)), judge_(file_), expected_(expected_of(judge_)), it_(std::move(it)) {}
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  void go_on(std::size_t events) {
    for (; events > 0; --events) {
      const auto next = it_.next_borrowed();
      if (at_ < expected_.events.size()) {
        claim(next && *next && is(**next, expected_.events[at_++]), "a reader sees its snapshot");
      } else {
        claim(expected_.error ? !next : next && !*next, "a reader ends where its snapshot ends");
      }
    }
  }
  void finds_log_closed() {
    const auto next = it_.next_borrowed();
    claim(!next && next.error() == Errc::closed, "a reader finds its log closed");
  }

 private:
  Image file_;
  SecondJudge judge_;
  ExpectedReading expected_;  // points into the file
  Iterator it_;
  std::size_t at_ = 0;
};

}  // namespace rewal_fuzz

#endif  // REWAL_TESTS_FUZZ_SNAPSHOT_READER_HPP
