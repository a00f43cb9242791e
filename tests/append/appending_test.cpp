// SPDX-License-Identifier: MIT
//
// From the caller's bytes to the queue: copies, allocations, compressors that fail, and the order of what is checked.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>
#include <rewal/platform.hpp>
#include <rewal/wal.hpp>
#include <stdexcept>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <utility>
#include <vector>

using namespace rewal_test;

namespace {

thread_local std::size_t allocations = 0;                  // of this thread
[[maybe_unused]] thread_local bool out_of_memory = false;  // for this thread

}  // namespace

// The executable's own allocation functions, which count; ThreadSanitizer has its own, and then nothing is counted
// here. Out of line, or g++ takes malloc and free for a mismatch.
#if !REWAL_TSAN
REWAL_NOINLINE void* operator new(std::size_t size) {
  ++allocations;
  if (out_of_memory) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
REWAL_NOINLINE void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
REWAL_NOINLINE void operator delete(void* memory) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
REWAL_NOINLINE void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
#endif

namespace {

/// Keeps nothing, so that the storage allocates nothing either.
struct Sink {
  std::shared_ptr<std::atomic<std::uint64_t>> bytes = std::make_shared<std::atomic<std::uint64_t>>(0);
  Result<std::size_t> write(Bytes more) {
    *bytes += more.size();
    return more.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return bytes->load(); }
  Result<void> truncate(std::uint64_t) { return {}; }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return std::size_t{0}; }
};

/// Does what the test says, once.
struct MoodyCompressor {
  enum class Mood { works, fails, throws, grows };
  std::shared_ptr<std::atomic<Mood>> mood = std::make_shared<std::atomic<Mood>>(Mood::works);
  Result<void> compress(Bytes source, std::vector<std::byte>& target) {
    switch (mood->exchange(Mood::works)) {
      case Mood::fails: return Error(Errc::crc_mismatch, std::make_error_code(std::errc::bad_message));
      case Mood::throws: throw std::runtime_error("no");
      case Mood::grows: target.resize(target.size() + source.size() + 100); return {};
      case Mood::works: break;
    }
    for (std::size_t i = 0; i < source.size(); i += 2) target.push_back(source[i]);
    return {};
  }
  Result<void> decompress(Bytes source, std::vector<std::byte>& target) {
    for (const std::byte byte : source) target.insert(target.end(), 2, byte);
    return {};
  }
};

struct CountingAppends {
  std::shared_ptr<std::atomic<std::size_t>> events = std::make_shared<std::atomic<std::size_t>>(0);
  void before_append(const Events& all) {
    for (const BorrowedEvent& event : all) *events += event.lsn == 0;
  }
};

}  // namespace

TEST_CASE("append takes a copy: the caller's bytes may change at once") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).build());
  std::string payload;
  std::string meta;
  for (int i = 0; i < 1000; ++i) {
    payload = "payload " + std::to_string(i);
    meta = std::to_string(i);
    must(wal.append_with_meta(payload, meta));
    payload.assign(payload.size(), '#');
    meta.assign(meta.size(), '#');
  }
  must(wal.flush());
  const auto all = events(wal);
  REQUIRE(all.size() == 1000);
  for (int i = 0; i < 1000; ++i) {
    const auto& event = all[static_cast<std::size_t>(i)];
    REQUIRE(text_of(event.payload) == "payload " + std::to_string(i));
    REQUIRE(text_of(*event.meta) == std::to_string(i));
  }
}

TEST_CASE("in the steady state an append allocates nothing on its thread") {
  auto wal = must(Wal<>::open("log").storage(Sink()).build());
  const std::string payload(100, 'x');
  for (int i = 0; i < 1000; ++i) must(wal.append(payload));
  must(wal.flush());
  const auto before = allocations;
  for (std::size_t i = 0; i < volume(20'000); ++i) {
    static_cast<void>(wal.append(payload));
    static_cast<void>(wal.append_with_meta(payload, "meta"));
  }
  CHECK(allocations == before);
}

TEST_CASE("in the steady state a batch that is reused allocates nothing") {
  auto wal = must(Wal<>::open("log").storage(Sink()).build());
  auto batch = Batch::with_capacity(8);
  const std::string payload(100, 'x');
  const auto round = [&] {
    batch.clear();
    for (int i = 0; i < 8; ++i) batch.add_with_meta(payload, "meta");
    return wal.append_batch(batch);
  };
  for (int i = 0; i < 100; ++i) must(round());
  must(wal.flush());
  const auto before = allocations;
  for (std::size_t i = 0; i < volume(5000); ++i) static_cast<void>(round());
  CHECK(allocations == before);
}

TEST_CASE("frames that run over the ring's end arrive whole, whatever their length") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).queue_bytes(777).build());
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < volume(3000); ++i) {
    sent.emplace_back(i * 37 % 700, static_cast<char>('a' + i % 26));
    must(wal.append(sent.back()));
  }
  must(wal.flush());
  CHECK(payloads(wal) == sent);
}

TEST_CASE("a compressor that fails or throws fails that append alone, which takes no LSN") {
  const MoodyCompressor compressor;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).compressor(compressor).build());
  CHECK(wal.append("aabbcc") == 1u);
  *compressor.mood = MoodyCompressor::Mood::fails;
  const auto failed = wal.append("aabbcc");
  CHECK(said(failed) == "crc_mismatch");
  CHECK(failed.error().system() == std::errc::bad_message);
  *compressor.mood = MoodyCompressor::Mood::throws;
  CHECK(said(wal.append("aabbcc")) == "invalid_record");
  *compressor.mood = MoodyCompressor::Mood::throws;
  CHECK(said(wal.append_durable("aabbcc")) == "invalid_record");
  CHECK(wal.append("aabbcc") == 2u);
}

TEST_CASE("what compression does not shrink is stored as it is") {
  const MoodyCompressor compressor;
  MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).compressor(compressor).build());
  *compressor.mood = MoodyCompressor::Mood::grows;
  must(wal.append("event"));
  must(wal.flush());
  CHECK(frames_in(disk.bytes())[0].flags == 0);
  CHECK(disk.bytes().size() == frame_bytes(5));
  CHECK(payloads(wal) == std::vector<std::string>{"event"});
  CHECK(wal.stats().compressed_bytes == 0);
}

TEST_CASE("before_append sees every event, also of appends that are then refused") {
  const CountingAppends hooks;
  const BlockingStorage disk;
  auto wal =
      must(Wal<>::open("log").storage(disk).hooks(hooks).backpressure(Backpressure::error).queue_capacity(1).build());
  const Hold hold(disk.writes());
  must(wal.append("accepted"));
  CHECK(said(wal.append("refused")) == "queue_full");
  Batch batch;
  batch.add("1");
  batch.add("2");
  CHECK(said(wal.append_batch(batch)) == "queue_full");
  CHECK(*hooks.events == 4);
}

TEST_CASE("a waiting append sleeps: it uses no processor time to speak of") {
  if (REWAL_WINDOWS == 1) SKIP("clock() tells the time of day here");
  const BlockingStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).queue_capacity(1).build());
  Hold hold(disk.writes());
  must(wal.append("1"));
  auto blocked = in_background([&] { return wal.append("2"); });
  const auto is_idle = [] {
    const auto before = std::clock();
    std::this_thread::sleep_for(50ms);
    return std::clock() - before < CLOCKS_PER_SEC / 100;
  };
  CHECK(eventually(is_idle));
  hold.release();
  CHECK(outcome(blocked) == 2u);
}

TEST_CASE("with one place in the queue a hundred appends from each of several threads all get in") {
  auto wal = must(Wal<>::open("log").storage(MemoryStorage()).queue_capacity(1).build());
  together(8, [&](std::size_t) {
    for (std::size_t i = 0; i < volume(100); ++i) must(wal.append("event"));
  });
  must(wal.flush());
  CHECK(wal.last_lsn() == 8 * volume(100));
}

#if !REWAL_TSAN
namespace {

struct ToldIndexer {
  std::vector<std::pair<Lsn, bool>>* told;  // LSN, and whether it came with meta
  void on_append(Lsn lsn, std::optional<Bytes> meta, std::uint64_t) { told->emplace_back(lsn, meta.has_value()); }
};

}  // namespace

TEST_CASE("an event whose meta finds no memory to be joined in is told of once, without it", "[append]") {
  Log log(7);
  log.batch({{"one", "meta"}, {"two", std::string(300, 'm')}, {"three", "meta"}});
  std::vector<std::pair<Lsn, bool>> told;
  told.reserve(3);
  detail::HookCalls<NoHooks> hooks({}, nullptr);
  detail::SharedLog<MemoryStorage, NoCompressor> shared({}, {}, 1 << 20);
  detail::FrameNotifier<ToldIndexer, detail::HookCalls<NoHooks>> notifier({&told}, nullptr);
  // In two pieces, as over the end of the ring; the second meta is what goes over it.
  const std::span<std::byte> frame(log.image);
  const detail::RingSpan<std::byte> pieces{frame.first(24 + 6 + 7 + 6 + 100), frame.subspan(24 + 6 + 7 + 6 + 100)};
  out_of_memory = true;
  notifier.frames_written(pieces, 0, hooks, shared);
  out_of_memory = false;
  CHECK(told == std::vector<std::pair<Lsn, bool>>{{7, true}, {8, false}, {9, true}});
}
#endif
