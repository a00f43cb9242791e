// SPDX-License-Identifier: MIT
//
// What FileStorage knows of the space that is reserved behind the log's end.

#include <catch2/catch_test_macros.hpp>
#include <rewal/bytes.hpp>
#include <rewal/storage/file_storage.hpp>
#include <string>
#include <support/temp_dir.hpp>

using namespace rewal_test;

TEST_CASE("space that a truncation gave back is reserved again when it is asked for again") {
  const TempDir dir;
  auto storage = rewal::FileStorage::open(dir.file("log")).value();
  if (!storage.preallocate(8192)) SKIP("the file system reserves nothing");
  REQUIRE(dir.read("log").size() == 8192);
  REQUIRE(storage.truncate(0));
  REQUIRE(dir.read("log").empty());
  CHECK(storage.preallocate(4096));
  CHECK(dir.read("log").size() == 4096);
}
