// SPDX-License-Identifier: MIT
//
// Policies that throw, fail or call back in: every hook, the indexer, the compressor and each member of the storage,
// against every call of the log. Then what an indexer is told, and storages and policies of the smallest kind.

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <rewal/wal.hpp>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <support/golden.hpp>
#include <support/harness.hpp>
#include <support/log_image.hpp>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace rewal_test;
using std::chrono::nanoseconds;

namespace {

using Buffer = std::vector<std::byte>;

// ---- policies that pass a checkpoint in each of their members -----------------------------------------------------

/// What happens at the members of all four policies of one log; each member comes by with its name.
class Checkpoint {
 public:
  void pass(const std::string& place) {
    std::function<void()> act;
    {
      const std::lock_guard lock(mutex_);
      ++passed_[place];
      if (place == place_) act = act_;
    }
    if (act) act();
  }
  /// From now on `act` runs at `place`, each time.
  void at(const std::string& place, std::function<void()> act) {
    const std::lock_guard lock(mutex_);
    place_ = place;
    act_ = std::move(act);
  }
  void open() { at("", {}); }
  [[nodiscard]] int passed(const std::string& place) const {
    const std::lock_guard lock(mutex_);
    const auto found = passed_.find(place);
    return found == passed_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> passed_;
  std::string place_;
  std::function<void()> act_;
};

struct OddHooks {
  std::shared_ptr<Checkpoint> gate;
  void on_start() { gate->pass("on_start"); }
  void on_shutdown_start() { gate->pass("on_shutdown_start"); }
  void on_shutdown_done(nanoseconds) { gate->pass("on_shutdown_done"); }
  void before_append(const Events&) { gate->pass("before_append"); }
  void after_append(Lsn, std::size_t) { gate->pass("after_append"); }
  void before_write(std::size_t) { gate->pass("before_write"); }
  void after_write(std::size_t) { gate->pass("after_write"); }
  void before_sync() { gate->pass("before_sync"); }
  void after_sync(nanoseconds) { gate->pass("after_sync"); }
  void on_corruption(std::uint64_t) { gate->pass("on_corruption"); }
  void on_drop(std::size_t) { gate->pass("on_drop"); }
};
struct OddIndexer {
  std::shared_ptr<Checkpoint> gate;
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) { gate->pass("index"); }
};
struct OddCompressor {
  std::shared_ptr<Checkpoint> gate;
  Result<void> compress(Bytes source, Buffer& target) {
    gate->pass("compress");
    return RunLength{}.compress(source, target);
  }
  Result<void> decompress(Bytes source, Buffer& target, std::size_t most) {
    gate->pass("decompress");
    return RunLength{}.decompress(source, target, most);
  }
};
class OddStorage {
 public:
  explicit OddStorage(std::shared_ptr<Checkpoint> gate, Buffer content = {}) : gate_(std::move(gate)) {
    must(disk_.write(content));
  }
  Result<std::size_t> write(Bytes bytes) {
    gate_->pass("write");
    return disk_.write(bytes.first((std::min)(bytes.size(), most_per_write_->load())));
  }
  Result<void> sync() {
    gate_->pass("sync");
    return disk_.sync();
  }
  Result<void> close() {
    gate_->pass("close");
    return disk_.close();
  }
  Result<std::uint64_t> size() {
    gate_->pass("size");
    return disk_.size();
  }
  Result<void> truncate(std::uint64_t n) {
    gate_->pass("truncate");
    return disk_.truncate(n);
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    gate_->pass("read_at");
    return disk_.read_at(into, offset);
  }
  Result<void> preallocate(std::uint64_t) {
    gate_->pass("preallocate");
    return {};
  }
  struct Mapping {
    Buffer content;
    [[nodiscard]] Bytes bytes() const { return content; }
  };
  Result<std::shared_ptr<const Mapping>> map(std::uint64_t) {
    gate_->pass("map");
    return Error(Errc::io, "this storage maps nothing");
  }
  Result<std::string> preserve(std::uint64_t offset, Bytes bytes) {
    gate_->pass("preserve");
    return disk_.preserve(offset, bytes);
  }

  [[nodiscard]] Bytes bytes() const { return disk_.bytes(); }
  void set_most_per_write(std::size_t most) const { most_per_write_->store(most); }

 private:
  std::shared_ptr<Checkpoint> gate_;
  MemoryStorage disk_;
  std::shared_ptr<std::atomic<std::size_t>> most_per_write_ = std::make_shared<std::atomic<std::size_t>>(SIZE_MAX);
};

using OddWal = Wal<OddStorage, OddCompressor, OddIndexer, OddHooks>;

const std::vector<std::string> hook_places{"on_start",     "on_shutdown_start", "on_shutdown_done", "before_append",
                                           "after_append", "before_write",      "after_write",      "before_sync",
                                           "after_sync",   "on_corruption",     "on_drop"};

struct OddLog {
  auto builder() const {
    return Wal<>::open("odd")
        .storage(storage)
        .compressor(OddCompressor{gate})
        .indexer(OddIndexer{gate})
        .hooks(OddHooks{gate});
  }
  OddWal open(SyncMode mode = SyncMode::never) const { return must(builder().sync_mode(mode).build()); }

  std::shared_ptr<Checkpoint> gate = std::make_shared<Checkpoint>();
  OddStorage storage{gate};
};

std::string squeezable(char c = 'x') { return std::string(200, c); }
Batch batch_of(std::size_t count) {
  Batch batch;
  for (std::size_t i = 0; i < count; ++i) batch.add_with_meta(squeezable(), "m");
  return batch;
}
Result<std::uint64_t> read_all_of(const OddWal& wal) {
  return wal.replay(0, [](const BorrowedEvent&) {});
}

// ---- calling back in ----------------------------------------------------------------------------------------------

/// Makes every call on the log; what each of them said, and what the observers saw.
struct Inquiry {
  std::set<std::string> said_by_calls;
  int rounds = 0;
  bool observers_agree = true;

  void ask(OddWal& wal) {
    ++rounds;
    const auto hear = [&](const auto& result) { said_by_calls.insert(said(result)); };
    const Batch batch = batch_of(2);
    hear(wal.append("x"));
    hear(wal.append_with_meta("x", "m"));
    hear(wal.append_batch(batch));
    hear(wal.append_batch(Batch{}));
    hear(wal.append_durable("x"));
    hear(wal.append_durable_with_meta("x", "m"));
    hear(wal.append_batch_durable(batch));
    hear(wal.flush());
    hear(wal.sync());
    hear(wal.wait_durable(1));
    hear(wal.wait_durable(0));
    hear(wal.replay(1, [](const BorrowedEvent&) {}));
    hear(wal.iterator(1));
    hear(wal.shutdown());
    hear(wal.shutdown(1h));
    hear(wal.shutdown(0s));
    hear(wal.close());
    const Stats stats = wal.stats();
    const Lsn durable = wal.durable_lsn();  // before the other: both may grow meanwhile
    observers_agree = observers_agree && stats.durable_lsn <= stats.last_lsn && durable <= wal.last_lsn() &&
                      wal.state() != State::init && wal.recovery().frames == 0;
  }
};

/// Runs `life` on a log that is asked everything at `place`; the place must have been passed.
template <class F>
void expect_refused_inside(const std::string& place, SyncMode mode, F life) {
  INFO("inside " << place);
  Inquiry inquiry;
  std::mutex mutex;
  const OddLog log;
  OddWal wal = log.open(mode);
  log.gate->at(place, [&] {
    const std::lock_guard lock(mutex);
    inquiry.ask(wal);
  });
  life(log, wal);
  log.gate->open();
  const std::lock_guard lock(mutex);
  CHECK(inquiry.rounds > 0);
  CHECK(inquiry.said_by_calls == std::set<std::string>{"invalid_state"});
  CHECK(inquiry.observers_agree);
}

/// Everything a log can do, successfully; every place but on_start, on_corruption, on_drop, size, truncate and preserve
/// is passed.
void live(const OddLog&, OddWal& wal) {
  Batch batch = batch_of(3);
  must(wal.append(squeezable()));
  must(wal.append_with_meta("not squeezable", "m"));
  must(wal.append_batch(batch));
  must(wal.flush());
  must(wal.sync());
  CHECK(must(wal.append_durable("x")) == 6);
  must(wal.wait_durable(6));
  CHECK(must(wal.append_batch_durable(batch)) == 9);
  CHECK(must(read_all_of(wal)) == 9);
  std::size_t seen = 0;
  auto range = must(wal.iterator(1));
  for (const auto& event : range) {
    must(event);
    ++seen;
  }
  CHECK(seen == 9);
  must(wal.append("left for the shutdown"));
  must(wal.shutdown());
  CHECK(wal.durable_lsn() == 10);
}

SyncMode mode_of(int which) {
  return which == 0 ? SyncMode::never : which == 1 ? SyncMode::batch : SyncMode::interval(1ms);
}

}  // namespace

TEST_CASE("calling the log from inside any of its policies is refused, and the log lives on", "[policies]") {
  const SyncMode mode = mode_of(GENERATE(0, 1, 2));
  for (const char* const place : {"before_append", "after_append", "before_write", "after_write", "before_sync",
                                  "after_sync", "on_shutdown_start", "on_shutdown_done", "index", "compress",
                                  "decompress", "write", "sync", "close", "read_at", "preallocate", "map"}) {
    expect_refused_inside(place, mode, live);
  }
}

TEST_CASE("calling the log from inside on_drop is refused", "[policies]") {
  std::atomic<bool> writing{false};
  std::atomic<bool> go_on{false};
  Inquiry inquiry;
  const OddLog log;
  OddWal wal = must(log.builder().backpressure(Backpressure::drop).queue_capacity(1).build());
  log.gate->at("write", [&] {
    writing = true;
    (void)eventually([&] { return go_on.load(); });
  });
  must(wal.append("fills the queue"));
  REQUIRE(eventually([&] { return writing.load(); }));
  log.gate->at("on_drop", [&] { inquiry.ask(wal); });
  CHECK(must(wal.append("dropped")) == 0);
  go_on = true;
  log.gate->open();
  CHECK(inquiry.rounds == 1);
  CHECK(inquiry.said_by_calls == std::set<std::string>{"invalid_state"});
  CHECK(wal.stats().drops == 1);  // the calls inside were refused, not dropped
}

TEST_CASE("calling the log from inside the truncate of a closing storage is refused", "[policies]") {
  std::atomic<int> writes{0};
  const OddLog log;
  OddWal wal = log.open();
  must(wal.append("whole"));
  must(wal.flush());
  const std::size_t whole = log.storage.bytes().size();
  log.storage.set_most_per_write(7);
  log.gate->at("write", [&] {
    if (++writes == 2) (void)eventually([&] { return wal.state() != State::running; });
  });
  must(wal.append("half-written when the log is closed"));
  REQUIRE(eventually([&] { return writes == 2; }));
  Inquiry inquiry;
  log.gate->at("truncate", [&] { inquiry.ask(wal); });
  must(wal.close());
  log.gate->open();
  CHECK(inquiry.rounds == 1);
  CHECK(inquiry.said_by_calls == std::set<std::string>{"invalid_state"});
  CHECK(log.storage.bytes().size() == whole);
}

TEST_CASE("an iterator is not called from the storage or compressor that it is calling", "[policies]") {
  for (const char* const place : {"read_at", "decompress"}) {
    INFO(place);
    const OddLog log;
    OddWal wal = log.open();
    must(wal.append(squeezable()));
    must(wal.flush());
    auto it = must(wal.iterator(1));
    std::set<std::string> heard;
    log.gate->at(place, [&] {
      heard.insert(said(it.close()));
      heard.insert(said(it.next()));
    });
    static_cast<void>(it.next());  // what it says after such a call is its own affair
    log.gate->open();
    CHECK(heard == std::set<std::string>{"invalid_state"});
    CHECK(must(read_all_of(wal)) == 1);
  }
}

TEST_CASE("another thread calls the log while a policy runs", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  std::string heard;
  log.gate->at("before_append", [&] {
    log.gate->open();
    auto other = in_background([&] { return said(wal.append_durable("from another thread")); });
    heard = outcome(other);
  });
  CHECK(must(wal.append("x")) == 2);
  CHECK(heard == "ok");
}

// ---- two logs -----------------------------------------------------------------------------------------------------

TEST_CASE("a hook of one log appends to another, whose hook is still refused by the first", "[policies]") {
  struct Relay {
    std::shared_ptr<Checkpoint> gate;
    void before_append(const Events&) { gate->pass("before_append"); }
    void after_write(std::size_t) { gate->pass("after_write"); }
  };
  const std::string outer = GENERATE(std::string("before_append"), std::string("after_write"));
  const std::string inner = GENERATE(std::string("before_append"), std::string("after_write"));
  const auto gate_a = std::make_shared<Checkpoint>();
  const auto gate_b = std::make_shared<Checkpoint>();
  auto a = must(Wal<>::open("a").storage(MemoryStorage{}).hooks(Relay{gate_a}).build());
  auto b = must(Wal<>::open("b").storage(MemoryStorage{}).hooks(Relay{gate_b}).build());
  std::set<std::string> said_by_a;
  std::set<std::string> said_by_b;
  std::mutex mutex;
  std::atomic<std::thread::id> inside_a{};
  gate_a->at(outer, [&] {
    inside_a = std::this_thread::get_id();
    const auto lsn = b.append_durable("forwarded");
    const std::lock_guard lock(mutex);
    said_by_b.insert(said(lsn));
    inside_a = std::thread::id{};
  });
  int nested = 0;
  gate_b->at(inner, [&] {
    if (inside_a.load() != std::this_thread::get_id()) return;  // the writer of b may do it instead
    const std::lock_guard lock(mutex);
    ++nested;
    said_by_a.insert(said(a.append("round in a circle")));
    said_by_a.insert(said(a.flush()));
    said_by_a.insert(said(a.shutdown()));
    said_by_a.insert(said(b.append("into oneself")));
    static_cast<void>(a.stats());
  });
  for (int i = 0; i < 20; ++i) must(a.append_durable("x"));
  gate_a->open();
  gate_b->open();
  CHECK(said_by_b == std::set<std::string>{"ok"});
  if (inner == "before_append") CHECK(nested >= 1);
  if (nested > 0) CHECK(said_by_a == std::set<std::string>{"invalid_state"});
  CHECK(a.last_lsn() == 20);
  CHECK(b.last_lsn() >= 1);
  must(a.shutdown());
  must(b.shutdown());
}

TEST_CASE("a log opened, used and destroyed inside another log's hook", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  int lives = 0;
  log.gate->at("after_write", [&] {
    auto inner = must(Wal<>::open("inner").storage(MemoryStorage{}).build());
    must(inner.append_durable("x"));
    ++lives;
  });
  must(wal.append_durable("x"));
  log.gate->open();
  CHECK(lives == 1);
}

// ---- throwing -----------------------------------------------------------------------------------------------------

TEST_CASE("hooks and indexers that throw change nothing, and are called again next time", "[policies]") {
  const SyncMode mode = mode_of(GENERATE(0, 1, 2));
  auto places = hook_places;
  places.emplace_back("index");
  for (const std::string& place : places) {
    INFO(place);
    const OddLog log;
    std::atomic<int> thrown{0};
    log.gate->at(place, [&] {
      if (++thrown % 2 == 0) throw std::runtime_error("even");
      throw thrown.load();
    });
    OddWal wal = log.open(mode);
    live(log, wal);
    CHECK(thrown == log.gate->passed(place));
    const int expected_at_least = place == "on_start" || place.starts_with("on_shutdown") ? 1
                                  : place == "on_corruption" || place == "on_drop"        ? 0
                                  : place.ends_with("sync")                               ? 2
                                                                                          : 3;
    CHECK(log.gate->passed(place) >= expected_at_least);
    log.gate->open();
    CHECK(must(read_all_of(must(log.builder().build()))) == 10);
  }
}

TEST_CASE("on_corruption and on_drop may throw", "[policies]") {
  const auto gate = std::make_shared<Checkpoint>();
  gate->at("on_corruption", [] { throw 1; });
  Log image;
  image.event("one").text("tear");
  auto torn = must(Wal<>::open("torn").storage(OddStorage(gate, image.image)).hooks(OddHooks{gate}).build());
  CHECK(gate->passed("on_corruption") == 1);
  CHECK(must(torn.append_durable("x")) == 2);

  std::atomic<bool> writing{false};
  std::atomic<bool> go_on{false};
  const OddLog log;
  OddWal wal = must(log.builder().backpressure(Backpressure::drop).queue_capacity(1).build());
  log.gate->at("write", [&] {
    writing = true;
    (void)eventually([&] { return go_on.load(); });
  });
  must(wal.append("fills the queue"));
  REQUIRE(eventually([&] { return writing.load(); }));
  log.gate->at("on_drop", [] { throw 1; });
  CHECK(must(wal.append("dropped")) == 0);
  CHECK(must(wal.append_batch(batch_of(2))) == 0);
  go_on = true;
  CHECK(log.gate->passed("on_drop") == 2);
  must(wal.shutdown());
}

TEST_CASE("a storage that throws while the log runs is an io error, the first one final, and nothing hangs",
          "[policies]") {
  const SyncMode mode = mode_of(GENERATE(0, 1, 2));
  for (const char* const place : {"write", "sync"}) {
    INFO(place);
    const OddLog log;
    OddWal wal = log.open(mode);
    must(wal.append_durable("before"));
    log.gate->at(place, [] { throw std::runtime_error("the storage is broken"); });
    const auto first = wal.append_durable("x");
    CHECK(said(first) == "io");
    CHECK(first.error().message().find("threw") != std::string::npos);
    log.gate->open();
    for (const std::string& later :
         {said(wal.append("x")), said(wal.append_batch(batch_of(2))), said(wal.append_durable("x")), said(wal.flush()),
          said(wal.sync()), said(wal.wait_durable(2))}) {
      CHECK(later == "io");
    }
    CHECK(said(wal.wait_durable(1)) == "ok");
    CHECK(wal.durable_lsn() == 1);
    CHECK(must(read_all_of(wal)) >= 1);  // reading still works
    CHECK(said(wal.shutdown()) == "io");
    CHECK(wal.state() == State::closed);
    CHECK(said(wal.shutdown(1s)) == "io");
    CHECK(said(wal.close()) == "ok");
  }
}

TEST_CASE("a storage whose close throws is an error of shutdown, once and for all", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  must(wal.append("x"));
  log.gate->at("close", [] { throw 1; });
  CHECK(said(wal.shutdown()) == "io");
  CHECK(wal.state() == State::closed);
  CHECK(wal.durable_lsn() == 1);
  CHECK(said(wal.shutdown()) == "io");
  CHECK(log.gate->passed("close") == 1);
}

TEST_CASE("a preallocation or mapping that throws is no error", "[policies]") {
  for (const char* const place : {"preallocate", "map"}) {
    const OddLog log;
    log.gate->at(place, [] { throw 1; });
    OddWal wal = log.open();
    live(log, wal);
    CHECK(log.gate->passed(place) >= 1);
  }
}

TEST_CASE("a storage that throws while a log is opened fails build()", "[policies]") {
  for (const char* const place : {"size", "read_at", "truncate", "preserve", "sync"}) {
    INFO(place);
    const auto gate = std::make_shared<Checkpoint>();
    Log image;
    image.event("one").event("torn").event("valid behind it");
    image.image[image.places[1].at + 30] ^= std::byte{1};
    OddStorage storage(gate, image.image);
    gate->at(place, [] { throw 1; });
    const auto built = Wal<>::open("torn").storage(storage).build();
    CHECK(said(built) == "io");
    CHECK(gate->passed(place) >= 1);
    gate->open();
    auto again = must(Wal<>::open("torn").storage(storage).build());
    CHECK(payloads(again) == std::vector<std::string>{"one"});
  }
}

TEST_CASE("a read that throws is an error of that reader alone", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  must(wal.append(squeezable()));
  must(wal.flush());
  for (const char* const place : {"read_at", "decompress"}) {
    INFO(place);
    log.gate->at(place, [] { throw std::runtime_error("not now"); });
    const std::string expected = std::string(place) == "read_at" ? "io" : "corrupted";
    CHECK(said(read_all_of(wal)) == expected);
    auto it = must(wal.iterator(1));
    CHECK(said(it.next_borrowed()) == expected);
    log.gate->open();
    CHECK(said(it.next_borrowed()) == expected);  // the same again
    CHECK(must(read_all_of(wal)) == 1);
  }
  CHECK(must(wal.append_durable("the log goes on")) == 2);
}

TEST_CASE("a compressor that throws or fails loses that append alone, in every form", "[policies]") {
  const OddLog log;
  OddWal wal = log.open();
  const Batch batch = batch_of(3);
  log.gate->at("compress", [] { throw std::runtime_error("no"); });
  CHECK(said(wal.append("x")) == "invalid_record");
  CHECK(said(wal.append_with_meta("x", "m")) == "invalid_record");
  CHECK(said(wal.append_batch(batch)) == "invalid_record");
  CHECK(said(wal.append_durable("x")) == "invalid_record");
  CHECK(said(wal.append_batch_durable(batch)) == "invalid_record");
  must(wal.flush());
  must(wal.sync());
  log.gate->open();
  CHECK(must(wal.append_batch(batch)) == 3);
  must(wal.shutdown());
  CHECK(wal.last_lsn() == 3);
}

// ---- the indexer --------------------------------------------------------------------------------------------------

namespace {

struct Entry {
  Lsn lsn;
  std::optional<std::string> meta;
  std::uint64_t offset;
  friend bool operator==(const Entry&, const Entry&) = default;
};
struct Shelf {
  std::mutex mutex;
  std::vector<Entry> entries;
  bool overlapped = false;
};
struct Librarian {
  std::shared_ptr<Shelf> shelf;
  void on_append(Lsn lsn, std::optional<Bytes> meta, std::uint64_t offset) {
    const std::unique_lock lock(shelf->mutex, std::try_to_lock);
    if (!lock) {
      shelf->overlapped = true;
      return;
    }
    shelf->entries.push_back({lsn, meta ? std::optional(std::string(as_text(*meta))) : std::nullopt, offset});
  }
};
static_assert(Indexer<Librarian> && Indexer<rewal::NoIndexer>);

struct WrongIndexers {
  struct NoMember {};
  struct Fewer {
    void on_append(Lsn);
  };
  struct Returns {
    bool on_append(Lsn, std::optional<Bytes>, std::uint64_t);
  };
  struct TextMeta {
    void on_append(Lsn, std::string, std::uint64_t);
  };
};
static_assert(!Indexer<WrongIndexers::NoMember> && !Indexer<WrongIndexers::Fewer> && !Indexer<WrongIndexers::Returns> &&
              !Indexer<WrongIndexers::TextMeta>);

/// What a reader finds in the log, as the indexer should have heard it.
template <class W>
std::vector<Entry> as_read(const W& wal) {
  std::vector<Entry> all;
  must(wal.replay(0, [&](const BorrowedEvent& event) {
    all.push_back(
        {event.lsn, event.meta ? std::optional(std::string(as_text(*event.meta))) : std::nullopt, event.offset});
  }));
  return all;
}

template <class W>
void append_some_of_everything(W& wal) {
  must(wal.append("plain"));
  must(wal.append_with_meta(squeezable(), "meta one"));
  Batch batch;
  batch.add("b");
  batch.add_with_meta(squeezable(), std::string(300, 'm'));
  batch.add_with_meta("", "only");
  must(wal.append_batch(batch));
  must(wal.append_with_meta("", ""));
}

}  // namespace

TEST_CASE("the indexer hears of each event once, in order, with its meta and its frame's place",
          "[policies][indexer]") {
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).indexer(Librarian{shelf}).build());
  append_some_of_everything(wal);
  must(wal.flush());
  CHECK(shelf->entries == as_read(wal));
  REQUIRE(shelf->entries.size() == 6);
  CHECK(shelf->entries[1].meta == "meta one");
  CHECK(shelf->entries[0].offset == 0);
  CHECK(shelf->entries[1].offset == frame_bytes(5));
  CHECK(shelf->entries[2].offset == shelf->entries[4].offset);
  CHECK(!shelf->entries[5].meta);
}

TEST_CASE("the indexer gets the metas of compressed frames too", "[policies][indexer]") {
  const auto shelf = std::make_shared<Shelf>();
  auto wal =
      must(Wal<>::open("log").storage(MemoryStorage{}).compressor(RunLength{}).indexer(Librarian{shelf}).build());
  append_some_of_everything(wal);
  must(wal.flush());
  CHECK(wal.stats().compressed_bytes > 0);
  CHECK(shelf->entries == as_read(wal));
  CHECK(shelf->entries.size() == 6);
}

TEST_CASE("the indexer keeps its order under many producers and a small queue", "[policies][indexer]") {
  const bool compresses = GENERATE(false, true);
  const auto shelf = std::make_shared<Shelf>();
  const auto run = [&](auto wal) {
    together(4, [&](std::size_t thread) {
      for (std::size_t i = 0; i < volume(600); ++i) {
        const std::string meta = std::to_string(thread) + "/" + std::to_string(i);
        if (i % 5 == 0) {
          Batch batch;
          for (int k = 0; k < 3; ++k) batch.add_with_meta(std::string(i % 90, 'p'), meta);
          must(wal.append_batch(batch));
        } else {
          must(wal.append_with_meta(std::string(i % 500, 'p'), meta));
        }
      }
    });
    must(wal.flush());
    CHECK(!shelf->overlapped);
    CHECK(shelf->entries == as_read(wal));
    CHECK(shelf->entries.size() == wal.last_lsn());
  };
  auto builder = Wal<>::open("log").storage(MemoryStorage{}).indexer(Librarian{shelf});
  builder.queue_bytes(2000);
  if (compresses) {
    run(must(builder.compressor(RunLength{}).build()));
  } else {
    run(must(builder.build()));
  }
}

TEST_CASE("a frame larger than the queue is indexed like any other", "[policies][indexer]") {
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).indexer(Librarian{shelf}).queue_bytes(1000).build());
  must(wal.append_with_meta("small", "s"));
  must(wal.append_with_meta(std::string(50'000, 'x'), std::string(40'000, 'm')));
  must(wal.append_with_meta("small", "t"));
  must(wal.flush());
  CHECK(shelf->entries == as_read(wal));
  CHECK(shelf->entries.size() == 3);
}

TEST_CASE("the indexer starts behind what was there, and is not told of what failed", "[policies][indexer]") {
  const MemoryStorage disk;
  {
    auto wal = must(Wal<>::open("log").storage(disk).build());
    must(wal.append("old"));
  }
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(disk).indexer(Librarian{shelf}).build());
  CHECK(said(wal.append_with_meta("x", std::string(65536, 'm'))) == "invalid_record");
  must(wal.append_with_meta("new", "n"));
  must(wal.flush());
  CHECK(shelf->entries == std::vector<Entry>{{2, "n", frame_bytes(3)}});
}

TEST_CASE("an indexer that throws at some events is told of all the others", "[policies][indexer]") {
  struct Picky {
    std::shared_ptr<std::vector<Lsn>> heard;
    void on_append(Lsn lsn, std::optional<Bytes>, std::uint64_t) {
      heard->push_back(lsn);
      if (lsn % 2 == 0) throw std::runtime_error("even");
    }
  };
  const auto heard = std::make_shared<std::vector<Lsn>>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).indexer(Picky{heard}).build());
  append_some_of_everything(wal);
  must(wal.flush());
  CHECK(*heard == std::vector<Lsn>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("where a compressor cannot read back what it wrote, the indexer hears of the events without meta",
          "[policies][indexer]") {
  struct OneWay {
    Result<void> compress(Bytes, Buffer& target) {
      target.push_back(std::byte{1});
      return {};
    }
    Result<void> decompress(Bytes, Buffer&) { throw 1; }
  };
  const auto shelf = std::make_shared<Shelf>();
  auto wal = must(Wal<>::open("log").storage(MemoryStorage{}).compressor(OneWay{}).indexer(Librarian{shelf}).build());
  must(wal.append_with_meta("x", "m"));
  Batch batch = batch_of(2);
  must(wal.append_batch(batch));
  must(wal.flush());
  CHECK(shelf->entries == std::vector<Entry>{{1, std::nullopt, 0}, {2, std::nullopt, 29}, {3, std::nullopt, 29}});
}

// ---- the smallest policies, and how they are owned ----------------------------------------------------------------

namespace {

/// A storage of the six members and nothing else; it shares its bytes, and cannot be copied.
class Vector {
 public:
  explicit Vector(std::shared_ptr<Buffer> bytes) : bytes_(std::move(bytes)), guard_(std::make_unique<std::mutex>()) {}

  Result<std::size_t> write(Bytes bytes) {
    const std::lock_guard lock(*guard_);
    bytes_->insert(bytes_->end(), bytes.begin(), bytes.end());
    return bytes.size();
  }
  Result<void> sync() { return {}; }
  Result<void> close() { return {}; }
  Result<std::uint64_t> size() {
    const std::lock_guard lock(*guard_);
    return std::uint64_t{bytes_->size()};
  }
  Result<void> truncate(std::uint64_t n) {
    const std::lock_guard lock(*guard_);
    bytes_->resize(static_cast<std::size_t>(n));
    return {};
  }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    const std::lock_guard lock(*guard_);
    if (offset >= bytes_->size()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    const std::size_t count = (std::min)(into.size(), bytes_->size() - from);
    if (count > 0) std::memcpy(into.data(), bytes_->data() + from, count);
    return count;
  }

 private:
  std::shared_ptr<Buffer> bytes_;
  std::unique_ptr<std::mutex> guard_;
};
static_assert(Storage<Vector> && !std::is_copy_constructible_v<Vector>);

}  // namespace

TEST_CASE("a storage of six members serves a log for its whole life", "[policies]") {
  const auto bytes = std::make_shared<Buffer>();
  {
    auto wal = must(Wal<>::open("only a name").storage(Vector(bytes)).build());
    static_assert(std::is_same_v<decltype(wal), Wal<Vector>>);
    append_some_of_everything(wal);
    must(wal.append_durable(std::string(100'000, 'y')));
    CHECK(events(wal).size() == 7);
    auto it = must(wal.iterator(7));
    CHECK(must(it.next())->payload.size() == 100'000);
    must(wal.shutdown());
  }
  const std::size_t whole = bytes->size();
  bytes->resize(whole - 10);  // a torn last frame
  {
    auto wal = must(Wal<>::open("only a name").storage(Vector(bytes)).build());
    CHECK(wal.last_lsn() == 6);
    CHECK(must(wal.append_durable("again")) == 7);
  }
  const auto last = must(Wal<>::open("only a name").storage(Vector(bytes)).build());
  CHECK(payloads(last, 7) == std::vector<std::string>{"again"});
}

TEST_CASE("all four policies may be move-only, and go with the log when it moves", "[policies]") {
  struct Owning {
    std::unique_ptr<int> own = std::make_unique<int>(7);
    std::shared_ptr<std::atomic<int>> calls;
    void after_write(std::size_t) { calls->fetch_add(*own); }
  };
  struct OwningIndexer {
    std::unique_ptr<int> own = std::make_unique<int>(1);
    std::shared_ptr<std::atomic<int>> calls;
    void on_append(Lsn, std::optional<Bytes>, std::uint64_t) { calls->fetch_add(*own); }
  };
  struct OwningCompressor {
    std::unique_ptr<RunLength> own = std::make_unique<RunLength>();
    Result<void> compress(Bytes source, Buffer& target) { return own->compress(source, target); }
    Result<void> decompress(Bytes source, Buffer& target, std::size_t most) {
      return own->decompress(source, target, most);
    }
  };
  const auto writes = std::make_shared<std::atomic<int>>(0);
  const auto indexed = std::make_shared<std::atomic<int>>(0);
  auto built = Wal<>::open("log")
                   .storage(Vector(std::make_shared<Buffer>()))
                   .compressor(OwningCompressor{})
                   .indexer(OwningIndexer{.calls = indexed})
                   .hooks(Owning{.calls = writes})
                   .build();
  auto wal = must(std::move(built));
  must(wal.append(squeezable()));
  must(wal.flush());
  auto moved = std::move(wal);
  must(moved.append(squeezable()));
  must(moved.flush());
  CHECK(payloads(moved) == std::vector<std::string>{squeezable(), squeezable()});
  CHECK(*writes == 14);
  CHECK(*indexed == 2);
  CHECK(writes.use_count() == 2);
  must(moved.shutdown());
  moved = decltype(moved){};
  CHECK(writes.use_count() == 1);  // the log has let go of its policies
  CHECK(indexed.use_count() == 1);
}
