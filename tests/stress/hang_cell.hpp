// SPDX-License-Identifier: MIT
//
// One cell of the matrix {policy call} x {misbehaviour} x {call of the log}: a log, the threads that call it, and a
// watchdog that aborts with the cell's name.

#ifndef REWAL_TESTS_STRESS_HANG_CELL_HPP
#define REWAL_TESTS_STRESS_HANG_CELL_HPP

#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <rewal/wal.hpp>
#include <stress/troubled_policies.hpp>
#include <string>
#include <support/harness.hpp>
#include <thread>
#include <type_traits>
#include <utility>

namespace rewal_test {

enum class LogCall : std::size_t { append, flush, wait_durable, shutdown, close, destructor };
inline constexpr std::array<const char*, 6> log_call_names{"append",   "flush", "wait_durable",
                                                           "shutdown", "close", "destructor"};

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
  PolicyCall where;
  Misbehaviour what;
  LogCall call;
  SyncMode mode = SyncMode::never;

  [[nodiscard]] std::string name() const {
    return std::string(policy_call_names[static_cast<std::size_t>(where)]) + " " +
           misbehaviour_names[static_cast<std::size_t>(what)] + " x " + log_call_names[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] bool is_storage() const { return where >= PolicyCall::write; }
};

/// The cell's log, the threads that call it, and everything wrong that they saw.
template <class W>
class CellRun {
 public:
  explicit CellRun(const Cell& cell) : cell_(cell), t_(std::make_shared<Trouble>()) {
    t_->where = cell.where;
    t_->what = cell.what;
    t_->call_back = [this] { call_back(); };
  }

  /// Everything that is wrong; empty where nothing is. Returns, or the watchdog strikes.
  std::string run() {
    open();
    for (int i = 0; i < 3; ++i) must(wal_->append(text_));
    must(wal_->flush());
    if (cell_.what == Misbehaviour::blocks) t_->door.shut();
    t_->armed = true;

    auto reader = in_background([this] { read(); });
    auto call = in_background([this] { make_call(); });
    if (cell_.what == Misbehaviour::blocks) {
      run_blocked(call);
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
    if (cell_.where == PolicyCall::on_drop) builder.backpressure(Backpressure::drop).queue_capacity(1);
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
    if (cell_.where == PolicyCall::on_drop) {
      for (int i = 0; i < 2000 && t_->struck == 0; ++i) static_cast<void>(wal_->append(text_));
    }
    switch (cell_.call) {
      case LogCall::append:
        for (int i = 0; i < 20; ++i) static_cast<void>(wal_->append(text_));
        static_cast<void>(wal_->append_durable(text_));
        return;
      case LogCall::flush: static_cast<void>(wal_->flush()); return;
      case LogCall::wait_durable: static_cast<void>(wal_->wait_durable(lsn ? *lsn : 1)); return;
      case LogCall::shutdown: static_cast<void>(wal_->shutdown()); return;
      case LogCall::close: static_cast<void>(wal_->close()); return;
      case LogCall::destructor: static_cast<void>(wal_->flush()); return;  // the destructor itself comes in finish()
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
  void run_blocked(std::future<void>& call) {
    const auto give_up = std::chrono::steady_clock::now() + 20ms;
    while (t_->door.arrived() == 0 && !is_done(call) && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(100us);
    }
    // Observers never wait.
    static_cast<void>(wal_->stats());
    expect(wal_->durable_lsn() <= wal_->last_lsn(), "durable_lsn is ahead of last_lsn");
    // Who is stuck before a claim stops nobody else.
    const bool before_claim = cell_.where == PolicyCall::before_append || cell_.where == PolicyCall::compress;
    if (before_claim && t_->door.has_caller() && wal_->state() == State::running) {
      const auto flushed = wal_->flush();
      expect(flushed.has_value(), "a flush beside a blocked append failed: " + said(flushed));
    }
    // on_shutdown_start runs on the thread that shuts down, which it may so hold up itself.
    if (cell_.where != PolicyCall::on_shutdown_start) {
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
    if (cell_.call != LogCall::destructor) {
      const auto ended = wal_->shutdown();
      const auto again = wal_->shutdown();
      expect(said(ended) == said(again), "shutdown said " + said(ended) + ", then " + said(again));
      expect(wal_->state() == State::closed, "shutdown left the log open");
      if (cell_.what != Misbehaviour::throws && cell_.call != LogCall::close) {
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
  const SharedTrouble t_;
  const std::string text_ = std::string(200, 'e');
  std::unique_ptr<W> owner_;
  W* wal_ = nullptr;  // also for policies that are called from the destructor
  std::mutex mutex_;
  std::string wrong_;
};

}  // namespace rewal_test

#endif  // REWAL_TESTS_STRESS_HANG_CELL_HPP
