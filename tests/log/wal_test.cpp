// SPDX-License-Identifier: MIT
//
// Wal as an object among others: const, many at once, one inside another's policy, and used as the page says.

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <rewal/wal.hpp>
#include <sstream>
#include <string>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <type_traits>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

auto open_in_memory(const MemoryStorage& disk = {}) { return must(Wal<>::open("log").storage(disk).build()); }

static_assert(sizeof(Wal<>) == sizeof(void*));
static_assert(std::is_default_constructible_v<Wal<>>);
static_assert(std::is_nothrow_move_constructible_v<Wal<MemoryStorage>>);

}  // namespace

TEST_CASE("a log that is const can be read and observed") {
  auto wal = open_in_memory();
  must(wal.append("event"));
  must(wal.flush());
  const auto& reader = wal;
  CHECK(reader.last_lsn() == 1);
  CHECK(reader.durable_lsn() == 0);
  CHECK(reader.state() == State::running);
  CHECK(reader.stats().events_written == 1);
  CHECK(reader.recovery().frames == 0);
  CHECK(reader.replay(1, [](const BorrowedEvent&) {}) == 1u);
  CHECK(must(reader.iterator(1)).next());
}

TEST_CASE("many logs run at once and keep out of one another's way") {
  const TempDir dir;
  std::vector<Wal<>> logs;
  for (int i = 0; i < 20; ++i) logs.push_back(must(Wal<>::open(dir.file(std::to_string(i))).build()));
  together(4, [&](std::size_t thread) {
    for (std::size_t i = thread; i < 20; i += 4) {
      for (std::size_t j = 0; j <= i; ++j) must(logs[i].append(std::to_string(i)));
      must(logs[i].flush());
    }
  });
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(payloads(logs[i]) == std::vector<std::string>(i + 1, std::to_string(i)));
  }
}

namespace {

struct Forward {
  std::shared_ptr<std::function<void()>> to = std::make_shared<std::function<void()>>();
  void after_append(Lsn, std::size_t) {
    if (*to) (*to)();
  }
};

}  // namespace

TEST_CASE("a hook of one log may use another log") {
  auto other = open_in_memory();
  const Forward forward;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).hooks(forward).build());
  *forward.to = [&] { must(other.append_durable("forwarded")); };
  must(wal.append_durable("event"));
  CHECK(payloads(other) == std::vector<std::string>{"forwarded"});
}

TEST_CASE("a log that another object owns ends, drained, with its owner") {
  MemoryStorage disk;
  {
    const auto owner = std::make_unique<Wal<MemoryStorage>>(open_in_memory(disk));
    must(owner->append("event"));
  }
  CHECK(frames_in(disk.bytes()).size() == 1);
}

TEST_CASE("what one log wrote the next reads, event for event, generation after generation") {
  MemoryStorage disk;
  std::vector<std::string> written;
  for (int generation = 0; generation < 10; ++generation) {
    auto wal = open_in_memory(disk);
    CHECK(payloads(wal) == written);
    CHECK(wal.recovery().events == written.size());
    for (int i = 0; i < generation; ++i) {
      written.push_back(std::to_string(generation) + "/" + std::to_string(i));
      must(wal.append(written.back()));
    }
  }
  CHECK(payloads(open_in_memory(disk)) == written);
}

TEST_CASE("a state prints by its name") {
  std::ostringstream out;
  out << State::init << ' ' << State::running << ' ' << State::draining << ' ' << State::closed;
  CHECK(out.str() == "init running draining closed");
}

TEST_CASE("an iterator made without an LSN begins at the beginning") {
  auto wal = open_in_memory();
  must(wal.append("first"));
  must(wal.flush());
  CHECK(must(wal.iterator()).next()->value().lsn == 1);
}

TEST_CASE("several iterators of one log know nothing of one another") {
  auto wal = open_in_memory();
  for (int i = 0; i < 3; ++i) must(wal.append(std::to_string(i)));
  must(wal.flush());
  auto a = must(wal.iterator(1));
  auto b = must(wal.iterator(2));
  CHECK(must(a.next())->lsn == 1);
  CHECK(must(b.next())->lsn == 2);
  must(a.close());
  CHECK(said(a.next()) == "closed");
  CHECK(must(b.next())->lsn == 3);
  CHECK_FALSE(must(b.next()));
}
