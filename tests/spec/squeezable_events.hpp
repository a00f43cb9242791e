// SPDX-License-Identifier: MIT
//
// Events that a run-length compressor shrinks, and appends of every form.

#ifndef REWAL_TESTS_SPEC_SQUEEZABLE_EVENTS_HPP
#define REWAL_TESTS_SPEC_SQUEEZABLE_EVENTS_HPP

#include <cstddef>
#include <cstring>
#include <rewal/wal.hpp>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>

namespace rewal_test {

inline std::string squeezable(char c = 'x') { return std::string(200, c); }

inline Batch batch_of(std::size_t count) {
  Batch batch;
  for (std::size_t i = 0; i < count; ++i) batch.add_with_meta(squeezable(), "m");
  return batch;
}

template <class W>
void append_some_of_everything(W& wal) {
  must(wal.append("plain"));
  must(wal.append_with_meta(squeezable(), "meta one"));
  Batch batch;
  batch.add("b");
  batch.add_with_meta(squeezable(), std::string(300, 'm'));
  batch.add_with_meta("", "only");
  must(wal.append_batch(batch));
  must(wal.append_with_meta("", ""));
}

}  // namespace rewal_test

#endif  // REWAL_TESTS_SPEC_SQUEEZABLE_EVENTS_HPP
