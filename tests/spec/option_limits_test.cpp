// SPDX-License-Identifier: MIT
//
// The limits of options: what build() refuses, and the largest that it takes.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <limits>
#include <rewal/wal.hpp>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <system_error>
#include <utility>

using namespace rewal_test;

namespace {

auto in_memory() { return Wal<>::open("log").storage(MemoryStorage{}); }

template <class B>
bool is_nonsense(B&& builder) {
  const auto wal = std::forward<B>(builder).build();
  return !wal && wal.error() == Errc::io && wal.error().system() == std::errc::invalid_argument &&
         wal.error().message().size() > 20;
}

}  // namespace

TEST_CASE("nonsense is an error of build with its reason, never a correction") {
  CHECK(is_nonsense(in_memory().queue_capacity(0)));
  CHECK(is_nonsense(in_memory().queue_bytes(0)));
  CHECK(is_nonsense(in_memory().buffer_capacity(0)));
  CHECK(is_nonsense(in_memory().max_frame_bytes(0)));
  CHECK(is_nonsense(in_memory().start_lsn(0)));
  CHECK(is_nonsense(in_memory().start_lsn(std::numeric_limits<Lsn>::max())));
  CHECK(is_nonsense(in_memory().sync_mode(SyncMode::interval(-1ns))));
  CHECK(is_nonsense(in_memory().sync_mode(SyncMode::interval(std::chrono::duration<double, std::nano>(-0.25)))));
  CHECK(is_nonsense(in_memory().sync_mode(SyncMode::interval(std::chrono::hours::min()))));
  CHECK(is_nonsense(Wal<>::open("")));
  CHECK(is_nonsense(Wal<>::open(std::string("a\0b", 3))));
}

TEST_CASE("nonsense touches no file") {
  const TempDir dir;
  CHECK(is_nonsense(Wal<>::open(dir.file("log")).queue_capacity(0)));
  CHECK(is_nonsense(Wal<>::open(dir.file("log")).sync_mode(SyncMode::interval(-1s))));
  CHECK(dir.names().empty());
}

TEST_CASE("a path that cannot be a log is what the system says") {
  const TempDir dir;
  const auto directory = Wal<>::open(dir.path()).build();
  REQUIRE_FALSE(directory);
  CHECK(directory.error() == Errc::io);
  CHECK(directory.error().system());
  const auto nowhere = Wal<>::open(dir.path() / "no" / "such" / "directory").build();
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().system() == std::errc::no_such_file_or_directory);
}

TEST_CASE("the largest sensible options are taken") {
  auto wal = must(in_memory()
                      .queue_capacity(std::numeric_limits<std::uint32_t>::max())
                      .buffer_capacity(std::numeric_limits<std::uint64_t>::max())
                      .max_frame_bytes(std::numeric_limits<std::uint64_t>::max())
                      .preallocate(std::numeric_limits<std::uint64_t>::max())
                      .sync_mode(SyncMode::interval(std::chrono::hours::max()))
                      .build());
  CHECK(wal.append_durable("event") == 1u);
}

TEST_CASE("on a file too, a buffer and a preallocation of any size are taken") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log"))
                      .buffer_capacity(std::numeric_limits<std::uint64_t>::max())
                      .preallocate(std::numeric_limits<std::uint64_t>::max())
                      .build());
  for (Lsn lsn = 1; lsn <= 5; ++lsn) CHECK(wal.append_durable(std::string(1000, 'e')) == lsn);
  CHECK(wal.shutdown());
  CHECK(std::filesystem::file_size(dir.file("log")) == 5 * frame_bytes(1000));
}

TEST_CASE("on a file, preallocation beyond the disk is no error") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).preallocate(std::uint64_t{1} << 60).build());
  CHECK(wal.append_durable("event") == 1u);
  CHECK(wal.shutdown());
  CHECK(std::filesystem::file_size(dir.file("log")) == frame_bytes(5));
}

TEST_CASE("an interval of 0 is as batch: flush is durable") {
  auto wal = must(in_memory().sync_mode(SyncMode::interval(0s)).build());
  must(wal.append("event"));
  must(wal.flush());
  CHECK(wal.durable_lsn() == 1);
}
