// SPDX-License-Identifier: MIT
//
// Followers of logs that hold something already: old files with gaps and inversions of LSNs, compressed frames, and
// storages of every kind.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/temp_dir.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;

/// All that a log holds, and an event more, by a follower.
template <class W>
std::vector<Event> followed(W& wal) {
  const std::size_t count = events(wal).size() + 1;
  auto follower = must(wal.follow(0));
  must(wal.append("one more"));
  std::vector<Event> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(must(follower.next()));
  return all;
}

/// In memory, and not to be read once it is closed, as a file.
class Forgetful {
 public:
  Result<std::size_t> write(Bytes bytes) { return disk_.write(bytes); }
  Result<void> sync() { return disk_.sync(); }
  Result<void> close() { return disk_.close(); }
  Result<std::uint64_t> size() { return disk_.size(); }
  Result<void> truncate(std::uint64_t n) { return disk_.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    ++*reads_;
    if (into.size() > 5) into = into.first(into.size() - 5);  // always a little short
    return disk_.read_at(into, offset);
  }
  [[nodiscard]] std::size_t reads() const { return *reads_; }

 private:
  MemoryStorage disk_;
  std::shared_ptr<std::atomic<std::size_t>> reads_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace

TEST_CASE("gaps of LSNs in old files are not hidden, and compressed frames are read") {
  const TempDir dir;
  for (const char* name : {"rust-dropgaps", "rust-basic", "rust-rle"}) {
    INFO(name);
    const auto path = dir.file(name);
    std::filesystem::copy_file(golden_path(name), path);
    auto wal = must(Wal<>::open(path).compressor(RunLength()).build());
    auto expected = golden_events(name);
    expected.push_back({wal.last_lsn() + 1, bytes_of("one more"), std::nullopt});
    CHECK(followed(wal) == expected);
    must(wal.shutdown());
  }
}

TEST_CASE("events out of order come in file order") {
  Log log;
  log.event("one").jump_to(5).event("five").jump_to(3).event("three").jump_to(6).event("six");
  MemoryStorage disk;
  must(disk.write(log.image));
  auto wal = must(Wal<>::open("log").storage(disk).build());
  auto follower = must(wal.follow(3));
  std::vector<Lsn> all;
  for (int i = 0; i < 3; ++i) all.push_back(must(follower.next_borrowed()).lsn);
  CHECK(all == std::vector<Lsn>{5, 3, 6});
}

TEST_CASE("a compressed frame without its compressor is an error, for ever") {
  const TempDir dir;
  std::filesystem::copy_file(golden_path("rust-rle"), dir.file("log"));
  auto wal = must(Wal<>::open(dir.file("log")).build());
  auto follower = must(wal.follow(0));
  std::string said_last;
  for (int i = 0; i < 100; ++i) said_last = said(follower.next_borrowed());
  CHECK(said_last == "compressor_required");
}

TEST_CASE("what is compressed while a follower waits is handed out as it was appended") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).compressor(RunLength()).build());
  auto follower = must(wal.follow(1));
  for (Lsn lsn = 1; lsn <= 20; ++lsn) {
    const std::string payload(100 * lsn, static_cast<char>('a' + lsn));
    must(wal.append(payload));
    CHECK(text_of(must(follower.next()).payload) == payload);
  }
  CHECK(wal.stats().compressed_bytes > 0);
}

TEST_CASE("a storage that is read in pieces, and no more when closed, is followed to its end") {
  Forgetful disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  auto follower = must(wal.follow(1));
  for (Lsn lsn = 1; lsn <= 100; ++lsn) must(wal.append(std::string(1000, 'x')));
  CHECK(must(follower.next_borrowed()).lsn == 1);
  for (Lsn lsn = 101; lsn <= 800; ++lsn) must(wal.append(std::string(1000, 'x')));
  must(wal.shutdown());
  const auto reads = disk.reads();
  for (Lsn lsn = 2; lsn <= 800; ++lsn) REQUIRE(must(follower.next_borrowed()).lsn == lsn);
  CHECK(said(follower.next()) == "closed");
  CHECK(disk.reads() == reads);
}

TEST_CASE("too far behind on a storage that cannot be read when closed is closed, not an error") {
  auto wal = must(Wal<>::open("log").storage(Forgetful()).build());
  auto follower = must(wal.follow(1));
  for (int i = 0; i < 3000; ++i) must(wal.append(std::string(1000, 'x')));
  must(wal.shutdown());
  CHECK(said(follower.next()) == "closed");
  must(follower.seek(2990));
  CHECK(must(follower.next_borrowed()).lsn == 2990);
}

TEST_CASE("a log without followers is not read when it is shut down") {
  Forgetful disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  must(wal.append("event"));
  must(wal.shutdown());
  CHECK(disk.reads() == 0);
}

TEST_CASE("a follower that keeps up reads each batch of events at once, and nothing twice") {
  Forgetful disk;
  auto wal = must(Wal<>::open("log").storage(disk).build());
  auto follower = must(wal.follow(1));
  Lsn next = 1;
  for (int burst = 0; burst < 20; ++burst) {
    for (int i = 0; i < 50; ++i) must(wal.append("event"));
    must(wal.append_durable("event"));
    for (int i = 0; i < 51; ++i) REQUIRE(must(follower.next_borrowed()).lsn == next++);
  }
  CHECK(disk.reads() < 20 * 51 / 2);  // each of these is a little short
}
