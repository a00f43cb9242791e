// SPDX-License-Identifier: MIT
//
// Shared libraries with hidden visibility have copies of their own of every variable in the headers. A log works across
// them all the same: whoever calls it out of one of its hooks is refused, whichever library the code stands in.

#include <dlfcn.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fork/child.hpp>
#include <libraries/library.hpp>
#include <memory>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_library::Calling;
using rewal_library::Log;

constexpr int invalid_state = static_cast<int>(Errc::invalid_state);
constexpr int not_running = static_cast<int>(Errc::not_running);

/// The library, loaded for nobody else to see, as a plug-in is.
class Library {
 public:
  Library() : handle_(::dlopen(REWAL_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(::dlerror());
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { ::dlclose(handle_); }

  int append(Log& log) { return function<int(Log*)>("library_append")(&log); }
  int flush(Log& log) { return function<int(Log*)>("library_flush")(&log); }
  Log* open(const std::string& path, Calling& hooks) {
    return function<Log*(const char*, Calling*)>("library_open")(path.c_str(), &hooks);
  }
  void destroy(Log* log) { function<void(Log*)>("library_destroy")(log); }

 private:
  template <class F>
  F* function(const char* name) {
    return reinterpret_cast<F*>(::dlsym(handle_, name));
  }

  void* handle_;
};

}  // namespace

TEST_CASE("a hook that calls its log through a library with hidden visibility is refused") {
  TempDir dir;
  Library library;
  Calling hooks;
  Log log = must(rewal::Wal<>::open(dir.file("log")).hooks(hooks).build());
  std::vector<int> said;
  *hooks.call = [&] {
    said.push_back(library.append(log));
    said.push_back(library.flush(log));
  };
  must(log.append("x"));
  must(log.flush());
  *hooks.call = nullptr;
  CHECK(said == std::vector<int>(4, invalid_state));
  CHECK(library.append(log) == 0);
  must(log.shutdown());
}

TEST_CASE("a hook of a log that a library has opened is refused, whoever appends") {
  TempDir dir;
  Library library;
  Calling hooks;
  Log* const log = library.open(dir.file("log"), hooks);
  REQUIRE(log != nullptr);
  std::vector<bool> refused;
  *hooks.call = [&] { refused.push_back(said(log->flush()) == "invalid_state"); };
  must(log->append("x"));
  CHECK(library.append(*log) == 0);
  must(log->flush());
  *hooks.call = nullptr;
  CHECK(refused.size() >= 3);
  CHECK(std::find(refused.begin(), refused.end(), false) == refused.end());
  library.destroy(log);
}

TEST_CASE("a forked child is refused by a log that a library has opened, and leaves one that it calls") {
  TempDir dir;
  Library library;
  Calling hooks;
  Log* const of_library = library.open(dir.file("library"), hooks);
  auto own = std::make_unique<Log>(must(rewal::Wal<>::open(dir.file("own")).hooks(hooks).build()));
  CHECK(Child([&] {
          const bool refused =
              library.append(*own) == not_running && of_library->append("x").error() == Errc::not_running;
          library.destroy(own.release());
          delete of_library;
          return std::string(refused ? "" : "not refused");
        }).ended() == "");
  library.destroy(own.release());
  delete of_library;
}

TEST_CASE("a library that was unloaded hears of no fork") {
  TempDir dir;
  {
    Library library;
    Calling hooks;
    library.destroy(library.open(dir.file("log"), hooks));
  }
  CHECK(Child([] { return std::string(); }).ended() == "");
}
