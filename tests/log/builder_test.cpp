// SPDX-License-Identifier: MIT
//
// The builder: options and policies in any order, paths in any form, and builds that fail without a trace.

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/harness.hpp>
#include <support/recording_storage.hpp>
#include <support/refused_call.hpp>
#include <support/temp_dir.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

struct CountingHooks {
  std::shared_ptr<int> starts = std::make_shared<int>(0);
  std::shared_ptr<int> corruptions = std::make_shared<int>(0);
  void on_start() { ++*starts; }
  void on_corruption(std::uint64_t) { ++*corruptions; }
};

/// A policy that can be moved and not copied.
struct MovableIndex {
  std::unique_ptr<int> own = std::make_unique<int>(0);
  std::shared_ptr<std::vector<Lsn>> seen = std::make_shared<std::vector<Lsn>>();
  void on_append(Lsn lsn, std::optional<Bytes>, std::uint64_t) {
    ++*own;
    seen->push_back(lsn);
  }
};

struct ThrowingStorage : MemoryStorage {
  Result<std::uint64_t> size() { throw std::runtime_error("not today"); }
};

}  // namespace

TEST_CASE("a builder that is not built touches nothing") {
  const TempDir dir;
  static_cast<void>(Wal<>::open(dir.file("log")).queue_capacity(3));
  CHECK(dir.names().empty());
}

TEST_CASE("build creates the file, with every form of path") {
  const TempDir dir;
  const std::string path = dir.file("string");
  const std::string view_of = dir.file("view") + "rest";
  CHECK(Wal<>::open(path).build());
  CHECK(Wal<>::open(dir.file("pointer").c_str()).build());
  CHECK(Wal<>::open(std::string_view(view_of).substr(0, view_of.size() - 4)).build());
  CHECK(Wal<>::open(dir.path() / "path").build());
  CHECK(dir.names() == std::vector<std::string>{"path", "pointer", "string", "view"});
}

TEST_CASE("options set before a policy and after it both hold") {
  const RecordingStorage disk;
  auto wal = must(Wal<>::open("log")
                      .start_lsn(50)
                      .storage(disk)
                      .max_frame_bytes(100)
                      .indexer(MovableIndex{})
                      .backpressure(Backpressure::error)
                      .build());
  CHECK(wal.append("event") == 50u);
  CHECK(said(wal.append(std::string(100, 'x'))) == "invalid_record");
}

TEST_CASE("the last value of an option counts") {
  auto wal = must(Wal<>::open("log").start_lsn(5).start_lsn(7).storage(MemoryStorage()).start_lsn(9).build());
  CHECK(wal.append("event") == 9u);
}

TEST_CASE("policies that can only be moved are taken") {
  MovableIndex index;
  const auto seen = index.seen;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).indexer(std::move(index)).build());
  must(wal.append("1"));
  must(wal.append("2"));
  must(wal.flush());
  CHECK(*seen == std::vector<Lsn>{1, 2});
}

TEST_CASE("with a custom storage the path is only a name") {
  const TempDir dir;
  auto wal = must(Wal<>::open(dir.file("log")).storage(MemoryStorage()).build());
  must(wal.append_durable("event"));
  CHECK(dir.names().empty());
}

TEST_CASE("a builder kept by name can be built again once the first log is gone") {
  const TempDir dir;
  auto builder = Wal<>::open(dir.file("log"));
  {
    auto wal = must(builder.build());
    must(wal.append("event"));
    CHECK(said(builder.build()) == "file_locked");
  }
  CHECK(must(builder.build()).last_lsn() == 1);
}

TEST_CASE("a builder whose storage was used up says so") {
  auto builder = Wal<>::open("log").storage(MemoryStorage());
  auto wal = must(builder.build());
  const auto second = builder.build();
  REQUIRE_FALSE(second);
  CHECK(second.error() == Errc::invalid_state);
}

TEST_CASE("a builder whose policies were used up says so, also after a refusal, and calls none of them") {
  const TempDir dir;
  std::ofstream(dir.file("log")) << "not a log";
  auto builder = Wal<>::open(dir.file("log")).hooks(CountingHooks());
  CHECK(said(builder.build()) == "invalid_record");
  std::filesystem::resize_file(dir.file("log"), 0);
  CHECK(said(builder.build()) == "invalid_state");
}

TEST_CASE("a builder that was given a file never opens another in its place") {
  const TempDir dir;
  auto builder = Wal<>::open(dir.file("name")).storage(must(FileStorage::open(dir.file("log"))));
  static_cast<void>(must(builder.build()));
  CHECK(said(builder.build()) == "invalid_state");
  CHECK(dir.names() == std::vector<std::string>{"log"});
}

TEST_CASE("a builder refused because of a lock keeps its policies for the next try") {
  const TempDir dir;
  const CountingHooks hooks;
  auto builder = Wal<>::open(dir.file("log")).hooks(hooks);
  {
    auto other = must(Wal<>::open(dir.file("log")).build());
    CHECK(said(builder.build()) == "file_locked");
  }
  CHECK(builder.build());
  CHECK(*hooks.starts == 1);
}

TEST_CASE("on_start runs once, before build returns, and not when build fails") {
  const CountingHooks hooks;
  const RecordingStorage disk;
  disk.fail(Op::sync, 1, EIO);
  CHECK(errno_of(Wal<>::open("log").storage(disk).hooks(hooks).build()) == EIO);
  CHECK(*hooks.starts == 0);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).hooks(hooks).build());
  CHECK(*hooks.starts == 1);
}

TEST_CASE("on_corruption runs when build cuts damage") {
  const CountingHooks hooks;
  MemoryStorage disk;
  must(must(Wal<>::open("log").storage(disk).build()).append("event"));
  must(disk.truncate(disk.bytes().size() - 1));
  auto wal = must(Wal<>::open("log").storage(disk).hooks(hooks).build());
  CHECK(*hooks.corruptions == 1);
  CHECK(wal.stats().corruptions == 1);
}

TEST_CASE("a storage that throws while it is opened is an error of build") {
  const auto wal = Wal<>::open("log").storage(ThrowingStorage()).build();
  REQUIRE_FALSE(wal);
  CHECK(wal.error() == Errc::io);
}

TEST_CASE("a file that another log holds is file_locked, and free after it") {
  const TempDir dir;
  auto first = must(Wal<>::open(dir.file("log")).build());
  CHECK(said(Wal<>::open(dir.file("log")).build()) == "file_locked");
  must(first.append_durable("still fine"));
  must(first.shutdown());
  CHECK(Wal<>::open(dir.file("log")).build());
}

TEST_CASE("of many who open one file at once exactly one succeeds") {
  const TempDir dir;
  for (std::size_t round = 0; round < volume(30); ++round) {
    std::mutex mutex;
    std::vector<Wal<>> opened;
    std::size_t locked = 0;
    together(4, [&](std::size_t) {
      auto wal = Wal<>::open(dir.file("log")).build();
      const std::lock_guard lock(mutex);
      if (wal) {
        opened.push_back(std::move(*wal));
      } else {
        locked += wal.error() == Errc::file_locked;
      }
    });
    REQUIRE(opened.size() == 1);
    REQUIRE(locked == 3);
  }
}

TEST_CASE("a queue of over 1 GiB is refused, and the file left alone") {
  const TempDir dir;
  const auto file = dir.file("log");
  const auto refused = Wal<>::open(file).queue_bytes((std::uint64_t{1} << 30) + 1).build();
  CHECK(errno_of(refused) == EINVAL);
  CHECK_FALSE(std::filesystem::exists(file));
}

#if REWAL_LINUX && !REWAL_TEST_SANITIZED  // a sanitizer's own threads are started in its own way
TEST_CASE("a log whose writer thread cannot be started is not opened, says why, and leaves the file to others") {
  const TempDir dir;
  const auto file = dir.file("log");
  bool threads_start = false;  // where the C library makes them by another call
  std::optional<Error> why;
  const bool tried = rewal_test::where_refused(SYS_clone3, EAGAIN, [&] {
    try {
      std::thread([] {}).join();
      threads_start = true;
    } catch (const std::system_error&) {
    }
    const auto refused = Wal<>::open(file).build();
    if (!refused) why = refused.error();
  });
  if (!tried || threads_start) SKIP("the system lets no thread be refused");
  REQUIRE(why);
  CHECK(*why == Errc::io);
  CHECK(why->system().value() == EAGAIN);
  auto wal = must(Wal<>::open(file).build());
  CHECK(must(wal.append("an event")) == 1);
}
#endif
