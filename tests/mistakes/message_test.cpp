// SPDX-License-Identifier: MIT
//
// What people get wrong at run time is answered by a message that names the mistake and the remedy.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include <rewal/cursor.hpp>
#include <rewal/wal.hpp>
#include <support/temp_dir.hpp>

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

namespace {

struct Mistake {
  rewal_test::TempDir folder;
  std::string path = (folder / "orders.wal").string();

  [[nodiscard]] auto open() const { return rewal::Wal<>::open(path).build(); }
};

}  // namespace

TEST_CASE("two logs on one path: the second is told that the first holds it, and what to do") {
  const Mistake mistake;
  const auto first = mistake.open();
  REQUIRE(first);
  const auto second = mistake.open();
  REQUIRE(second.error() == rewal::Errc::file_locked);
  CHECK_THAT(second.error().message(),
             ContainsSubstring("file_locked in " + mistake.path +
                               ": another log holds this file: close it first, in this or the "
                               "other process"));
}

TEST_CASE("a path in a missing folder: the message says so") {
  const rewal_test::TempDir folder;
  const auto path = (folder / "missing/orders.wal").string();
  const auto opened = rewal::Wal<>::open(path).build();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().system() == std::errc::no_such_file_or_directory);
  if (REWAL_POSIX) {
    CHECK_THAT(opened.error().message(), ContainsSubstring("its folder does not exist: create that first"));
  }
}

TEST_CASE("an empty path, a folder and a file of something else are told apart") {
  const Mistake mistake;
  CHECK_THAT(rewal::Wal<>::open("").build().error().message(),
             ContainsSubstring("the path of the log is empty: pass the name of a file"));
  CHECK_FALSE(rewal::Wal<>::open(mistake.folder.path()).build());
  std::ofstream(mistake.path) << "a letter, not a log, and long enough to be one";
  const auto opened = mistake.open();
  REQUIRE(opened.error() == rewal::Errc::invalid_record);
  CHECK_THAT(opened.error().message(), EndsWith("is not an EWAL version 2 log and was left as it is: check the path"));
}

TEST_CASE("an iterator kept longer than its log says that the log is closed") {
  const Mistake mistake;
  std::optional<rewal::Wal<>::Iterator> kept;
  {
    auto log = mistake.open();
    REQUIRE(log);
    REQUIRE(log->append_durable("event"));
    kept.emplace(std::move(log->iterator(1).value()));
  }
  const auto event = kept->next_borrowed();
  REQUIRE(event.error() == rewal::Errc::closed);
  CHECK_THAT(event.error().message(), EndsWith("the log is closed: open it again to go on"));
}

TEST_CASE("a log that was moved from, and one that was shut down, say which of both they are") {
  const Mistake mistake;
  auto opened = mistake.open();
  REQUIRE(opened);
  rewal::Wal<> log = std::move(*opened);
  CHECK_THAT(opened->append("event").error().message(),
             EndsWith("moved from or never opened: use the object it was moved to"));
  REQUIRE(log.shutdown());
  CHECK_THAT(log.append("event").error().message(), EndsWith("the log is closed: open it again to go on"));
}

TEST_CASE("an LSN that was never assigned, a frame over the limit and a meta over its own") {
  const Mistake mistake;
  auto log = rewal::Wal<>::open(mistake.path).max_frame_bytes(1000).build();
  REQUIRE(log);
  CHECK_THAT(log->wait_durable(99).error().message(),
             ContainsSubstring("at LSN 99: this LSN was never assigned: pass one that append returned"));
  CHECK_THAT(log->append(std::string(2000, 'x')).error().message(),
             EndsWith("over max_frame_bytes: append less at once, or raise that limit"));
  CHECK_THAT(log->append_with_meta("x", std::string(70'000, 'x')).error().message(),
             EndsWith("over 65535 bytes: put what is long into the payload"));
}

#if REWAL_EXCEPTIONS
TEST_CASE("the value of a failed build() is an exception with its message") {
  const rewal_test::TempDir folder;
  try {
    static_cast<void>(rewal::Wal<>::open((folder / "missing/orders.wal").string()).build().value());
    FAIL("no exception");
  } catch (const rewal::Exception& exception) {
    CHECK_THAT(std::string(exception.what()), ContainsSubstring("missing/orders.wal"));
  }
}
#endif
