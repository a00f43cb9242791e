// SPDX-License-Identifier: MIT
//
// G15: a log's memory is bounded in bytes and falls back after a burst; and the steady state allocates nothing at all.
// This executable counts every byte that goes through operator new and delete.

#include <algorithm>
#include <atomic>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <rewal/format/sparse_index.hpp>
#include <rewal/platform.hpp>
#include <rewal/wal.hpp>
#include <span>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/temp_dir.hpp>
#include <thread>
#include <torture/report.hpp>
#include <vector>

#if REWAL_LINUX
#include <unistd.h>
#endif

// ---- the heap, counted ---------------------------------------------------------------------------------------------

namespace heap {

std::atomic<std::int64_t> bytes{0};  // in use now
std::atomic<std::int64_t> peak{0};   // most since begin()
std::atomic<std::uint64_t> allocations{0};

/// Stands just before the memory that is handed out.
struct Head {
  void* block;
  std::size_t size;
};

void* take(std::size_t size, std::size_t alignment) noexcept {
  alignment = (std::max)(alignment, alignof(std::max_align_t));
  if (size > SIZE_MAX / 2) return nullptr;
  void* const block = std::malloc(size + sizeof(Head) + alignment);
  if (block == nullptr) return nullptr;
  void* at = static_cast<std::byte*>(block) + sizeof(Head);
  std::size_t room = size + alignment;
  at = std::align(alignment, size, at, room);
  Head* const head = static_cast<Head*>(at) - 1;
  *head = {block, size};
  const auto now = bytes.fetch_add(static_cast<std::int64_t>(size)) + static_cast<std::int64_t>(size);
  auto most = peak.load();
  while (most < now && !peak.compare_exchange_weak(most, now)) {
  }
  allocations.fetch_add(1);
  return at;
}

void* take_or_throw(std::size_t size, std::size_t alignment) {
  if (void* const memory = take(size, alignment)) return memory;
  throw std::bad_alloc();
}

void give(void* memory) noexcept {
  if (memory == nullptr) return;
  const Head head = *(static_cast<Head*>(memory) - 1);
  bytes.fetch_sub(static_cast<std::int64_t>(head.size));
  std::free(head.block);
}

/// The peak is counted from here on. Returns what is in use.
std::int64_t begin() {
  peak.store(bytes.load());
  return bytes.load();
}

}  // namespace heap

constexpr std::size_t any = 1;  // alignment
void* operator new(std::size_t n) { return heap::take_or_throw(n, any); }
void* operator new[](std::size_t n) { return heap::take_or_throw(n, any); }
void* operator new(std::size_t n, std::align_val_t a) { return heap::take_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return heap::take_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return heap::take(n, any); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return heap::take(n, any); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return heap::take(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return heap::take(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { heap::give(p); }
void operator delete[](void* p) noexcept { heap::give(p); }
void operator delete(void* p, std::size_t) noexcept { heap::give(p); }
void operator delete[](void* p, std::size_t) noexcept { heap::give(p); }
void operator delete(void* p, std::align_val_t) noexcept { heap::give(p); }
void operator delete[](void* p, std::align_val_t) noexcept { heap::give(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { heap::give(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { heap::give(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { heap::give(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { heap::give(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { heap::give(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { heap::give(p); }

namespace {

using namespace rewal_test;
using rewal_torture::Row;
using rewal_torture::thinning;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t slack_bytes = mib;  // the contract's
constexpr std::uint64_t default_queue_bytes = 2112 * kib;

/// What the sparse index may take of the peak.
[[nodiscard]] constexpr std::uint64_t index_bytes() {
  constexpr std::uint64_t entry_bytes = 16;
  return rewal::detail::SparseIndex::max_entries * entry_bytes;
}

/// Swallows what it is given, by default at once, and keeps no heap memory of its own.
struct Sink {
  struct State {
    std::atomic<std::uint64_t> size{0};
    std::atomic<std::uint64_t> writes{0};
    std::chrono::microseconds per_write{0};
  };
  std::shared_ptr<State> state = std::make_shared<State>();

  Result<std::size_t> write(Bytes bytes) {
    if (state->per_write.count() != 0) std::this_thread::sleep_for(state->per_write);
    state->size += bytes.size();
    ++state->writes;
    return bytes.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() { return state->size.load(); }
  Result<void> truncate(std::uint64_t n) {
    state->size = n;
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return Errc::io; }
};

const std::vector<std::byte>& plenty(std::size_t at_least = 0) {
  static std::vector<std::byte> bytes(mib, std::byte{0x5a});
  if (bytes.size() < at_least) bytes.assign(at_least, std::byte{0x5a});
  return bytes;
}

Bytes payload_of(std::size_t size) { return Bytes(plenty()).first(size); }

/// What a log needed, judged against what it may need.
class Judge {
 public:
  explicit Judge(std::uint64_t queue_bytes) : queue_bytes_(queue_bytes), start_(heap::begin()) {}

  /// After the work, with the log still open.
  void peak(Row& row, std::uint64_t largest_frame) {
    const std::uint64_t used = above_start(heap::peak.load());
    const std::uint64_t most = (std::max)(queue_bytes_, largest_frame) + slack_bytes + index_bytes();
    row.note("peak_kib_" + label_, used / kib);
    row.violations += used > most;
    UNSCOPED_INFO(label_ << ": peak of " << used << " bytes, at most " << most << " are allowed");
    CHECK(used <= most);
  }
  /// When all is written. What is there from the start on belongs to the log for as long as it is open.
  void idle(Row& row, std::uint64_t most) {
    std::uint64_t used = 0;
    static_cast<void>(eventually([&] { return (used = above_start(heap::bytes.load())) <= most; }));
    row.note("idle_kib_" + label_, used / kib);
    row.violations += used > most;
    UNSCOPED_INFO(label_ << ": " << used << " bytes when idle, at most " << most << " are allowed");
    CHECK(used <= most);
  }
  /// From here on `label` names the figures, and the peak is counted anew.
  Judge& now(std::string label) {
    label_ = std::move(label);
    static_cast<void>(heap::begin());
    return *this;
  }

 private:
  [[nodiscard]] std::uint64_t above_start(std::int64_t bytes) const {
    return bytes > start_ ? static_cast<std::uint64_t>(bytes - start_) : 0;
  }

  std::uint64_t queue_bytes_;
  std::int64_t start_;
  std::string label_;
};

/// `total` bytes by four producers, in events of 1 byte to 64 KiB.
template <class W>
std::uint64_t burst(W& wal, std::uint64_t total) {
  std::atomic<std::uint64_t> events{0};
  std::vector<std::thread> producers;
  for (std::uint64_t producer = 0; producer < 4; ++producer) {
    producers.emplace_back([&wal, &events, total, producer] {
      rewal_torture::Random random(rewal_torture::seed() + producer);
      for (std::uint64_t sent = 0; sent < total / 4;) {
        const auto size = static_cast<std::size_t>(random.below(random.below(8) == 0 ? 64 * kib : 2 * kib));
        if (!wal.append(payload_of(size))) return;
        sent += frame_bytes(size);
        ++events;
      }
    });
  }
  for (auto& producer : producers) producer.join();
  return events;
}

template <class W>
void settle(W& wal) {
  must(wal.flush());
}

/// A burst, tiny events and large ones, on a log with default options.
void default_options(std::uint64_t burst_bytes, std::uint64_t tiny_events, std::size_t large_bytes) {
  static_cast<void>(plenty(large_bytes));
  Row row("G15", "bytes appended to a log with default options", "bytes");

  const auto all = [&](auto builder, const std::string& where) {
    Judge judge(default_queue_bytes);
    auto wal = must(builder.build());
    judge.now(where + "_open").idle(row, slack_bytes);

    judge.now(where + "_burst");
    const auto events = burst(wal, burst_bytes);
    settle(wal);
    judge.peak(row, frame_bytes(64 * kib));
    judge.idle(row, slack_bytes);

    judge.now(where + "_tiny");
    for (std::uint64_t i = 0; i < tiny_events; ++i) must(wal.append(payload_of(i % 3)));
    settle(wal);
    judge.peak(row, frame_bytes(2));
    judge.idle(row, slack_bytes);

    judge.now(where + "_large");
    must(wal.append(payload_of(large_bytes)));
    settle(wal);
    judge.peak(row, frame_bytes(large_bytes));
    judge.idle(row, slack_bytes);

    // Two producers with a large one each, and small ones between: still one large frame at a time.
    judge.now(where + "_larges");
    std::vector<std::thread> producers;
    for (int producer = 0; producer < 2; ++producer) {
      producers.emplace_back([&] {
        for (int i = 0; i < 3; ++i) {
          static_cast<void>(wal.append(payload_of(large_bytes / 4)));
          static_cast<void>(wal.append(payload_of(1)));
        }
      });
    }
    for (auto& producer : producers) producer.join();
    settle(wal);
    judge.peak(row, frame_bytes(large_bytes / 4));
    judge.idle(row, slack_bytes);

    const auto stats = wal.stats();
    CHECK(stats.events_written == events + tiny_events + 1 + 12);
    row.count += stats.bytes_written;
    must(wal.shutdown());
  };
  const TempDir dir;
  all(Wal<>::open("sink").storage(Sink{}), "sink");
  all(Wal<>::open(dir.file("log")), "file");
}

}  // namespace

TEST_CASE("a log with default options keeps to its memory, whatever is appended") {
  default_options(64 * mib / thinning, 200'000 / thinning, static_cast<std::size_t>(16 * mib / thinning));
}

TEST_CASE("a burst of 1 GiB, 10^6 tiny events and one of 256 MiB keep to the same memory", "[.torture]") {
  default_options(1024 * mib, 1'000'000, static_cast<std::size_t>(256 * mib));
}

TEST_CASE("a slow storage behind a full queue costs no more memory") {
  Row row("G15", "bytes appended against a slow storage", "bytes");
  for (const std::uint64_t queue_bytes : {default_queue_bytes, 8 * mib, 64 * mib}) {
    Sink sink;
    sink.state->per_write = 200us;
    static_cast<void>(plenty());
    Judge judge(queue_bytes);
    judge.now("queue_" + std::to_string(queue_bytes / kib) + "k");
    auto wal = must(Wal<>::open("sink").storage(sink).queue_bytes(queue_bytes).queue_capacity(1 << 20).build());
    burst(wal, 2 * queue_bytes / (queue_bytes > 16 * mib ? thinning : 1));
    settle(wal);
    judge.peak(row, frame_bytes(64 * kib));
    // The ring is the log's own for as long as it is open.
    judge.idle(row, (queue_bytes > default_queue_bytes ? queue_bytes : 0) + slack_bytes);
    row.count += wal.stats().bytes_written;
    must(wal.shutdown());
    wal = {};
    judge.now("closed_" + std::to_string(queue_bytes / kib) + "k").idle(row, 4 * kib);
  }
}

#if REWAL_LINUX
namespace {

/// What the process has in memory, by the kernel's count.
std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("the memory of a large queue goes back to the system when the log is idle, and serves again") {
  Row row("G15", "bytes that went through a large queue", "bytes");
  constexpr std::uint64_t queue_bytes = 64 * mib;
  Sink sink;
  sink.state->per_write = 2ms;  // so that the queue fills
  static_cast<void>(plenty());
  auto wal = must(Wal<>::open("sink").storage(sink).queue_bytes(queue_bytes).queue_capacity(1 << 20).build());
  const std::uint64_t before = resident_bytes();
  std::uint64_t most_idle = 0;
  for (int round = 0; round < 3; ++round) {
    std::uint64_t sent = 0;
    while (sent < queue_bytes / 2) sent += frame_bytes(64 * kib) * (must(wal.append(payload_of(64 * kib))) != 0);
    const std::uint64_t full = resident_bytes();
    CHECK(full > before + queue_bytes / 4);
    settle(wal);
    std::uint64_t idle = 0;
    CHECK(eventually([&] { return (idle = resident_bytes()) <= before + slack_bytes; }));
    if (idle > before) most_idle = (std::max)(most_idle, idle - before);
    row.violations += idle > before + slack_bytes;
    row.count += sent;
  }
  row.note("most_idle_kib", most_idle / kib);
}

TEST_CASE("the memory of a large queue goes back also where an fsync lasts longer than the writer thread stays awake") {
  Row row("G15", "bytes that went through a large queue, with a slow fsync behind", "bytes");
  constexpr std::uint64_t queue_bytes = 64 * mib;
  Sink sink;
  sink.state->per_write = 1ms;
  const Blocking<Sink> disk(sink);
  static_cast<void>(plenty());
  auto wal = must(Wal<>::open("sink").storage(disk).queue_bytes(queue_bytes).build());
  const std::uint64_t before = resident_bytes();
  // The fsync has to begin before the log has been idle for some milliseconds.
  for (bool in_time = false; !in_time;) {
    for (std::uint64_t sent = 0; sent < queue_bytes / 4; row.count += frame_bytes(64 * kib)) {
      sent += frame_bytes(64 * kib) * (must(wal.append(payload_of(64 * kib))) != 0);
    }
    must(wal.flush());
    Hold hold(disk.syncs());
    auto durable = in_background([&] { return wal.append_durable(payload_of(1)); });
    hold.await_caller();
    in_time = resident_bytes() > before + queue_bytes / 8;
    if (in_time) std::this_thread::sleep_for(100ms);
    hold.release();
    must(outcome(durable));
    const bool falls = eventually([&] { return resident_bytes() <= before + slack_bytes; });
    row.violations += !falls;
    CHECK(falls);
  }
}
#endif

namespace {

void with_indexer_and_hooks(std::size_t payload_bytes, std::uint64_t events, const std::string& label) {
  struct Index {
    void on_append(Lsn, std::optional<Bytes> meta, std::uint64_t) { bytes += meta ? meta->size() : 0; }
    std::uint64_t bytes = 0;
  };
  struct Hook {
    void after_append(Lsn, std::size_t) {}
  };
  Row row("G15", "bytes appended with indexer and hooks, " + label, "bytes");
  static_cast<void>(plenty(payload_bytes));
  Judge judge(default_queue_bytes);
  auto wal = must(Wal<>::open("sink").storage(Sink{}).indexer(Index{}).hooks(Hook{}).build());
  judge.now(label);
  for (std::uint64_t i = 0; i < events; ++i) must(wal.append_with_meta(payload_of(payload_bytes - i % 100), "meta"));
  settle(wal);
  judge.peak(row, frame_bytes(payload_bytes, 4));
  judge.idle(row, slack_bytes);
  row.count = wal.stats().bytes_written;
}

}  // namespace

TEST_CASE("an indexer and hooks need no memory that grows with the log") {
  with_indexer_and_hooks(1000, 4000, "small");
}

TEST_CASE("an indexer and hooks need no memory that grows with the frame") {
  with_indexer_and_hooks(static_cast<std::size_t>(8 * mib), 2, "large");
}

namespace {

/// Keeps the length and the first byte: all of these events are of one byte many times over.
struct OneByte {
  std::size_t made_bytes = 7;

  Result<void> compress(Bytes from, std::vector<std::byte>& to) {
    // The record's header tells the length, and the byte behind it what the payload is made of.
    to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>((std::min)(from.size(), made_bytes)));
    return {};
  }
  Result<void> decompress(Bytes from, std::vector<std::byte>& to) {
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;) length = length * 256 + std::to_integer<std::size_t>(from[i]);
    to.insert(to.end(), from.begin(), from.begin() + 6);
    to.insert(to.end(), length, from[6]);
    return {};
  }
};

struct ForgetfulIndex {
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) {}
};

}  // namespace

TEST_CASE("what a compressor's large frames needed is given back") {
  Row row("G15", "bytes appended compressed", "bytes");
  const auto large = static_cast<std::size_t>(8 * mib);
  static_cast<void>(plenty(large));
  const MemoryStorage disk;
  Judge judge(default_queue_bytes);
  auto wal = must(Wal<>::open("disk").storage(disk).compressor(OneByte{}).indexer(ForgetfulIndex{}).build());
  judge.now("written");
  for (int i = 0; i < 3; ++i) must(wal.append(payload_of(large)));
  settle(wal);
  row.note("peak_kib", static_cast<std::uint64_t>(heap::peak.load()) / kib);
  judge.idle(row, slack_bytes);
  judge.now("read");
  {
    must(wal.append("small"));
    settle(wal);
    auto it = must(wal.iterator(0));
    for (int i = 0; i < 3; ++i) CHECK(must(it.next_borrowed())->payload.size() == large);
    CHECK(must(it.next_borrowed())->payload.size() == 5);
    judge.idle(row, slack_bytes);  // with the iterator at a small event
  }
  row.count = 3 * large;
}

TEST_CASE("what a compressor made of large frames is given back") {
  Row row("G15", "bytes appended and compressed to a half", "bytes");
  const auto large = static_cast<std::size_t>(8 * mib);
  static_cast<void>(plenty(large));
  Judge judge(default_queue_bytes);
  auto wal = must(Wal<>::open("sink").storage(Sink{}).compressor(OneByte{large / 2}).build());
  judge.now("written");
  for (int i = 0; i < 3; ++i) must(wal.append(payload_of(large)));
  settle(wal);
  judge.idle(row, slack_bytes);
  row.count = 3 * large;
}

TEST_CASE("a reader needs one chunk, or one frame") {
  Row row("G15", "events read beside", "events");
  const TempDir dir;
  static_cast<void>(plenty(2 * mib));
  {
    auto wal = must(Wal<>::open(dir.file("log")).build());
    for (int i = 0; i < 400; ++i) must(wal.append(payload_of(static_cast<std::size_t>(i) * 100)));
    must(wal.append(payload_of(2 * mib)));
    must(wal.shutdown());
  }
  Judge judge(default_queue_bytes);
  judge.now("recovery");
  auto wal = must(Wal<>::open(dir.file("log")).build());
  judge.peak(row, 0);
  judge.now("replay");
  row.count += must(wal.replay(0, [](const BorrowedEvent&) {}));
  judge.peak(row, 0);
  judge.now("owned");
  row.count += must(wal.replay(0, [](Event&&) {}));
  judge.peak(row, frame_bytes(2 * mib));
  judge.idle(row, slack_bytes);
}

// May fail: the sparse index and the buffer for runs over the queue's end still grow.
TEST_CASE("the steady state allocates nothing") {
  Row row("P11", "calls that must not allocate", "calls");
  const TempDir dir;
  std::uint64_t calls = 0;

  const auto every_call = [&](auto& wal, Batch& batch, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto size = static_cast<std::size_t>(i * 37 % 700);
      bool ok = wal.append(payload_of(size)).has_value();
      ok = wal.append("text").has_value() && ok;
      ok = wal.append_with_meta(payload_of(size), "meta").has_value() && ok;
      batch.clear();
      for (std::size_t n = 0; n < 5; ++n) batch.add_with_meta(payload_of(size), "m");
      ok = wal.append_batch(batch).has_value() && ok;
      const auto lsn = wal.append_batch(batch);
      ok = lsn.has_value() && ok;
      if (i % 4 == 0) ok = wal.flush().has_value() && ok;
      if (i % 8 == 1) ok = wal.sync().has_value() && ok;
      if (i % 8 == 2) ok = wal.wait_durable(*lsn).has_value() && ok;
      if (i % 8 == 3) ok = wal.append_durable(payload_of(size)).has_value() && ok;
      if (i % 8 == 4) ok = wal.append_durable_with_meta(payload_of(size), "meta").has_value() && ok;
      if (i % 8 == 5) ok = wal.append_batch_durable(batch).has_value() && ok;
      ok = wal.stats().state == State::running && wal.last_lsn() >= wal.durable_lsn() && ok;
      calls += ok ? 5u + (i % 4 == 0) + (i % 8 > 0 && i % 8 < 6) : 0u;
    }
  };
  const auto measure = [&](auto wal, const std::string& what, std::uint64_t times) {
    auto batch = Batch::with_capacity(5);
    every_call(wal, batch, times / 4 + 50);  // buffers grow to what this work needs
    calls = 0;
    const auto before = heap::allocations.load();
    every_call(wal, batch, times);
    must(wal.flush());
    const auto made = heap::allocations.load() - before;
    row.count += calls;
    row.violations += made;
    INFO(what);
    CHECK(calls >= times * 5);
    CHECK(made == 0);
    must(wal.shutdown());
  };
  static_cast<void>(plenty());
  for (const SyncMode mode : {SyncMode::never, SyncMode::batch, SyncMode::interval(2ms)}) {
    measure(must(Wal<>::open("sink").storage(Sink{}).sync_mode(mode).build()), "a storage of one's own",
            40'000 / thinning);
    measure(must(Wal<>::open(dir.file("log")).sync_mode(mode).build()), "a file", 800 / thinning);
  }
}

// May fail: as above.
TEST_CASE("several producers in the steady state allocate nothing") {
  Row row("P11", "calls of four producers at once", "calls");
  static_cast<void>(plenty());
  auto wal = must(Wal<>::open("sink").storage(Sink{}).build());
  const std::uint64_t each = 50'000 / thinning;
  std::atomic<int> phase{0};
  std::atomic<int> ready{0};
  std::atomic<std::uint64_t> calls{0};
  std::vector<std::thread> producers;
  for (int producer = 0; producer < 4; ++producer) {
    producers.emplace_back([&] {
      for (int wanted = 1; wanted <= 2; ++wanted) {
        ++ready;
        while (phase < wanted) std::this_thread::yield();
        for (std::uint64_t i = 0; i < each; ++i) {
          calls += wal.append(payload_of(i % 200)).has_value();
          if (i % 512 == 0) calls += wal.flush().has_value();
          if (i % 2048 == 1) calls += wal.append_durable("payload").has_value();
        }
      }
      ++ready;
    });
  }
  const auto run = [&](int which) {
    while (ready < 4 * which) std::this_thread::yield();
    const auto before = heap::allocations.load();
    phase = which;
    while (ready < 4 * (which + 1)) std::this_thread::yield();
    return heap::allocations.load() - before;
  };
  static_cast<void>(run(1));
  calls = 0;
  const auto made = run(2);
  for (auto& producer : producers) producer.join();
  row.count = calls;
  row.violations = made;
  CHECK(calls >= 4 * each);
  CHECK(made == 0);
}
