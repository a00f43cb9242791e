// SPDX-License-Identifier: MIT
//
// A log that a program opens and a shared library calls, with hidden visibility on both sides.

#ifndef REWAL_TESTS_LIBRARIES_LIBRARY_HPP
#define REWAL_TESTS_LIBRARIES_LIBRARY_HPP

#include <functional>
#include <memory>
#include <rewal/wal.hpp>

namespace rewal_library {

/// Calls whatever the test puts there.
struct Calling {
  std::shared_ptr<std::function<void()>> call = std::make_shared<std::function<void()>>();
  void before_append(const rewal::Events&) {
    if (*call) (*call)();
  }
  void after_write(std::size_t) {
    if (*call) (*call)();
  }
};

using Log = rewal::Wal<rewal::FileStorage, rewal::NoCompressor, rewal::NoIndexer, Calling>;

// The library's functions; `code` is an Errc, 0 is success.
extern "C" {
__attribute__((visibility("default"))) int library_append(Log* log);
__attribute__((visibility("default"))) int library_flush(Log* log);
__attribute__((visibility("default"))) Log* library_open(const char* path, Calling* hooks);
__attribute__((visibility("default"))) void library_destroy(Log* log);
}

}  // namespace rewal_library

#endif  // REWAL_TESTS_LIBRARIES_LIBRARY_HPP
