// SPDX-License-Identifier: MIT
//
// G16: no call hangs. Every place where the log calls a policy {hooks, indexer, compressor, storage} is made to
// {throw, call back in, block} while {append, flush, wait_durable, shutdown, close, destructor} runs. A watchdog aborts
// with the cell's name. With a blocked policy shutdown(timeout) alone must come back, until the policy is released;
// then everything must.

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <rewal/wal.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/blocking_storage.hpp>
#include <support/harness.hpp>
#include <thread>
#include <torture/report.hpp>
#include <utility>
#include <vector>

namespace {

using namespace rewal_test;
using rewal_torture::Row;

/// Where a policy is called.
enum class Where : std::size_t {
  before_append,
  after_append,
  before_write,
  after_write,
  before_sync,
  after_sync,
  on_shutdown_start,
  on_shutdown_done,
  on_drop,
  index,
  compress,
  decompress,
  write,
  sync,
  close,
  read_at
};
constexpr std::array<const char*, 16> where_names{
    "before_append",     "after_append",     "before_write",  "after_write",    "before_sync", "after_sync",
    "on_shutdown_start", "on_shutdown_done", "on_drop",       "indexer",        "compress",    "decompress",
    "storage.write",     "storage.sync",     "storage.close", "storage.read_at"};

enum class What : std::size_t { throws, calls_back, blocks };
constexpr std::array<const char*, 3> what_names{"throws", "calls back in", "blocks"};

enum class Call : std::size_t { append, flush, wait_durable, shutdown, close, destructor };
constexpr std::array<const char*, 6> call_names{"append", "flush", "wait_durable", "shutdown", "close", "destructor"};

/// What the policies of one log do; shared by all of them and the test.
struct Trouble {
  std::atomic<bool> armed{false};
  Where where{};
  std::atomic<What> what{};
  Door door;
  std::function<void()> call_back;
  std::atomic<std::uint64_t> struck{0};

  void at(Where here) {
    if (here != where || !armed) return;
    ++struck;
    switch (what.load()) {
      case What::throws: throw std::runtime_error("a policy that throws");
      case What::calls_back: call_back(); return;
      case What::blocks: door.pass(); return;
    }
  }
};
using Shared = std::shared_ptr<Trouble>;

struct TroubledHooks {
  Shared t;
  void before_append(const Events&) { t->at(Where::before_append); }
  void after_append(Lsn, std::size_t) { t->at(Where::after_append); }
  void before_write(std::size_t) { t->at(Where::before_write); }
  void after_write(std::size_t) { t->at(Where::after_write); }
  void before_sync() { t->at(Where::before_sync); }
  void after_sync(std::chrono::nanoseconds) { t->at(Where::after_sync); }
  void on_shutdown_start() { t->at(Where::on_shutdown_start); }
  void on_shutdown_done(std::chrono::nanoseconds) { t->at(Where::on_shutdown_done); }
  void on_drop(std::size_t) { t->at(Where::on_drop); }
};

struct TroubledIndexer {
  Shared t;
  void on_append(Lsn, std::optional<Bytes>, std::uint64_t) { t->at(Where::index); }
};

/// Leaves out the second half, which is known: every event's payload is 200 times the same letter.
struct TroubledCompressor {
  Shared t;
  Result<void> compress(Bytes from, std::vector<std::byte>& to) {
    t->at(Where::compress);
    to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(from.size() / 2));
    return {};
  }
  Result<void> decompress(Bytes from, std::vector<std::byte>& to) {
    t->at(Where::decompress);
    to.insert(to.end(), from.begin(), from.end());
    to.insert(to.end(), from.size(), static_cast<std::byte>('e'));
    return {};
  }
};

struct TroubledStorage {
  Shared t;
  MemoryStorage disk{};
  Result<std::size_t> write(Bytes bytes) {
    t->at(Where::write);
    return disk.write(bytes);
  }
  Result<void> sync() {
    t->at(Where::sync);
    return disk.sync();
  }
  Result<void> close() {
    t->at(Where::close);
    return disk.close();
  }
  Result<std::uint64_t> size() { return disk.size(); }
  Result<void> truncate(std::uint64_t n) { return disk.truncate(n); }
  Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
    t->at(Where::read_at);
    return disk.read_at(into, offset);
  }
};

using TroubledWal = Wal<TroubledStorage, TroubledCompressor, TroubledIndexer, TroubledHooks>;
using PlainWal = Wal<TroubledStorage, NoCompressor, TroubledIndexer, TroubledHooks>;

/// Aborts, with the cell's name, where the cell is not over in time.
class CellGuard {
 public:
  explicit CellGuard(std::string cell)
      : thread_([this, cell = std::move(cell)] {
          std::unique_lock lock(mutex_);
          if (changed_.wait_for(lock, patience, [this] { return over_; })) return;
          std::fprintf(stderr, "\nwatchdog: the cell \"%s\" hangs\n", cell.c_str());
          std::fflush(stderr);
          std::signal(SIGABRT, SIG_DFL);
          std::abort();
        }) {}
  CellGuard(const CellGuard&) = delete;
  CellGuard& operator=(const CellGuard&) = delete;
  ~CellGuard() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

/// One cell of the matrix.
struct Cell {
  Where where;
  What what;
  Call call;
  SyncMode mode = SyncMode::never;

  [[nodiscard]] std::string name() const {
    return std::string(where_names[static_cast<std::size_t>(where)]) + " " +
           what_names[static_cast<std::size_t>(what)] + " x " + call_names[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] bool is_storage() const { return where >= Where::write; }
};

/// The cell's log, the threads that call it, and everything wrong that they saw.
template <class W>
class Stage {
 public:
  explicit Stage(const Cell& cell) : cell_(cell), t_(std::make_shared<Trouble>()) {
    t_->where = cell.where;
    t_->what = cell.what;
    t_->call_back = [this] { call_back(); };
  }

  /// Everything that is wrong; empty where nothing is. Returns, or the watchdog strikes.
  std::string play() {
    open();
    for (int i = 0; i < 3; ++i) must(wal_->append(text_));
    must(wal_->flush());
    if (cell_.what == What::blocks) t_->door.shut();
    t_->armed = true;

    auto reader = in_background([this] { read(); });
    auto call = in_background([this] { make_call(); });
    if (cell_.what == What::blocks) {
      play_blocked(call);
      t_->door.open();
    }
    call.get();
    reader.get();
    finish();
    return wrong_;
  }

  [[nodiscard]] std::uint64_t struck() const { return t_->struck; }

 private:
  void open() {
    auto builder = Wal<>::open("log")
                       .sync_mode(cell_.mode)
                       .storage(TroubledStorage{t_})
                       .indexer(TroubledIndexer{t_})
                       .hooks(TroubledHooks{t_});
    if (cell_.where == Where::on_drop) builder.backpressure(Backpressure::drop).queue_capacity(1);
    if constexpr (std::is_same_v<W, TroubledWal>) {
      owner_ = std::make_unique<W>(must(builder.compressor(TroubledCompressor{t_}).build()));
    } else {
      owner_ = std::make_unique<W>(must(builder.build()));
    }
    wal_ = owner_.get();
  }

  /// The call that the cell is about, with what it needs to have something to do.
  void make_call() {
    // Trouble of an append is met by any of them; the call's own result may be anything but endless.
    const auto lsn = wal_->append(text_);
    if (cell_.where == Where::on_drop) {
      for (int i = 0; i < 2000 && t_->struck == 0; ++i) static_cast<void>(wal_->append(text_));
    }
    switch (cell_.call) {
      case Call::append:
        for (int i = 0; i < 20; ++i) static_cast<void>(wal_->append(text_));
        static_cast<void>(wal_->append_durable(text_));
        return;
      case Call::flush: static_cast<void>(wal_->flush()); return;
      case Call::wait_durable: static_cast<void>(wal_->wait_durable(lsn ? *lsn : 1)); return;
      case Call::shutdown: static_cast<void>(wal_->shutdown()); return;
      case Call::close: static_cast<void>(wal_->close()); return;
      case Call::destructor: static_cast<void>(wal_->flush()); return;  // the destructor itself comes in finish()
    }
  }

  void read() {
    static_cast<void>(wal_->replay(0, [](const BorrowedEvent&) {}));
    auto it = wal_->iterator(2);
    while (it) {
      const auto event = it->next_borrowed();
      if (!event || !*event) return;
    }
  }

  /// The policy is blocked, or the cell never gets there.
  void play_blocked(std::future<void>& call) {
    const auto give_up = std::chrono::steady_clock::now() + 20ms;
    while (t_->door.arrived() == 0 && !is_done(call) && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(100us);
    }
    // Observers never wait.
    static_cast<void>(wal_->stats());
    expect(wal_->durable_lsn() <= wal_->last_lsn(), "durable_lsn is ahead of last_lsn");
    // Who is stuck before a claim stops nobody else.
    const bool before_claim = cell_.where == Where::before_append || cell_.where == Where::compress;
    if (before_claim && t_->door.has_caller() && wal_->state() == State::running) {
      const auto flushed = wal_->flush();
      expect(flushed.has_value(), "a flush beside a blocked append failed: " + said(flushed));
    }
    // on_shutdown_start runs on the thread that shuts down, which it may so hold up itself.
    if (cell_.where != Where::on_shutdown_start) {
      const auto begin = std::chrono::steady_clock::now();
      const auto ended = wal_->shutdown(5ms);
      expect(ended || timed_out(ended) || said(ended) == "closed", "shutdown(5ms) said " + said(ended));
      expect(std::chrono::steady_clock::now() - begin < patience / 2, "shutdown(5ms) took too long");
      expect(wal_->state() != State::running, "shutdown(5ms) left the log running");
    }
    static_cast<void>(wal_->stats());
  }

  /// From inside a policy: every call that could wait is refused, every observer works.
  void call_back() {
    auto batch = Batch::with_capacity(1);
    batch.add("x");
    refused("append", wal_->append("x"));
    refused("append_batch", wal_->append_batch(batch));
    refused("append_durable", wal_->append_durable("x"));
    refused("flush", wal_->flush());
    refused("sync", wal_->sync());
    refused("wait_durable", wal_->wait_durable(UINT64_MAX));
    refused("replay", wal_->replay(0, [](const BorrowedEvent&) {}));
    refused("iterator", wal_->iterator(0));
    refused("shutdown", wal_->shutdown());
    refused("shutdown(0)", wal_->shutdown(0s));
    refused("close", wal_->close());
    static_cast<void>(wal_->stats());
    static_cast<void>(wal_->state());
    static_cast<void>(wal_->last_lsn());
    static_cast<void>(wal_->durable_lsn());
    static_cast<void>(wal_->recovery());
  }
  template <class T>
  void refused(const char* call, const Result<T>& result) {
    expect(said(result) == "invalid_state", std::string(call) + " from inside said " + said(result));
  }

  void finish() {
    if (cell_.call != Call::destructor) {
      const auto ended = wal_->shutdown();
      const auto again = wal_->shutdown();
      expect(said(ended) == said(again), "shutdown said " + said(ended) + ", then " + said(again));
      expect(wal_->state() == State::closed, "shutdown left the log open");
      if (cell_.what != What::throws && cell_.call != Call::close) {
        expect(ended.has_value(), "shutdown said " + said(ended));
      }
      expect(wal_->close().has_value(), "close at the end failed");
    }
    owner_.reset();  // the destructor
  }

  void expect(bool holds, const std::string& complaint) {
    if (holds) return;
    const std::lock_guard lock(mutex_);
    if (wrong_.empty()) wrong_ = complaint;
  }

  const Cell cell_;
  const Shared t_;
  const std::string text_ = std::string(200, 'e');
  std::unique_ptr<W> owner_;
  W* wal_ = nullptr;  // also for policies that are called from the destructor
  std::mutex mutex_;
  std::string wrong_;
};

/// Plays the cell, adds it to the row, and tells what was wrong with it.
std::string play(const Cell& cell, Row& row, std::uint64_t& struck) {
  const CellGuard guard(cell.name());
  const auto on = [&](auto& stage) {
    std::string wrong = stage.play();
    ++row.count;
    struck += stage.struck() != 0;
    if (!wrong.empty()) ++row.violations;
    return wrong;
  };
  if (cell.where == Where::compress || cell.where == Where::decompress) {
    Stage<TroubledWal> stage(cell);
    return on(stage);
  }
  Stage<PlainWal> stage(cell);
  return on(stage);
}

}  // namespace

TEST_CASE("no call hangs, whatever a policy does", "[slow]") {
  Row row("G16", "{policy call} x {throw, call back in, block} x {call}", "cells");
  std::uint64_t struck = 0;
  std::uint64_t turn = 0;
  const std::array<SyncMode, 3> modes{SyncMode::never, SyncMode::batch, SyncMode::interval(1ms)};
  for (std::size_t where = 0; where < where_names.size(); ++where) {
    for (std::size_t what = 0; what < what_names.size(); ++what) {
      std::uint64_t struck_here = 0;
      for (std::size_t call = 0; call < call_names.size(); ++call) {
        const Cell cell{static_cast<Where>(where), static_cast<What>(what), static_cast<Call>(call), modes[turn++ % 3]};
        INFO(cell.name());
        CHECK(play(cell, row, struck_here) == "");
      }
      // At least one of the six calls gets to where the trouble is.
      INFO(where_names[where] << " " << what_names[what]);
      CHECK(struck_here > 0);
      struck += struck_here;
    }
  }
  row.note("in_trouble", struck);
  CHECK(row.violations == 0);
}

TEST_CASE("a full queue holds nobody up at the end") {
  // Producers wait for room behind a storage that does not move; close, shutdown and a failed write let them go.
  Row row("G16", "producers blocked on a full queue", "producers");
  for (const std::string end : {"shutdown", "close", "failure", "destructor"}) {
    const CellGuard guard("full queue x " + end);
    auto t = std::make_shared<Trouble>();
    t->where = Where::write;
    t->what = What::blocks;
    std::optional<PlainWal> wal(must(Wal<>::open("log")
                                         .queue_bytes(4096)
                                         .queue_capacity(8)
                                         .storage(TroubledStorage{t})
                                         .indexer(TroubledIndexer{t})
                                         .hooks(TroubledHooks{t})
                                         .build()));
    t->door.shut();
    t->armed = true;
    std::atomic<int> accepted{0};
    std::atomic<int> left{0};
    std::vector<std::thread> producers;
    for (int producer = 0; producer < 6; ++producer) {
      producers.emplace_back([&, producer] {
        const std::string payload(producer == 0 ? 9000 : producer == 1 ? 2000 : 300, 'p');  // larger than the queue too
        while (wal->append(payload)) ++accepted;
        ++left;
      });
    }
    // Those who flush and wait stand at the same door.
    CHECK(eventually([&] { return accepted > 0; }));  // LSN 1 exists
    auto flush = in_background([&] { return wal->flush(); });
    auto durable = in_background([&] { return wal->wait_durable(1); });
    CHECK(eventually([&] { return t->door.has_caller(); }));
    std::this_thread::sleep_for(5ms);
    CHECK(left == 0);
    if (end == "shutdown" || end == "destructor") {
      CHECK(timed_out(wal->shutdown(5ms)));
      for (auto& producer : producers) producer.join();  // refused at once, although the storage is still blocked
      t->door.open();
      if (end == "shutdown") CHECK(said(wal->shutdown()) == "ok");
      CHECK(said(outcome(flush)) == "ok");
      CHECK(said(outcome(durable)) == "ok");
      wal.reset();
    } else if (end == "close") {
      auto close = in_background([&] { return wal->close(); });
      for (auto& producer : producers) producer.join();
      t->door.open();
      CHECK(said(outcome(close)) == "ok");
      static_cast<void>(outcome(flush));
      static_cast<void>(outcome(durable));
      CHECK(said(wal->shutdown()) == "closed");
      wal.reset();
    } else {
      t->what = What::throws;  // whoever stands at the door goes through, the next write throws
      t->door.open();
      for (auto& producer : producers) producer.join();
      static_cast<void>(outcome(flush));
      static_cast<void>(outcome(durable));
      CHECK(said(wal->shutdown()) == "io");
      wal.reset();
    }
    CHECK(left == 6);
    row.count += 6;
    CHECK(accepted > 0);
  }
}
