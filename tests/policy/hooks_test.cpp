// SPDX-License-Identifier: MIT
//
// Hooks: what is one and what is not, and when each of the eleven is called, with what, on which thread, how often.

#include <rewal/policy/hooks.hpp>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <ranges>
#include <rewal/wal.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <support/recording_storage.hpp>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace rewal_test;
using rewal::detail::HookCalls;
using std::chrono::nanoseconds;

namespace {

// ---- what is a hook type ------------------------------------------------------------------------------------------

// clang-format off
struct JustOnStart { void on_start(); };
struct JustOnShutdownStart { void on_shutdown_start(); };
struct JustOnShutdownDone { void on_shutdown_done(nanoseconds); };
struct JustBeforeAppend { void before_append(const Events&); };
struct JustAfterAppend { void after_append(Lsn, std::size_t); };
struct JustBeforeWrite { void before_write(std::size_t); };
struct JustAfterWrite { void after_write(std::size_t); };
struct JustBeforeSync { void before_sync(); };
struct JustAfterSync { void after_sync(nanoseconds); };
struct JustOnCorruption { void on_corruption(std::uint64_t); };
struct JustOnDrop { void on_drop(std::size_t); };
struct JustOnDurable { void on_durable(Lsn); };
// clang-format on

static_assert(Hooks<JustOnStart> && Hooks<JustOnShutdownStart> && Hooks<JustOnShutdownDone> &&
              Hooks<JustBeforeAppend> && Hooks<JustAfterAppend> && Hooks<JustBeforeWrite> && Hooks<JustAfterWrite> &&
              Hooks<JustBeforeSync> && Hooks<JustAfterSync> && Hooks<JustOnCorruption> && Hooks<JustOnDrop> &&
              Hooks<JustOnDurable>);

struct ConstAndStatic {
  void on_start() const;
  static void on_drop(std::size_t);
};
struct Generic {
  void before_append(const auto& events);
  void after_append(auto last, auto count);
};
struct Inherited : JustOnStart {};
struct MoveOnly {
  std::unique_ptr<int> state;
  void on_start();
};
struct TakesWider {
  void on_shutdown_done(std::chrono::duration<double>);
};
static_assert(Hooks<ConstAndStatic> && Hooks<Generic> && Hooks<Inherited> && Hooks<MoveOnly> && Hooks<TakesWider>);

struct Empty {};
struct OtherNames {
  void on_begin();
  void after_flush(std::size_t);
};
static_assert(!Hooks<Empty> && !Hooks<OtherNames> && Hooks<rewal::NoHooks> && !Hooks<int>);

// A right name with a wrong signature, alone and beside a right one.
template <class Wrong>
struct BesideARightOne : Wrong {
  void on_start();
};
template <class Wrong>
constexpr bool refused = !Hooks<Wrong> && !Hooks<BesideARightOne<Wrong>>;

struct WrongOnStart {
  void on_start(int);
};
struct WrongOnShutdownStart {
  void on_shutdown_start(nanoseconds);
};
struct WrongOnShutdownDone {
  void on_shutdown_done();
};
struct WrongBeforeAppend {
  void before_append(Events&);
};
struct WrongAfterAppend {
  void after_append(Lsn);
};
struct WrongBeforeWrite {
  void before_write();
};
struct WrongAfterWrite {
  void after_write(std::string);
};
struct WrongBeforeSync {
  void before_sync(Lsn);
};
struct WrongAfterSync {
  void after_sync(std::uint64_t);
};
struct WrongOnCorruption {
  void on_corruption(Error);
};
struct WrongOnDrop {
  void on_drop();
};
struct NoFunction {
  int before_sync = 0;
};
struct OnlyOnTemporaries {
  void before_sync() &&;
};
static_assert(!Hooks<WrongOnStart> && refused<WrongOnShutdownStart> && refused<WrongOnShutdownDone> &&
              refused<WrongBeforeAppend> && refused<WrongAfterAppend> && refused<WrongBeforeWrite> &&
              refused<WrongAfterWrite> && refused<WrongBeforeSync> && refused<WrongAfterSync> &&
              refused<WrongOnCorruption> && refused<WrongOnDrop> && refused<NoFunction> && refused<OnlyOnTemporaries>);

template <class H>
concept BuilderTakes = requires(H hooks) {
  Wal<>::open("p").hooks(std::move(hooks));
};
static_assert(BuilderTakes<JustOnDrop> && BuilderTakes<MoveOnly> && BuilderTakes<rewal::NoHooks>);
static_assert(!BuilderTakes<Empty> && !BuilderTakes<BesideARightOne<WrongOnDrop>>);

static_assert(std::forward_iterator<Events::iterator> && std::ranges::forward_range<const Events> &&
              std::ranges::sized_range<const Events>);
static_assert(std::is_same_v<std::ranges::range_value_t<Events>, BorrowedEvent>);

// ---- what was called ----------------------------------------------------------------------------------------------

/// Everything that happened, in order; the storage writes into it too.
class Timeline {
 public:
  void add(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    threads_.push_back(std::this_thread::get_id());
  }
  [[nodiscard]] std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  [[nodiscard]] std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(entries_, {});
  }
  [[nodiscard]] std::ptrdiff_t count(const std::string& beginning) const {
    const auto entries = all();
    return std::count_if(entries.begin(), entries.end(),
                         [&](const auto& entry) { return entry.starts_with(beginning); });
  }
  [[nodiscard]] bool all_on_this_thread() const {
    const std::lock_guard lock(mutex_);
    return std::all_of(threads_.begin(), threads_.end(), [](auto id) { return id == std::this_thread::get_id(); });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
  std::vector<std::thread::id> threads_;
};

std::string number(std::uint64_t n) { return std::to_string(n); }
std::string text(const Events& events) {
  std::string all = number(events.size()) + ":";
  for (const BorrowedEvent& event : events) {
    all += " " + std::string(as_text(event.payload));
    if (event.meta) all += "/" + std::string(as_text(*event.meta));
    if (event.lsn != 0) all += " with an LSN";
  }
  return all;
}

struct AllHooks {
  std::shared_ptr<Timeline> line;

  void on_start() { line->add("on_start"); }
  void on_shutdown_start() { line->add("on_shutdown_start"); }
  void on_shutdown_done(nanoseconds time) {
    line->add(time > 0ns && time < 1h ? "on_shutdown_done" : "on_shutdown_done oddly");
  }
  void before_append(const Events& events) { line->add("before_append " + text(events)); }
  void after_append(Lsn last, std::size_t count) { line->add("after_append " + number(last) + " " + number(count)); }
  void before_write(std::size_t bytes) { line->add("before_write " + number(bytes)); }
  void after_write(std::size_t bytes) { line->add("after_write " + number(bytes)); }
  void before_sync() { line->add("before_sync"); }
  void after_sync(nanoseconds time) { line->add(time >= 0ns && time < 1h ? "after_sync" : "after_sync oddly"); }
  void on_corruption(std::uint64_t offset) { line->add("on_corruption " + number(offset)); }
  void on_drop(std::size_t events) { line->add("on_drop " + number(events)); }
};
static_assert(Hooks<AllHooks>);

/// A storage that writes into the timeline as well.
struct TellingStorage {
  std::shared_ptr<Timeline> line;
  RecordingStorage disk{};

  Result<std::size_t> write(Bytes bytes) {
    line->add("write");
    return disk.write(bytes);
  }
  Result<void> sync() {
    line->add("sync");
    return disk.sync();
  }
  Result<void> close() {
    line->add("close");
    return disk.close();
  }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) { return disk.read_at(into, offset); }
};

using Entries = std::vector<std::string>;

Batch batch_of(const std::vector<std::string>& payloads) {
  Batch batch;
  for (const auto& payload : payloads) batch.add(payload);
  return batch;
}

struct Opened {
  std::shared_ptr<Timeline> line = std::make_shared<Timeline>();
  RecordingStorage disk{};

  auto builder() const { return Wal<>::open("log").storage(TellingStorage{line, disk}).hooks(AllHooks{line}); }
};

}  // namespace

TEST_CASE("a log's whole life, as its hooks and its storage see it", "[hooks]") {
  const Opened at;
  {
    auto wal = must(at.builder().build());
    CHECK(at.line->count("on_start") == 1);  // before build() returns
    CHECK(at.line->take().back() == "on_start");

    must(wal.append_with_meta("abc", "m"));
    must(wal.flush());
    CHECK(at.line->take() ==
          Entries{"before_append 1: abc/m", "before_write 38", "write", "after_append 1 1", "after_write 38"});

    must(wal.sync());
    CHECK(at.line->take() == Entries{"before_sync", "sync", "after_sync"});
    must(wal.sync());
    CHECK(at.line->take() == Entries{});  // nothing to do

    must(wal.append_batch_durable(batch_of({"x", "", "yz"})));
    CHECK(at.line->take() == Entries{"before_append 3: x  yz", "before_write 49", "write", "after_append 4 3",
                                     "after_write 49", "before_sync", "sync", "after_sync"});
    must(wal.append("last"));
    must(wal.flush());
    CHECK(at.line->take().size() == 5);
    must(wal.shutdown());
    CHECK(at.line->take() ==
          Entries{"on_shutdown_start", "before_sync", "sync", "after_sync", "close", "on_shutdown_done"});
    must(wal.shutdown());
  }
  CHECK(at.line->take() == Entries{});  // the destructor of a closed log tells nobody
  CHECK(at.disk.trespasses().empty());
}

TEST_CASE("the destructor is a shutdown to the hooks, close is not", "[hooks]") {
  const Opened at;
  { const auto wal = must(at.builder().build()); }
  CHECK(at.line->count("on_shutdown_start") == 1);
  CHECK(at.line->count("on_shutdown_done") == 1);
  const Opened other;
  must(must(other.builder().build()).close());
  CHECK(other.line->count("on_shutdown") == 0);
  CHECK(other.line->count("close") == 1);
}

TEST_CASE("concurrent callers of shutdown are one to the hooks", "[hooks]") {
  const Opened at;
  auto wal = must(at.builder().build());
  must(wal.append("x"));
  together(4, [&](std::size_t) { must(wal.shutdown()); });
  CHECK(at.line->count("on_shutdown_start") == 1);
  CHECK(at.line->count("on_shutdown_done") == 1);
}

TEST_CASE("on_shutdown_done comes after a failed shutdown too", "[hooks]") {
  const Opened at;
  auto wal = must(at.builder().build());
  at.disk.fail(Op::write, 1, ENOSPC);
  must(wal.append("x"));
  CHECK(errno_of(wal.shutdown()) == ENOSPC);
  CHECK(at.line->count("after_write") == 0);
  CHECK(at.line->count("after_append") == 0);
  CHECK(at.line->count("on_shutdown_done") == 1);
  CHECK(at.line->all().back() == "on_shutdown_done");
}

TEST_CASE("a failed fsync has a before_sync and no after_sync", "[hooks]") {
  const Opened at;
  auto wal = must(at.builder().build());
  at.disk.fail(Op::sync, 1, EIO);
  CHECK(errno_of(wal.append_durable("x")) == EIO);
  CHECK(at.line->count("before_sync") == 1);
  CHECK(at.line->count("after_sync") == 0);
}

TEST_CASE("on_corruption names the place where build() cut, before on_start", "[hooks]") {
  Log image;
  image.event("one").event("two");
  const std::size_t end = image.image.size();
  image.text("EWAL and then a tear");
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(RecordingStorage(image.image)).hooks(AllHooks{line}).build());
  CHECK(line->all() == Entries{"on_corruption " + number(end), "on_start"});
  CHECK(wal.stats().corruptions == 1);
}

TEST_CASE("a clean log, and zeros behind it, are no corruption", "[hooks]") {
  for (const std::size_t zeros : {std::size_t{0}, std::size_t{5000}}) {
    Log image;
    image.event("one").zeros(zeros);
    const auto line = std::make_shared<Timeline>();
    const auto wal = must(Wal<>::open("log").storage(RecordingStorage(image.image)).hooks(AllHooks{line}).build());
    CHECK(line->all() == Entries{"on_start"});
  }
}

TEST_CASE("on_drop says how many events were dropped, on the appending thread", "[hooks]") {
  struct DropHooks {
    std::shared_ptr<Timeline> line;
    void on_drop(std::size_t events) { line->add("on_drop " + number(events)); }
    void before_append(const Events& events) { line->add("before_append " + number(events.size())); }
  };
  const auto line = std::make_shared<Timeline>();
  const BlockingStorage storage;
  auto wal = must(Wal<>::open("log")
                      .storage(storage)
                      .hooks(DropHooks{line})
                      .queue_capacity(1)
                      .backpressure(Backpressure::drop)
                      .build());
  Hold hold(storage.writes());
  CHECK(must(wal.append("fills the queue")) == 1);
  hold.await_caller();
  CHECK(must(wal.append("a")) == 0);
  CHECK(must(wal.append_batch(batch_of({"b", "c", "d"}))) == 0);
  CHECK(said(wal.append_durable("e")) == "queue_full");  // not dropped: refused
  CHECK(line->all() ==
        Entries{"before_append 1", "before_append 1", "on_drop 1", "before_append 3", "on_drop 3", "before_append 1"});
  CHECK(line->all_on_this_thread());
  CHECK(wal.stats().drops == 4);
  hold.release();
  must(wal.flush());
  CHECK(must(wal.append("goes on")) == 2);
}

TEST_CASE("before_append comes also for an append that is then rejected", "[hooks]") {
  struct FailingCompressor {
    Result<void> compress(Bytes, std::vector<std::byte>&) { return Errc::crc_mismatch; }
    Result<void> decompress(Bytes, std::vector<std::byte>&) { return Errc::corrupted; }
  };
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log")
                      .storage(MemoryStorage{})
                      .hooks(AllHooks{line})
                      .compressor(FailingCompressor{})
                      .max_frame_bytes(100)
                      .build());
  CHECK(said(wal.append(std::string(101, 'x'))) == "invalid_record");
  CHECK(line->count("before_append 1: xxx") == 1);
  CHECK(said(wal.append("the compressor refuses")) == "crc_mismatch");
  CHECK(line->count("before_append 1: the compressor refuses") == 1);
  CHECK(wal.last_lsn() == 0);
}

TEST_CASE("before_append comes also for a meta that is too long", "[hooks]") {
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(AllHooks{line}).build());
  CHECK(said(wal.append_with_meta("payload", std::string(65536, 'm'))) == "invalid_record");
  CHECK(line->count("before_append 1: payload/mmm") == 1);
}

TEST_CASE("before_append sees a batch again and again, and by several passes", "[hooks]") {
  struct Twice {
    std::shared_ptr<Timeline> line;
    void before_append(const Events& events) {
      line->add(text(events));
      line->add(text(events));
      line->add(number(static_cast<std::uint64_t>(std::distance(events.begin(), events.end()))));
    }
  };
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(Twice{line}).build());
  Batch batch;
  batch.add_with_meta("p", "m");
  batch.add_with_meta("", "only meta");
  batch.add("");
  must(wal.append_batch(batch));
  const std::string expected = "3: p/m /only meta ";
  CHECK(line->all() == Entries{expected, expected, "3"});
}

TEST_CASE("write hooks run one at a time and count every byte, frame and event once", "[hooks]") {
  struct Totals {
    std::mutex mutex;
    std::uint64_t announced = 0, written = 0, events = 0, frames = 0, appends = 0;
    Lsn last = 0;
    bool overlapped = false;
    bool in_order = true;
  };
  struct Counting {
    std::shared_ptr<Totals> totals;
    void locked(const std::function<void(Totals&)>& work) {
      const std::unique_lock lock(totals->mutex, std::try_to_lock);
      if (!lock) {
        totals->overlapped = true;  // of the write path alone: before_append takes no lock
      } else {
        work(*totals);
      }
    }
    void before_write(std::size_t bytes) {
      locked([&](Totals& t) { t.announced += bytes; });
    }
    void after_write(std::size_t bytes) {
      locked([&](Totals& t) { t.written += bytes; });
    }
    void after_append(Lsn last, std::size_t count) {
      locked([&](Totals& t) {
        t.in_order = t.in_order && last == t.last + count;
        t.last = last;
        t.events += count;
        ++t.frames;
      });
    }
  };
  const auto totals = std::make_shared<Totals>();
  const MemoryStorage disk;
  auto wal = must(Wal<>::open("log").storage(disk).hooks(Counting{totals}).queue_bytes(4096).build());
  const std::size_t rounds = volume(800);
  together(4, [&](std::size_t thread) {
    for (std::size_t i = 0; i < rounds; ++i) {
      if (i % 3 == 0) {
        must(wal.append_batch(batch_of({"a", std::string(i % 50, 'b')})));
      } else if (i % 31 == 1) {
        must(wal.append_durable(std::string(thread * 7, 'c')));
      } else {
        must(wal.append(std::string(i % 300, 'd')));
      }
    }
  });
  must(wal.flush());
  CHECK(totals->last == wal.last_lsn());  // they have run before last_lsn shows the event
  must(wal.shutdown());
  CHECK(!totals->overlapped);
  CHECK(totals->in_order);
  CHECK(totals->announced == disk.bytes().size());
  CHECK(totals->written == disk.bytes().size());
  CHECK(totals->events == wal.stats().events_written);
  CHECK(totals->frames == wal.stats().batches_written);
  CHECK(totals->frames == rounds * 4);
}

TEST_CASE("hooks have run for an event before last_lsn shows it", "[hooks]") {
  struct Noting {
    std::shared_ptr<std::atomic<Lsn>> appended;
    std::shared_ptr<std::atomic<std::uint64_t>> bytes;
    void after_append(Lsn last, std::size_t) { appended->store(last); }
    void after_write(std::size_t n) { bytes->fetch_add(n); }
  };
  const auto appended = std::make_shared<std::atomic<Lsn>>(0);
  const auto bytes = std::make_shared<std::atomic<std::uint64_t>>(0);
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(Noting{appended, bytes}).build());
  std::atomic<bool> over{false};
  auto watching = in_background([&] {
    while (!over) {
      const Lsn shown = wal.last_lsn();
      if (appended->load() < shown || bytes->load() < shown * 35) return false;
    }
    return true;
  });
  for (std::size_t i = 0; i < volume(3000); ++i) {
    must(wal.append("x"));
    if (i % 8 == 0) must(wal.flush());
  }
  over = true;
  CHECK(outcome(watching));
}

TEST_CASE("while its hooks run an event does not show in last_lsn", "[hooks]") {
  struct Looking {
    std::shared_ptr<std::function<Lsn()>> last_lsn = std::make_shared<std::function<Lsn()>>([] { return Lsn{0}; });
    std::shared_ptr<std::vector<Lsn>> seen = std::make_shared<std::vector<Lsn>>();
    void after_append(Lsn, std::size_t) { seen->push_back((*last_lsn)()); }
    void after_write(std::size_t) { seen->push_back((*last_lsn)()); }
  };
  const Looking hooks;
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(hooks).queue_bytes(200).build());
  *hooks.last_lsn = [&] { return wal.last_lsn(); };
  for (const std::size_t size : {1u, 2u, 500u}) {  // the last one is larger than the queue
    must(wal.append(std::string(size, 'x')));
    must(wal.flush());
  }
  CHECK(*hooks.seen == std::vector<Lsn>{0, 0, 1, 1, 2, 2});
}

TEST_CASE("a subset of hooks is called, and nothing else is asked for", "[hooks]") {
  struct Two {
    std::shared_ptr<Timeline> line;
    void before_sync() { line->add("before_sync"); }
    void on_start() { line->add("on_start"); }
  };
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).hooks(Two{line}).build());
  must(wal.append_durable("x"));
  must(wal.shutdown());
  CHECK(line->all() == Entries{"on_start", "before_sync"});
}

TEST_CASE("a move-only hook type is moved into the log", "[hooks]") {
  struct Owning {
    std::unique_ptr<std::shared_ptr<Timeline>> line;
    void after_write(std::size_t bytes) { (*line)->add(number(bytes)); }
  };
  static_assert(!std::is_copy_constructible_v<Owning>);
  const auto line = std::make_shared<Timeline>();
  auto wal = must(Wal<>::open("log")
                      .storage(MemoryStorage{})
                      .hooks(Owning{std::make_unique<std::shared_ptr<Timeline>>(line)})
                      .build());
  auto moved = std::move(wal);
  must(moved.append("x"));
  must(moved.flush());
  CHECK(line->all() == Entries{"35"});
}

TEST_CASE("guarded calls swallow whatever is thrown, and call again", "[hooks]") {
  struct Throwing {
    std::shared_ptr<int> calls;
    void before_sync() {
      if (++*calls % 2 == 0) throw std::runtime_error("even");
      throw 42;
    }
  };
  const auto calls = std::make_shared<int>(0);
  const rewal::detail::PolicyMarks log;
  HookCalls<Throwing> hooks(Throwing{calls}, &log);
  for (int i = 1; i <= 4; ++i) {
    hooks.before_sync();
    CHECK(*calls == i);
    CHECK(!rewal::detail::PolicyScope::inside(&log));
  }
  hooks.on_start();  // which it does not have
  static_assert(!HookCalls<Throwing>::sees_frames && HookCalls<Throwing>::any);
  static_assert(!HookCalls<rewal::NoHooks>::any);
}
